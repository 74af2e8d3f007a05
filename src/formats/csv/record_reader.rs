//! Reads CSV text record by record, without assumptions about lines.
//!
//! It uses the parser of the `csv` crate, but not its reader, which silently closes an open quoted field
//! at the end of the file.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::ops::Range;

use anyhow::Result;
use csv_core::ReadRecordResult;

/// Longer records are rejected: the file is not CSV, or a quote is not closed.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 18;

/// A record that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// From 0, counted from the start of the reader.
    pub row: u64,
    pub problem: RowProblem,
}

/// Why a record cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowProblem {
    FieldCount { found: usize, expected: usize },
    UnclosedQuote,
    TooLong,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}: ", self.row + 1)?;
        match self.problem {
            RowProblem::FieldCount { found, expected } => {
                let s = if found == 1 { "" } else { "s" };
                write!(
                    f,
                    "{found} field{s} where the header has {expected}; is the file truncated, or is a field with a delimiter not quoted?"
                )
            }
            RowProblem::UnclosedQuote => f.write_str(
                "a field begins with a quote that is never closed; close it, or quote the whole field and double the quote inside",
            ),
            RowProblem::TooLong => write!(
                f,
                "longer than {} MiB; is the file CSV, and is every quoted field closed?",
                MAX_RECORD_BYTES >> 20
            ),
        }
    }
}

impl std::error::Error for RowError {}

/// The fields of a record without their quotes.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    fields: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// A field; empty if the record has fewer fields.
    pub fn field(&self, index: usize) -> &'a [u8] {
        &self.fields[span(self.ends, index)]
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        let record = *self;
        (0..self.ends.len()).map(move |index| record.field(index))
    }

    /// # Errors
    /// A record with another number of fields.
    pub fn check_len(&self, row: u64, expected: usize) -> Result<(), RowError> {
        check_len(self.ends.len(), row, expected)
    }
}

/// # Errors
/// If `found` differs from `expected`.
pub fn check_len(found: usize, row: u64, expected: usize) -> Result<(), RowError> {
    if found == expected {
        return Ok(());
    }
    Err(RowError { row, problem: RowProblem::FieldCount { found, expected } })
}

/// The range of field `index` among fields that end at `ends`; empty if there are fewer fields.
pub fn span(ends: &[usize], index: usize) -> Range<usize> {
    match ends.get(index) {
        Some(end) => index.checked_sub(1).map_or(0, |before| ends[before])..*end,
        None => 0..0,
    }
}

/// Reads records one at a time.
pub struct RecordReader<R> {
    from: R,
    parser: csv_core::Reader,
    input: Vec<u8>,
    /// The part of `input` that is not parsed yet.
    held: Range<usize>,
    /// Position in the file of the first byte that is not parsed yet.
    position: u64,
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// Records read so far.
    records: u64,
    ended: bool,
}

impl<R: Read> RecordReader<R> {
    /// Reads from the beginning of a file, where a byte order mark is skipped.
    pub fn new(from: R, delimiter: u8) -> Self {
        RecordReader {
            from,
            parser: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            input: Vec::new(),
            held: 0..0,
            position: 0,
            fields: vec![0; 1 << 10],
            ends: vec![0; 1 << 5],
            records: 0,
            ended: false,
        }
    }

    /// Reads the records after the header, which ends at `position`.
    pub fn after_header(from: R, delimiter: u8, position: u64) -> Self {
        let mut reader = RecordReader::new(from, delimiter);
        skip_byte_order_mark(&mut reader.parser);
        reader.position = position;
        reader
    }

