//! The header: names of the columns, and the delimiter.

use std::io::Read;

use anyhow::{Result, anyhow, bail};

use super::record_reader::RecordReader;
use crate::errors::refuse_duplicate;
use crate::formats::content::Content;

/// Supported delimiters.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Longer headers are rejected.
const MAX_BYTES: usize = 1 << 18;

/// Names of the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub delimiter: u8,
    pub names: Vec<String>,
    /// Position in the decompressed text at which the rows begin.
    pub end: u64,
}

impl Header {
    /// Reads the header from the beginning of a file. The delimiter is the one that yields most of the
    /// `expected` names, and if several do, most names.
    ///
    /// # Errors
    /// A file that is empty or not text; a header that is too long or has an unclosed quote.
    pub fn read(from: impl Read, expected: &[&str]) -> Result<Self> {
        let mut start = Vec::new();
        from.take(MAX_BYTES as u64).read_to_end(&mut start)?;
        if let Some(content) = Content::of(&start) {
            bail!(content.in_place_of_a_table());
        }
        if is_json(&start) {
            bail!("it is JSON, not CSV; convert it to CSV or Parquet");
        }
        let mut headers = Vec::new();
        let mut error = None;
        for delimiter in DELIMITERS {
            match header(&start, delimiter) {
                Ok(header) => headers.extend(header),
                Err(e) => error = Some(e),
            }
        }
        let best = headers.into_iter().max_by_key(|header| {
            let found = expected.iter().filter(|w| header.names.iter().any(|n| n == *w));
            // the last maximum wins, so earlier delimiters get a higher rank
            let rank = DELIMITERS.iter().rev().position(|d| *d == header.delimiter);
            (found.count(), header.names.len(), rank)
        });
        let header = match (best, error) {
            // for a delimiter that does not occur, the quote is inside the only name
            (Some(header), error) if header.names.len() > 1 || error.is_none() => header,
            (_, Some(error)) => return Err(error),
            (_, None) => bail!("it is empty; a line with the names of the columns is expected"),
        };
        // the ids of a row with such a character are checked with the row
        if header.names.iter().any(|name| name.contains('\0')) {
            bail!("it is not UTF-8 text; convert it to UTF-8");
        }
        Ok(header)
    }

    /// # Errors
    /// A name that several columns have: which of them is meant is unknown.
    pub fn refuse_duplicate(&self, name: &str) -> Result<()> {
        refuse_duplicate(name, self.names.iter().map(String::as_str))
    }

    /// Index of a column.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| column == name)
    }
}

/// True for the beginning of an object or of a list of objects.
fn is_json(start: &[u8]) -> bool {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let text = text.strip_prefix(b"[").map_or(text, <[u8]>::trim_ascii_start);
    text.strip_prefix(b"{").is_some_and(|text| text.trim_ascii_start().starts_with(b"\""))
}

/// The header with this delimiter; `None` for a text without a record.
fn header(text: &[u8], delimiter: u8) -> Result<Option<Header>> {
    let mut reader = RecordReader::new(text, delimiter);
    let too_long = || anyhow!("the line with the names of the columns is longer than 256 KiB");
    let names = match reader.next_record() {
        Ok(Some(record)) => {
            record.iter().map(|n| String::from_utf8_lossy(n).trim().to_owned()).collect()
        }
        Ok(None) => return Ok(None),
        Err(_) if text.len() == MAX_BYTES => return Err(too_long()),
        Err(_) => bail!("a quote in the line with the names of the columns is never closed"),
    };
    let end = reader.position();
    if end == MAX_BYTES as u64 {
        return Err(too_long());
    }
    Ok(Some(Header { delimiter, names, end }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (char, Vec<String>) {
        let header = Header::read(text.as_bytes(), &["user_id", "cell_id"]).unwrap();
        (header.delimiter.into(), header.names)
    }

    #[test]
    fn the_delimiter_is_the_one_that_yields_the_expected_names() {
        for delimiter in [',', ';', '\t', '|'] {
            let text = format!("user_id{delimiter}\"cell_id\"{delimiter}at\r\na{delimiter}1,5;7");
            assert_eq!(read(&text).0, delimiter);
            assert_eq!(read(&text).1, ["user_id", "cell_id", "at"]);
        }
        // a quoted name with commas does not win over the expected names
        assert_eq!(read("user_id;cell_id;\"a,b,c,d,e\"\n").0, ';');
        assert_eq!(read("\u{feff}user_id,cell_id").1, ["user_id", "cell_id"]);
        assert_eq!(read("\n\nuser_id\n").1, ["user_id"]);
    }

    #[test]
    fn files_that_are_not_text_are_rejected() {
        let message = |bytes: &[u8]| format!("{:#}", Header::read(bytes, &[]).unwrap_err());
        assert!(message(b"").contains("empty"));
        assert!(message(b"u\0s\0e\0r\0").contains("not UTF-8 text"));
        assert!(message(b"{\"user_id\": \"u1\"}\n").contains("JSON"));
        assert!(message(b"[\n {\"user_id\": \"u1\"}]\n").contains("JSON"));
        assert!(message(b"user_id,\"cell_id\nu,c\n").contains("never closed"));
        assert!(message(&b"user_id,cell_id,".repeat(1 << 15)).contains("longer than 256 KiB"));
    }

    #[test]
    fn rows_start_at_the_end_of_the_header() {
        for (text, end) in [
            ("user_id,cell_id\nu,c", 16),
            ("\u{feff}\n\"user\n_id\",cell_id\nu,c\n", 23),
            ("user_id\rcell_id\r", 8),
            ("user_id", 7),
        ] {
            assert_eq!(Header::read(text.as_bytes(), &["user_id"]).unwrap().end, end, "{text:?}");
        }
    }

    #[test]
    fn a_quote_inside_a_name_is_part_of_the_name() {
        assert_eq!(read("user_id,size 5\",\"cell_id\"\n").1, ["user_id", "size 5\"", "cell_id"]);
    }
}
