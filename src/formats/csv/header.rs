//! The first line, and what separates its names.

use std::io::Read;

use anyhow::{Result, anyhow, bail};

use super::record_reader::RecordReader;

/// What may separate fields.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Most bytes that a header may have.
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
    /// Reads the first line. The delimiter is the one that gives most of the `wanted` names, of
    /// equals the one that gives most names.
    ///
    /// # Errors
    /// No text; a first line without an end; a name whose quote is never closed.
    pub fn read(from: impl Read, wanted: &[&str]) -> Result<Self> {
        let mut start = Vec::new();
        from.take(MAX_BYTES as u64).read_to_end(&mut start)?;
        let mut headers = Vec::new();
        let mut error = None;
        for delimiter in DELIMITERS {
            match header(&start, delimiter) {
                Ok(header) => headers.extend(header),
                Err(e) => error = Some(e),
            }
        }
        let best = headers.into_iter().max_by_key(|header| {
            let found = wanted.iter().filter(|w| header.names.iter().any(|n| n == *w));
            // of equals the last wins, so an earlier delimiter counts more
            let rank = DELIMITERS.iter().rev().position(|d| *d == header.delimiter);
            (found.count(), header.names.len(), rank)
        });
        let header = match (best, error) {
            // to a delimiter that does not occur, the quote is inside the only name
            (Some(header), error) if header.names.len() > 1 || error.is_none() => header,
            (_, Some(error)) => return Err(error),
            (_, None) => bail!("it is empty; a line with the names of the columns is expected"),
        };
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

/// The first record of a text; `None` if the text has no record.
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
        assert!(said(b"user_id,\"cell_id\nu,c\n").contains("never closed"));
        assert!(said(&b"user_id,cell_id,".repeat(1 << 15)).contains("longer than 256 KiB"));
    }

    #[test]
    fn rows_begin_where_the_header_ends() {
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
    fn a_quote_inside_a_name_is_part_of_it() {
        assert_eq!(read("user_id,size 5\",\"cell_id\"\n").1, ["user_id", "size 5\"", "cell_id"]);
    }
}
