//! Parquet's RLE/bit-packing hybrid encoding, which is used for levels and dictionary indices.
//!
//! Format: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>, RLE = 3.

use anyhow::{Result, bail};
use bytes::Bytes;

/// Reads values of up to 32 bits sequentially.
#[derive(Debug, Default)]
pub struct RleBitPackedReader {
    data: Bytes,
    /// Position of the next run in `data`.
    position: usize,
    bit_width: usize,
    /// Values left in the current run.
    left: usize,
    /// The value that the current run repeats; `None` if it is bit-packed.
    repeated: Option<u32>,
    /// Bit position in `data` of the next packed value.
    bit: usize,
}

impl RleBitPackedReader {
    /// Reads values of `bit_width` bits.
    ///
    /// # Errors
    /// A width over 32.
    pub fn new(data: Bytes, bit_width: u8) -> Result<Self> {
        if bit_width > 32 {
            bail!("values of {bit_width} bits");
        }
        let bit_width = usize::from(bit_width);
        Ok(RleBitPackedReader { data, bit_width, ..RleBitPackedReader::default() })
    }

    /// The value of the next `count` entries if a single run repeats it; they are then consumed.
    ///
    /// # Errors
    /// Data that ends early.
    pub fn next_repeated(&mut self, count: usize) -> Result<Option<u32>> {
        if self.left == 0 {
            self.next_run()?;
        }
        if self.repeated.is_some() && self.left >= count {
            self.left -= count;
            return Ok(self.repeated);
        }
        Ok(None)
    }

    /// Appends the next `count` values to `out`.
    ///
    /// # Errors
    /// Data that ends early.
    pub fn read(&mut self, count: usize, out: &mut Vec<u32>) -> Result<()> {
        let mut missing = count;
        while missing > 0 {
            if self.left == 0 {
                self.next_run()?;
            }
            let now = missing.min(self.left);
            match self.repeated {
                Some(value) => out.resize(out.len() + now, value),
                None => self.unpack(now, out)?,
            }
            self.left -= now;
            missing -= now;
        }
        Ok(())
    }

    fn next_run(&mut self) -> Result<()> {
        let header = self.varint()?;
        let length = (header >> 1) as usize;
        if header & 1 == 1 {
            // packed values come in groups of eight
            self.left = length * 8;
            self.repeated = None;
            self.bit = self.position * 8;
            self.position += length * self.bit_width;
        } else {
            let bytes = self.bit_width.div_ceil(8);
            let mut value = [0; 4];
            let Some(stored) = self.data.get(self.position..self.position + bytes) else {
                bail!("the data of a page ends early");
            };
            value[..bytes].copy_from_slice(stored);
            self.position += bytes;
            self.left = length;
            self.repeated = Some(u32::from_le_bytes(value));
        }
        if self.left == 0 {
            bail!("an empty run in the data of a page");
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u32> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let Some(&byte) = self.data.get(self.position) else {
                bail!("the data of a page ends early");
            };
            self.position += 1;
            value |= u32::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        bail!("a run in the data of a page is too long");
    }

    fn unpack(&mut self, count: usize, out: &mut Vec<u32>) -> Result<()> {
        if self.bit + count * self.bit_width > self.data.len() * 8 {
            bail!("the data of a page ends early");
        }
        let mask = (1u64 << self.bit_width) - 1;
        for _ in 0..count {
            let byte = self.bit / 8;
            // eight bytes contain any 32 bits that start within the first byte
            let window = match self.data.get(byte..byte + 8) {
                Some(window) => {
                    let mut bytes = [0; 8];
                    bytes.copy_from_slice(window);
                    u64::from_le_bytes(bytes)
                }
                None => {
                    let rest = &self.data[byte.min(self.data.len())..];
                    let mut bytes = [0; 8];
                    bytes[..rest.len()].copy_from_slice(rest);
                    u64::from_le_bytes(bytes)
                }
            };
            out.push((window >> (self.bit % 8) & mask) as u32);
            self.bit += self.bit_width;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &'static [u8], bit_width: u8, count: usize) -> Result<Vec<u32>> {
        let mut out = Vec::new();
        RleBitPackedReader::new(Bytes::from_static(data), bit_width)?.read(count, &mut out)?;
        Ok(out)
    }

    #[test]
    fn the_example_of_the_specification_is_decoded() {
        // 0 to 7 in three bits each
        let packed = [0b0000_0011, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        let values = read(Box::leak(Box::new(packed)), 3, 8).unwrap();
        assert_eq!(values, [0, 1, 2, 3, 4, 5, 6, 7]);
        // a run of five sevens, then the packed group
        let both = [5 << 1, 7, 0b0000_0011, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        let values = read(Box::leak(Box::new(both)), 3, 9).unwrap();
        assert_eq!(values, [7, 7, 7, 7, 7, 0, 1, 2, 3]);
    }

    #[test]
    fn a_repeated_value_is_consumed_only_if_one_run_covers_it() {
        let data = Bytes::from_static(&[5 << 1, 1, 2 << 1, 0]);
        let mut levels = RleBitPackedReader::new(data, 1).unwrap();
        assert_eq!(levels.next_repeated(3).unwrap(), Some(1));
        assert_eq!(levels.next_repeated(3).unwrap(), None);
        let mut rest = Vec::new();
        levels.read(4, &mut rest).unwrap();
        assert_eq!(rest, [1, 1, 0, 0]);
    }

    #[test]
    fn truncated_data_is_an_error() {
        for data in [&[][..], &[3], &[3, 1], &[10], &[0, 0], &[255; 9]] {
            assert!(read(data, 9, 8).is_err(), "{data:?}");
        }
        assert!(RleBitPackedReader::new(Bytes::new(), 33).is_err());
    }
}
