//! Rows of an event file, reduced to the three fields that are used.
//!
//! In most files a row is a line, so the file can be split at any line end. Only a quoted field can
//! contain a line end; a file with such a field is read as a whole by the slower general reader.

use std::io::Read;
use std::ops::Range;

use anyhow::Result;
use csv_core::ReadRecordResult;

use crate::formats::csv::{Lines, NotByLines, RecordReader, check_len, skip_byte_order_mark, span};

/// The fields of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub delimiter: u8,
    /// Number of fields.
    pub columns: usize,
    /// Indices of user id, cell id and time stamp.
    pub indices: [usize; 3],
}

/// Reads rows one at a time.
pub struct Records {
    layout: Layout,
    reader: Reader,
    /// Rows that were returned.
    rows: u64,
    /// Rows that begin here or later belong to the next block.
    end: u64,
}

enum Reader {
    Lines { lines: Lines<Box<dyn Read>>, quoted: Box<Quoted> },
    General(Box<RecordReader<Box<dyn Read>>>),
}

impl Records {
    /// Reads rows that are lines. `position` is that of the first byte of `from`, after the header.
    pub fn by_lines(from: Box<dyn Read>, position: u64, layout: Layout) -> Self {
        let lines = Lines::new(from, position);
        Records::new(layout, Reader::Lines { lines, quoted: Quoted::new(layout) })
    }

    /// Reads any rows from `position`, the end of the header.
    pub fn general(from: Box<dyn Read>, position: u64, layout: Layout) -> Self {
        let reader = RecordReader::after_header(from, layout.delimiter, position);
        Records::new(layout, Reader::General(Box::new(reader)))
    }

    fn new(layout: Layout, reader: Reader) -> Self {
        Records { layout, reader, rows: 0, end: u64::MAX }
    }

    /// Ends before the first row that begins at `end` or later.
    pub fn until(self, end: u64) -> Self {
        Records { end, ..self }
    }

    /// Skips the rest of a line that begins earlier.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn skip_rest_of_line(&mut self) -> Result<()> {
        if let Reader::Lines { lines, .. } = &mut self.reader {
            lines.next_line()?;
        }
        Ok(())
    }

    /// Position in the file of the next row.
    pub fn position(&self) -> u64 {
        match &self.reader {
            Reader::Lines { lines, .. } => lines.position(),
            Reader::General(reader) => reader.position(),
        }
    }

    /// Number of rows that were returned.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// User id, cell id and time stamp of the next row. Empty lines are skipped.
    ///
    /// # Errors
    /// A file that cannot be read; [`RowError`](crate::formats::csv::RowError); [`NotByLines`].
    pub fn next_row(&mut self) -> Result<Option<[&[u8]; 3]>> {
        let Layout { columns, indices, .. } = self.layout;
        match &mut self.reader {
            Reader::Lines { lines, quoted } => {
                let line = loop {
                    if lines.position() >= self.end {
                        return Ok(None);
                    }
                    match lines.next_line()? {
                        Some(line) if line.is_empty() => {}
                        Some(line) => break line,
                        None => return Ok(None),
                    }
                };
                let line = lines.bytes(line);
                let (from, spans, found): (&[u8], _, _) =
                    if memchr::memchr2(b'"', b'\r', line).is_some() {
                        let (spans, found) = quoted.split(line)?;
                        (&quoted.fields, spans, found)
                    } else {
                        let (spans, found) = split(line, self.layout);
                        (line, spans, found)
                    };
                check_len(found, self.rows, columns)?;
                self.rows += 1;
                Ok(Some(spans.map(|span| &from[span])))
            }
            Reader::General(reader) => {
                let Some(record) = reader.next_record()? else { return Ok(None) };
                record.check_len(self.rows, columns)?;
                self.rows += 1;
                Ok(Some(indices.map(|index| record.field(index))))
            }
        }
    }
}

/// Splits a line without quotes. Returns the ranges of the three fields and the number of fields.
#[inline]
fn split(line: &[u8], layout: Layout) -> ([Range<usize>; 3], usize) {
    let mut spans = [0..0, 0..0, 0..0];
    let mut field = 0;
    let mut start = 0;
    let mut end_field = |field: usize, span: Range<usize>| {
        for (index, into) in layout.indices.iter().zip(&mut spans) {
            if *index == field {
                *into = span.clone();
            }
        }
    };
    for end in memchr::memchr_iter(layout.delimiter, line) {
        end_field(field, start..end);
        field += 1;
        start = end + 1;
    }
    end_field(field, start..line.len());
    (spans, field + 1)
}

/// Splits lines with quotes.
struct Quoted {
    parser: csv_core::Reader,
    layout: Layout,
    fields: Vec<u8>,
    ends: Vec<usize>,
}

impl Quoted {
    fn new(layout: Layout) -> Box<Self> {
        let mut parser = csv_core::ReaderBuilder::new().delimiter(layout.delimiter).build();
        skip_byte_order_mark(&mut parser);
        Box::new(Quoted { parser, layout, fields: Vec::new(), ends: Vec::new() })
    }

