//! What a file is by its first bytes, whatever its name says.

use std::io::Read;

use anyhow::{Error, Result, anyhow};

/// Bytes that are looked at.
pub const START_BYTES: usize = 512;

/// Position of the magic bytes of a tar archive.
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
    Lz4,
    Snappy,
    Zip,
    SevenZip,
    Rar,
    Tar,
    /// A workbook of old versions of Excel.
    Xls,
    Pdf,
    Parquet,
    EncryptedParquet,
    Orc,
    Avro,
    Arrow,
    Sqlite,
    Utf16,
    Html,
    Xml,
    LfsPointer,
}

/// The first bytes of binary formats.
const SIGNATURES: [(&[u8], Content); 23] = [
    (&[0x1f, 0x8b], Content::Gzip),
    (&[0x28, 0xb5, 0x2f, 0xfd], Content::Zstd),
    (b"BZh", Content::Bzip2),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], Content::Xz),
    (&[0x04, 0x22, 0x4d, 0x18], Content::Lz4),
    (&[0xff, 0x06, 0, 0, b's', b'N', b'a', b'P', b'p', b'Y'], Content::Snappy),
    (b"PK\x03\x04", Content::Zip),
    (&[b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c], Content::SevenZip),
    (b"Rar!\x1a\x07", Content::Rar),
    (&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], Content::Xls),
    (b"%PDF-", Content::Pdf),
    (b"PAR1", Content::Parquet),
    (b"PARE", Content::EncryptedParquet),
    (b"ORC", Content::Orc),
    (b"Obj\x01", Content::Avro),
    (b"ARROW1", Content::Arrow),
    (b"FEA1", Content::Arrow),
    (b"SQLite format 3\0", Content::Sqlite),
    (&[0xff, 0xfe], Content::Utf16),
    (&[0xfe, 0xff], Content::Utf16),
    (&[b'{', 0], Content::Utf16),
    (&[0, b'{'], Content::Utf16),
    (b"version https://git-lfs.github.com/spec/", Content::LfsPointer),
];

impl Content {
    /// The kind of a file that begins with these bytes; `None` for text of another kind, for other bytes,
    /// and for an empty file.
    pub fn of(start: &[u8]) -> Option<Self> {
        if let Some((_, kind)) = SIGNATURES.iter().find(|(bytes, _)| start.starts_with(bytes)) {
            // words of a table in text may begin with the same letters
            let is_word = kind.is_word() && is_text(&start[..start.len().min(START_BYTES)]);
            return (!is_word).then_some(*kind);
        }
        if start.get(TAR_MAGIC).is_some_and(|magic| magic == b"ustar") {
            return Some(Content::Tar);
        }
        let text = String::from_utf8_lossy(&start[..start.len().min(START_BYTES)]);
        let text = text.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
        if text.starts_with("<!doctype html") || text.starts_with("<html") {
            return Some(Content::Html);
        }
        text.starts_with('<').then_some(Content::Xml)
    }

    fn is_word(self) -> bool {
        use Content::{Arrow, Bzip2, EncryptedParquet, Orc, Parquet};
        matches!(self, Bzip2 | Parquet | EncryptedParquet | Orc | Arrow)
    }

