//! Parquet's hybrid of run lengths and bit packing, in which levels and dictionary indices stand.
//!
//! Format: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>, RLE = 3.

use anyhow::{Result, bail};
use bytes::Bytes;

/// Numbers of up to 32 bits, read from front to back.
#[derive(Debug, Default)]
pub struct Hybrid {
    data: Bytes,
    at: usize,
    width: usize,
    /// Numbers left of the run under way.
    left: usize,
    /// The number that the run repeats; `None` where it is bit-packed.
    repeated: Option<u32>,
    /// Bit of `data` at which the next packed number starts.
    bit: usize,
}

impl Hybrid {
    /// Reads numbers of `width` bits from `data`.
    ///
    /// # Errors
    /// A width over 32.
    pub fn new(data: Bytes, width: u8) -> Result<Self> {
        if width > 32 {
            bail!("numbers of {width} bits");
        }
        Ok(Hybrid { data, width: usize::from(width), ..Hybrid::default() })
    }

    /// Takes the next `count` numbers at once, if one run repeats the same number so often.
    ///
    /// # Errors
    /// Data that ends too early.
    pub fn take_same(&mut self, count: usize) -> Result<Option<u32>> {
        if self.left == 0 {
            self.next_run()?;
        }
        if self.repeated.is_some() && self.left >= count {
            self.left -= count;
            return Ok(self.repeated);
        }
        Ok(None)
    }

    /// Appends the next `count` numbers to `out`.
    ///
    /// # Errors
    /// Data that ends too early.
    pub fn take(&mut self, count: usize, out: &mut Vec<u32>) -> Result<()> {
        let mut wanted = count;
        while wanted > 0 {
            if self.left == 0 {
                self.next_run()?;
            }
            let now = wanted.min(self.left);
            match self.repeated {
                Some(number) => out.resize(out.len() + now, number),
                None => self.unpack(now, out)?,
            }
            self.left -= now;
            wanted -= now;
        }
        Ok(())
    }

    fn next_run(&mut self) -> Result<()> {
        let header = self.varint()?;
        let length = (header >> 1) as usize;
        if header & 1 == 1 {
            // groups of eight
            self.left = length * 8;
            self.repeated = None;
            self.bit = self.at * 8;
            self.at += length * self.width;
        } else {
            let bytes = self.width.div_ceil(8);
            let mut number = [0; 4];
            let Some(stored) = self.data.get(self.at..self.at + bytes) else {
                bail!("the data of a page ends too early");
            };
            number[..bytes].copy_from_slice(stored);
            self.at += bytes;
            self.left = length;
            self.repeated = Some(u32::from_le_bytes(number));
        }
        if self.left == 0 {
            bail!("an empty run in the data of a page");
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u32> {
        let mut number = 0u32;
        for shift in (0..35).step_by(7) {
            let Some(&byte) = self.data.get(self.at) else {
                bail!("the data of a page ends too early");
            };
            self.at += 1;
            number |= u32::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(number);
            }
        }
        bail!("a run in the data of a page is too long");
    }

    fn unpack(&mut self, count: usize, out: &mut Vec<u32>) -> Result<()> {
        if self.bit + count * self.width > self.data.len() * 8 {
            bail!("the data of a page ends too early");
        }
        let mask = (1u64 << self.width) - 1;
        for _ in 0..count {
            let byte = self.bit / 8;
            // eight bytes hold any 32 bits at any place within their first byte
            let window = match self.data.get(byte..byte + 8) {
                Some(whole) => {
                    let mut bytes = [0; 8];
                    bytes.copy_from_slice(whole);
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
            self.bit += self.width;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(data: &'static [u8], width: u8, count: usize) -> Result<Vec<u32>> {
        let mut out = Vec::new();
        Hybrid::new(Bytes::from_static(data), width)?.take(count, &mut out)?;
        Ok(out)
    }

    #[test]
    fn the_example_of_the_format_gives_its_numbers() {
        // from the format's page: 0 to 7 in three bits each
        let packed = [0b0000_0011, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        let numbers = all(Box::leak(Box::new(packed)), 3, 8).unwrap();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
        // a run of five sevens, then the packed group
        let both = [5 << 1, 7, 0b0000_0011, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        let numbers = all(Box::leak(Box::new(both)), 3, 9).unwrap();
        assert_eq!(numbers, [7, 7, 7, 7, 7, 0, 1, 2, 3]);
    }

    #[test]
    fn a_run_of_the_same_is_taken_at_once_or_not_at_all() {
        let data = Bytes::from_static(&[5 << 1, 1, 2 << 1, 0]);
        let mut levels = Hybrid::new(data, 1).unwrap();
        assert_eq!(levels.take_same(3).unwrap(), Some(1));
        assert_eq!(levels.take_same(3).unwrap(), None);
        let mut rest = Vec::new();
        levels.take(4, &mut rest).unwrap();
        assert_eq!(rest, [1, 1, 0, 0]);
    }

    #[test]
    fn cut_off_data_is_an_error() {
        for data in [&[][..], &[3], &[3, 1], &[10], &[0, 0], &[255; 9]] {
            assert!(all(data, 9, 8).is_err(), "{data:?}");
        }
        assert!(Hybrid::new(Bytes::new(), 33).is_err());
    }
}