    fn split(&mut self, line: &[u8]) -> Result<([Range<usize>; 3], usize)> {
        if line.contains(&b'\r') {
            return Err(NotByLines.into());
        }
        // one byte for the line end, and at most one field more than bytes
        self.fields.resize(line.len() + 1, 0);
        self.ends.resize(line.len() + 2, 0);
        let (_, _, written, count) =
            self.parser.read_record(line, &mut self.fields, &mut self.ends);
        let (result, _, _, last) =
            self.parser.read_record(b"\n", &mut self.fields[written..], &mut self.ends[count..]);
        // a line end completes the record, unless a quoted field is open
        if result != ReadRecordResult::Record {
            return Err(NotByLines.into());
        }
        let found = count + last;
        Ok((self.layout.indices.map(|index| span(&self.ends[..found], index)), found))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::formats::csv::RowError;

    const LAYOUT: Layout = Layout { delimiter: b',', columns: 4, indices: [1, 3, 0] };

    type Rows = Vec<[String; 3]>;

    fn all(mut records: Records) -> Result<Rows> {
        let mut rows = Vec::new();
        while let Some(row) = records.next_row()? {
            rows.push(row.map(|field| String::from_utf8_lossy(field).into_owned()));
        }
        Ok(rows)
    }

    fn bytes(text: impl AsRef<[u8]>) -> Box<dyn Read> {
        Box::new(std::io::Cursor::new(text.as_ref().to_vec()))
    }

    fn by_lines(text: impl AsRef<[u8]>) -> Result<Rows> {
        all(Records::by_lines(bytes(text), 0, LAYOUT))
    }

    fn generally(text: impl AsRef<[u8]>) -> Result<Rows> {
        all(Records::general(bytes(text), 0, LAYOUT))
    }

    #[test]
    fn fields_are_returned_as_user_cell_and_time() {
        let text = b"1,u1,,c1\r\n\n2,\"u\"\"2\",\"a,b\",\"\"\n3,,\"\",c3";
        let expected = [["u1", "c1", "1"], ["u\"2", "", "2"], ["", "c3", "3"]];
        assert_eq!(by_lines(text).unwrap(), expected);
        assert_eq!(generally(text).unwrap(), expected);
    }

    #[test]
    fn rows_with_another_number_of_fields_are_named() {
        for text in ["1,u,,c\n2,u,c\n", "1,u,,c\n2,u,,c,\n"] {
            for error in [by_lines(text).unwrap_err(), generally(text).unwrap_err()] {
                assert_eq!(error.downcast_ref::<RowError>().unwrap().row, 1);
                assert!(error.to_string().starts_with("row 2: "), "{error}");
            }
        }
    }

    #[test]
    fn a_quote_inside_an_unquoted_field_is_text_for_both_readers() {
        let text = "1,u,5\" disk,c\n2\"\",u\"\"\",,\"c\"\"\"\n\u{feff}\"3\",u,\"\"x\",\"c\"d\"";
        let expected =
            [["u", "c", "1"], ["u\"\"\"", "c\"", "2\"\""], ["u", "cd\"", "\u{feff}\"3\""]];
        assert_eq!(by_lines(text).unwrap(), expected);
        assert_eq!(generally(text).unwrap(), expected);
    }

    #[test]
    fn a_quoted_field_on_several_lines_requires_the_general_reader() {
        for (text, expected) in [
            ("1,u,\"a\nb\",c\n", Some(["u", "c", "1"])),
            ("1,u,,c\r", Some(["u", "c", "1"])),
            ("1,\"u\r1\",,c", Some(["u\r1", "c", "1"])),
            // the number of quotes is even, but the last field is not closed
            ("a\",,,\"\r\n", None),
            ("1,u,,\"c\n", None),
        ] {
            // a carriage return at the end of the text ends the line
            if text.ends_with('\r') {
                assert_eq!(by_lines(text).unwrap(), [expected.unwrap()]);
            } else {
                assert!(by_lines(text).unwrap_err().is::<NotByLines>(), "{text:?}");
            }
            match (generally(text), expected) {
                (Ok(rows), Some(expected)) => assert_eq!(rows, [expected]),
                (Err(error), None) => assert!(error.to_string().contains("never closed")),
                (rows, _) => panic!("{text:?}: {rows:?}"),
            }
        }
    }

    proptest! {
        /// For any text, reading by lines returns the rows of the general reader, or requires it.
        #[test]
        fn both_readers_agree(text in "([a,\"\n\r]|\r\n|,,,|\"\"|a,a,a,a\n|\u{feff}){0,40}") {
            match (by_lines(&text), generally(&text)) {
                (Ok(by_lines), Ok(generally)) => prop_assert_eq!(by_lines, generally),
                (Err(by_lines), Err(generally)) if by_lines.is::<RowError>() => {
                    prop_assert_eq!(by_lines.to_string(), generally.to_string());
                }
                (Err(by_lines), _) => prop_assert!(by_lines.is::<NotByLines>()),
                (Ok(by_lines), Err(_)) => prop_assert!(false, "{:?}", by_lines),
            }
        }
    }
}
