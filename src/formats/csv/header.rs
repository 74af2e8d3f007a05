//! The first line, and what separates its names.

use std::io::Read;

use anyhow::{Context, Result, bail};

/// What may separate fields.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Most bytes that a header may have.
const MOST_BYTES: u64 = 1 << 18;

/// Names of the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub delimiter: u8,
    pub names: Vec<String>,
}

impl Header {
    /// Reads the first line. The delimiter is the one that gives most of the `wanted` names, of
    /// equals the one that gives most names.
    ///
    /// # Errors
    /// No text; a first line without an end.
    pub fn read(from: impl Read, wanted: &[&str]) -> Result<Self> {
        let mut start = Vec::new();
        from.take(MOST_BYTES).read_to_end(&mut start)?;
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start);
        let best = DELIMITERS
            .into_iter()
            .filter_map(|delimiter| names(text, delimiter))
            .max_by_key(|header| {
                let found = wanted.iter().filter(|w| header.names.iter().any(|n| n == *w));
                // of equals the last wins, so an earlier delimiter counts more
                let rank = DELIMITERS.iter().rev().position(|d| *d == header.delimiter);
                (found.count(), header.names.len(), rank)
            });
        let header =
            best.context("it is empty; a line with the names of the columns is expected")?;
        if start.contains(&0) {
            bail!("it is no text in UTF-8; write it again");
        }
        Ok(header)
    }

    /// Where the columns of those names stand.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|there| there == name)
    }
}

fn names(text: &[u8], delimiter: u8) -> Option<Header> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(text);
    let mut record = csv::ByteRecord::new();
    let some = reader.read_byte_record(&mut record).unwrap_or(false);
    let names = record.iter().map(|n| String::from_utf8_lossy(n).trim().to_owned()).collect();
    some.then_some(Header { delimiter, names })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (char, Vec<String>) {
        let header = Header::read(text.as_bytes(), &["user_id", "cell_id"]).unwrap();
        (header.delimiter.into(), header.names)
    }

    #[test]
    fn the_delimiter_is_the_one_that_gives_the_names() {
        for delimiter in [',', ';', '\t', '|'] {
            let text = format!("user_id{delimiter}\"cell_id\"{delimiter}at\r\na{delimiter}1,5;7");
            assert_eq!(read(&text).0, delimiter);
            assert_eq!(read(&text).1, ["user_id", "cell_id", "at"]);
        }
        // one name with commas in it does not win over the names that are asked for
        assert_eq!(read("user_id;cell_id;\"a,b,c,d,e\"\n").0, ';');
        assert_eq!(read("\u{feff}user_id,cell_id").1, ["user_id", "cell_id"]);
        assert_eq!(read("\n\nuser_id\n").1, ["user_id"]);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let said = |bytes: &[u8]| format!("{:#}", Header::read(bytes, &[]).unwrap_err());
        assert!(said(b"").contains("empty"));
        assert!(said(b"u\0s\0e\0r\0").contains("no text"));
    }
}
