//! Sizes in bytes as people write them: `512MiB`.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Units with their bytes; the binary ones, from which [`fmt::Display`] chooses, first.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];
const BINARY: usize = 5;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    /// In the largest binary unit in which it is a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |unit: &&(&str, u64)| self.0 > 0 && self.0.is_multiple_of(unit.1);
        let (unit, bytes) = UNITS[..BINARY].iter().find(whole).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("{text:?}: expected a size with its unit, such as \"512MiB\"");
        let digits = text.trim_start().find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, unit) = text.trim().split_at(digits.ok_or_else(expected)?);
        let is_unit = |of: &&(&str, u64)| of.0.eq_ignore_ascii_case(unit.trim());
        let (_, bytes) = UNITS.iter().find(is_unit).ok_or_else(expected)?;
        let size = match number.parse::<u64>() {
            Ok(number) => number.checked_mul(*bytes),
            Err(_) => {
                let size = number.parse::<f64>().map_err(|_| expected())? * *bytes as f64;
                (size < u64::MAX as f64).then_some(size as u64)
            }
        };
        size.map(ByteSize).ok_or_else(|| format!("{text:?}: more bytes than can be counted"))
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SizeText)
    }
}

struct SizeText;

impl Visitor<'_> for SizeText {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size with its unit, such as \"512MiB\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_unit_and_written_in_binary_ones() {
        for (text, bytes, shown) in [
            ("512MiB", 512 << 20, "512MiB"),
            ("1.5 GiB", 3 << 29, "1536MiB"),
            (" 2gib ", 2 << 30, "2GiB"),
            ("1TiB", 1 << 40, "1TiB"),
            ("64 MB", 64_000_000, "62500KiB"),
            ("1001B", 1_001, "1001B"),
            ("0B", 0, "0B"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size, size.to_string().as_str()), (ByteSize(bytes), shown), "{text}");
            assert_eq!(size.to_string().parse(), Ok(size));
        }
    }

    #[test]
    fn text_that_is_no_size_is_refused_with_an_example() {
        for text in ["", "512", "MiB", "-1MiB", "1.2.3MiB", "12 parsecs", "half"] {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert!(error.contains("such as \"512MiB\""), "{text}: {error}");
        }
        assert!("99999999999TiB".parse::<ByteSize>().unwrap_err().contains("more bytes"));
    }
}