    /// Position in the file of the next record.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next record. Empty lines are skipped.
    ///
    /// # Errors
    /// A file that cannot be read; a [`RowError`] for a record that is too long or has a quoted field
    /// without an end.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>> {
        let (mut written, mut count) = (0, 0);
        if self.ended {
            return Ok(None);
        }
        loop {
            if self.held.is_empty() && !self.ended {
                self.fill()?;
            }
            // a line end after the last byte completes the last record, unless a quoted field is open
            let input = if self.ended { &b"\n"[..] } else { &self.input[self.held.clone()] };
            let (result, read, wrote, ended) = self.parser.read_record(
                input,
                &mut self.fields[written..],
                &mut self.ends[count..],
            );
            written += wrote;
            count += ended;
            if !self.ended {
                self.held.start += read;
                self.position += read as u64;
            }
            let error = |problem| Err(RowError { row: self.records, problem }.into());
            if written + count > MAX_RECORD_BYTES {
                return error(RowProblem::TooLong);
            }
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::OutputFull => self.fields.resize(2 * self.fields.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::InputEmpty if !self.ended => {}
                ReadRecordResult::InputEmpty if wrote > 0 => {
                    return error(RowProblem::UnclosedQuote);
                }
                ReadRecordResult::InputEmpty => return Ok(None),
            }
        }
        self.records += 1;
        Ok(Some(Record { fields: &self.fields[..written], ends: &self.ends[..count] }))
    }

    /// Reads until there are enough bytes to recognise a byte order mark, or the file ends.
    fn fill(&mut self) -> Result<()> {
        self.input.resize(READ_BYTES, 0);
        self.held = 0..0;
        while self.held.end < 3 {
            match self.from.read(&mut self.input[self.held.end..]) {
                Ok(0) => break,
                Ok(read) => self.held.end += read,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.ended = self.held.is_empty();
        Ok(())
    }
}

/// Makes a new parser treat a byte order mark as text. It is a mark only at the beginning of a file.
pub fn skip_byte_order_mark(parser: &mut csv_core::Reader) {
    parser.read_record(b"\n", &mut [0], &mut [0]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Result<Vec<Vec<String>>> {
        let mut reader = RecordReader::new(text, b',');
        let mut records = Vec::new();
        while let Some(record) = reader.next_record()? {
            records.push(record.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect());
        }
        assert_eq!(reader.position(), text.len() as u64);
        Ok(records)
    }

    #[test]
    fn a_quote_is_special_only_at_the_start_of_a_field() {
        let cases: [(&str, &[&[&str]]); 8] = [
            ("a\"b,\"c\"", &[&["a\"b", "c"]]),
            ("a\"b\"\"c,d", &[&["a\"b\"\"c", "d"]]),
            (" \"a\",b", &[&[" \"a\"", "b"]]),
            ("\"a\"b\"c\",d", &[&["ab\"c\"", "d"]]),
            ("\"a,\"\"b\"\"\",c", &[&["a,\"b\"", "c"]]),
            ("\"a\r\nb\",c\r\nd,e", &[&["a\r\nb", "c"], &["d", "e"]]),
            ("\"\"\n\n,\n\"\"\"\"", &[&[""], &["", ""], &["\""]]),
            ("\u{feff}\"a\"\rb\r\n\r\n", &[&["a"], &["b"]]),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text.as_bytes()).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_unclosed_quoted_field_is_an_error() {
        for text in ["a\n\"", "a\n\"b", "a\na\",,,\"\r\n", "a\nb,\"c\nd,e\nf,g\n", "a\n\"b\"\""] {
            let error = read(text.as_bytes()).unwrap_err();
            let expected = RowError { row: 1, problem: RowProblem::UnclosedQuote };
            assert_eq!(error.downcast_ref(), Some(&expected), "{text:?}");
            assert!(error.to_string().starts_with("row 2: a field begins with a quote"));
        }
    }

    #[test]
    fn a_record_of_megabytes_is_an_error() {
        for start in ["", "\""] {
            let text = format!("a\n{start}{}", "b,\n".repeat(MAX_RECORD_BYTES));
            let text = if start.is_empty() { text.replace("b,\n", "b,") } else { text };
            let error = read(text.as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with("row 2: longer than 1 MiB"), "{error}");
        }
        // empty lines are not part of a record
        assert!(read(&vec![b'\n'; 2 * MAX_RECORD_BYTES]).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn records_equal_those_of_the_csv_crate(text in "(\u{feff}|)([a,\"\n\r]|\r\n|\"\"|aaaa){0,40}") {
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> = reader
                .records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                .collect();
            match read(text.as_bytes()) {
                Ok(records) => prop_assert_eq!(records, expected),
                // the csv crate closes the last field
                Err(_) => {
                    let closed = read(format!("{text}\"").as_bytes()).unwrap();
                    prop_assert_eq!(closed, expected);
                }
            }
        }
    }
}
