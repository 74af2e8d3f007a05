//! Encodes rows for `COPY ... (FORMAT binary)`: a header, then for each row the number of fields and
//! each field after its length, all big-endian.

use super::values::{EPOCH_DAYS, EPOCH_US};

/// Signature, flags and the length of a header extension.
pub const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// End of the data, in place of the number of fields of a next row.
pub const TRAILER: &[u8] = &(-1i16).to_be_bytes();

/// Appends rows to a buffer.
#[derive(Debug, Default)]
pub struct Encoder {
    pub bytes: Vec<u8>,
}

impl Encoder {
    pub fn row(&mut self, fields: i16) {
        self.bytes.extend_from_slice(&fields.to_be_bytes());
    }

    pub fn int(&mut self, value: i32) {
        self.bytes.extend_from_slice(&4i32.to_be_bytes());
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub fn long(&mut self, value: i64) {
        self.bytes.extend_from_slice(&8i32.to_be_bytes());
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Microseconds since 1970.
    pub fn time(&mut self, us: i64) {
        self.long(us.saturating_sub(EPOCH_US));
    }

    /// Days since 1970.
    pub fn date(&mut self, days: i32) {
        self.int(days.saturating_sub(EPOCH_DAYS));
    }

    pub fn float(&mut self, value: f64) {
        self.bytes.extend_from_slice(&8i32.to_be_bytes());
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub fn bool(&mut self, value: bool) {
        self.bytes.extend_from_slice(&1i32.to_be_bytes());
        self.bytes.push(value.into());
    }

    pub fn null(&mut self) {
        self.bytes.extend_from_slice(&(-1i32).to_be_bytes());
    }

    /// A text; the protocol limits messages to less than `i32::MAX` bytes.
    pub fn text(&mut self, value: &str) {
        let length = i32::try_from(value.len()).unwrap_or(i32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(value.as_bytes());
    }

    /// The same with the times of events that are not at two places at once.
    pub fn placed_presence(
        &mut self,
        ids: [i64; 2],
        times_us: [i64; 2],
        counts: [i32; 2],
        placed_us: [i64; 2],
    ) {
        let start = self.bytes.len();
        self.presence(ids, times_us, counts);
        self.bytes[start..start + 2].copy_from_slice(&8i16.to_be_bytes());
        placed_us.into_iter().for_each(|us| self.time(us));
    }

    /// A row of hourly presence. Millions of rows are encoded, so the buffer is extended once per row.
    pub fn presence(&mut self, ids: [i64; 2], times_us: [i64; 2], counts: [i32; 2]) {
        let mut row = [0u8; 66];
        row[0..2].copy_from_slice(&6i16.to_be_bytes());
        let times = times_us.map(|us| us.saturating_sub(EPOCH_US));
        for (at, number) in [2, 14, 26, 38].into_iter().zip(ids.into_iter().chain(times)) {
            row[at..at + 4].copy_from_slice(&8i32.to_be_bytes());
            row[at + 4..at + 12].copy_from_slice(&number.to_be_bytes());
        }
        for (at, count) in [50, 58].into_iter().zip(counts) {
            row[at..at + 4].copy_from_slice(&4i32.to_be_bytes());
            row[at + 4..at + 8].copy_from_slice(&count.to_be_bytes());
        }
        self.bytes.extend_from_slice(&row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_row_equals_its_fields_encoded_one_by_one() {
        let mut row = Encoder::default();
        let beyond_32_bits = 1 << 40 | 7;
        row.presence([beyond_32_bits, -1], [EPOCH_US + 5, EPOCH_US], [i32::MAX, -2]);
        let mut single = Encoder::default();
        single.row(6);
        single.long(beyond_32_bits);
        single.long(-1);
        single.time(EPOCH_US + 5);
        single.time(EPOCH_US);
        single.int(i32::MAX);
        single.int(-2);
        assert_eq!(row.bytes, single.bytes);
        assert_eq!(row.bytes[..10], [0, 6, 0, 0, 0, 8, 0, 0, 1, 0]);
        let mut placed = Encoder::default();
        let times = [EPOCH_US + 5, EPOCH_US];
        placed.placed_presence([beyond_32_bits, -1], times, [i32::MAX, -2], [EPOCH_US + 6; 2]);
        single.time(EPOCH_US + 6);
        single.time(EPOCH_US + 6);
        assert_eq!(placed.bytes[..2], [0, 8]);
        assert_eq!(placed.bytes[2..], single.bytes[2..]);
    }
}