    /// What the file is, and what to do with it, if a table of events or cells is expected.
    pub fn in_place_of_a_table(self) -> &'static str {
        match self {
            Content::Gzip => {
                "it is compressed with gzip; decompress it with gunzip or, if it holds CSV, name it .csv.gz"
            }
            Content::Zstd => {
                "it is compressed with Zstandard; decompress it with zstd -d or, if it holds CSV, name it \
                 .csv.zst"
            }
            Content::Bzip2 => {
                "it is compressed with bzip2; decompress it with bunzip2, or compress it with gzip or zstd"
            }
            Content::Xz => {
                "it is compressed with xz; decompress it with unxz, or compress it with gzip or zstd"
            }
            Content::Lz4 => {
                "it is compressed with LZ4; decompress it with lz4 -d, or compress it with gzip or zstd"
            }
            Content::Snappy => {
                "it is compressed with Snappy; decompress it, or compress it with gzip or zstd"
            }
            Content::Zip => {
                "it is a zip file or an Excel workbook; unzip it, or save the sheet as CSV"
            }
            Content::SevenZip | Content::Rar | Content::Tar => "it is an archive; unpack it",
            Content::Xls => "it is an Excel workbook; save the sheet as CSV",
            Content::Pdf => {
                "it is a PDF document, not a table; ask for the table as CSV or Parquet"
            }
            Content::Parquet => "it is a Parquet file; name it .parquet",
            Content::EncryptedParquet => ENCRYPTED,
            Content::Orc => "it is an ORC file; convert it to Parquet",
            Content::Avro => "it is an Avro file; convert it to Parquet",
            Content::Arrow => "it is an Arrow or Feather file; convert it to Parquet",
            Content::Sqlite => "it is an SQLite database; export the table as CSV or Parquet",
            Content::Utf16 => {
                "it is encoded in UTF-16; convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8"
            }
            Content::Html => {
                "it is an HTML page, not the file itself; download it again from the right address"
            }
            Content::Xml => {
                "it is XML, such as the error message of an object store, not the file itself; download it \
                 again from the right address"
            }
            Content::LfsPointer => {
                "it is a pointer of Git LFS, not the file itself; fetch it with git lfs pull"
            }
        }
    }
}

/// Message for Parquet that cannot be read without a key.
pub const ENCRYPTED: &str = "it is an encrypted Parquet file; read it with its key, for example with PyArrow, \
                             and write it again without encryption";

/// What to do about Parquet that cannot be read without a key.
pub const REMEDY_FOR_ENCRYPTION: &str = "read the file with its key, for example with PyArrow, and write it \
                                         again without encryption";

/// True for bytes without control characters, other than those that separate lines and fields. Text in
/// any encoding that extends ASCII passes.
pub fn is_text(start: &[u8]) -> bool {
    start
        .iter()
        .all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c) || *byte >= b' ' && *byte != 0x7f)
}

/// The first bytes of a file; none if it cannot be read.
pub fn start_of(from: impl Read) -> Vec<u8> {
    let mut start = Vec::new();
    // an error of reading is reported by those who read the file
    let _ = from.take(START_BYTES as u64).read_to_end(&mut start);
    start
}

/// Explains why a file that was expected to be Parquet is none, if its first bytes show it.
pub fn not_parquet(start: &[u8]) -> Result<(), Error> {
    match Content::of(start) {
        Some(Content::Parquet) => Ok(()),
        Some(other) => Err(anyhow!(other.in_place_of_a_table())),
        None if start.is_empty() => Err(anyhow!(
            "it is empty, and Parquet readers cannot read it; copy it again, or take it out of the folder"
        )),
        None if is_text(start) => {
            Err(anyhow!("it is text, not Parquet; if it is CSV, name it .csv"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_the_first_bytes() {
        let of = |start: &[u8]| Content::of(start);
        assert_eq!(of(b"BZh91AY&SY\x00\x01"), Some(Content::Bzip2));
        assert_eq!(of(b"PAR1\x15\x04"), Some(Content::Parquet));
        assert_eq!(of("\u{feff} <!DOCTYPE HTML>".as_bytes()), Some(Content::Html));
        assert_eq!(of(b"<?xml version='1.0'?>"), Some(Content::Xml));
        assert_eq!(of(b"version https://git-lfs.github.com/spec/v1\n"), Some(Content::LfsPointer));
        for text in ["", "user_id,cell_id\n", "ORCID,cell_id\n", "PAR1,x\n", "\u{d5}is;1\r\n"] {
            assert_eq!(of(text.as_bytes()), None, "{text}");
        }
    }
}
