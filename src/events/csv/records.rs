//! Rows of an event file: the three fields that matter.
//!
//! Mostly a row is a line, and then a file can be cut at any line end. Only a field in quotes can
//! hold a line end; a file with such a field is read in one piece by a slower parser.

use std::io::Read;
use std::ops::Range;

use anyhow::Result;
use csv_core::ReadRecordResult;

use crate::formats::csv::{Lines, NotByLines, RecordReader, check_len, skip_byte_order_mark, span};

/// Where the fields stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub delimiter: u8,
    /// Fields of each row.
    pub columns: usize,
    /// User id, cell id, time stamp.
    pub places: [usize; 3],
}

/// Reads rows one by one.
pub struct Records {
    layout: Layout,
    form: Form,
    /// Rows given out.
    row: u64,
    /// Rows that begin here or later are another's.
    end: u64,
}

enum Form {
    Lines { lines: Lines<Box<dyn Read>>, quoted: Box<Quoted> },
    General(Box<RecordReader<Box<dyn Read>>>),
}

impl Records {
    /// Reads rows, each of which is a line, from `at` on, a position after the header.
    pub fn of_lines(from: Box<dyn Read>, at: u64, layout: Layout) -> Self {
        let form = Form::Lines { lines: Lines::new(from, at), quoted: Quoted::new(layout) };
        Records { layout, form, row: 0, end: u64::MAX }
    }

    /// Reads any rows from `at` on, the end of the header.
    pub fn of_any(from: Box<dyn Read>, at: u64, layout: Layout) -> Self {
        let reader = RecordReader::after_header(from, layout.delimiter, at);
        Records { layout, form: Form::General(Box::new(reader)), row: 0, end: u64::MAX }
    }

    /// The same up to the last row that begins before `end`.
    pub fn until(self, end: u64) -> Self {
        Records { end, ..self }
    }

    /// Leaves out the rest of a line that begins elsewhere.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn skip_rest_of_line(&mut self) -> Result<()> {
        if let Form::Lines { lines, .. } = &mut self.form {
            lines.next_line()?;
        }
        Ok(())
    }

    /// Where the next row begins.
    pub fn at(&self) -> u64 {
        match &self.form {
            Form::Lines { lines, .. } => lines.at(),
            Form::General(reader) => reader.position(),
        }
    }

    /// Rows given out so far.
    pub fn rows(&self) -> u64 {
        self.row
    }

    /// User id, cell id and time stamp of the next row. Lines without anything are no rows.
    ///
    /// # Errors
    /// A file that cannot be read; [`RowError`](crate::formats::csv::RowError); [`NotByLines`].
    pub fn next_row(&mut self) -> Result<Option<[&[u8]; 3]>> {
        let Layout { columns, places, .. } = self.layout;
        match &mut self.form {
            Form::Lines { lines, quoted } => {
                let line = loop {
                    if lines.at() >= self.end {
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
                check_len(found, self.row, columns)?;
                self.row += 1;
                Ok(Some(spans.map(|span| &from[span])))
            }
            Form::General(reader) => {
                let Some(record) = reader.next_record()? else { return Ok(None) };
                record.check_len(self.row, columns)?;
                self.row += 1;
                Ok(Some(places.map(|place| record.field(place))))
            }
        }
    }
}

/// Cuts a line without quotes; tells also how many fields it has.
#[inline]
fn split(line: &[u8], layout: Layout) -> ([Range<usize>; 3], usize) {
    let mut spans = [0..0, 0..0, 0..0];
    let mut field = 0;
    let mut start = 0;
    let mut end_field = |field: usize, span: Range<usize>| {
        for (place, into) in layout.places.iter().zip(&mut spans) {
            if *place == field {
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

/// Cuts lines with quotes.
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
        // a byte for the line end, and no more fields than bytes of the line and one
        self.fields.resize(line.len() + 1, 0);
        self.ends.resize(line.len() + 2, 0);
        let (_, _, written, count) =
            self.parser.read_record(line, &mut self.fields, &mut self.ends);
        let (result, _, _, last) =
            self.parser.read_record(b"\n", &mut self.fields[written..], &mut self.ends[count..]);
        // only in a quoted field a line end does not end the record
        if result != ReadRecordResult::Record {
            return Err(NotByLines.into());
        }
        let found = count + last;
        Ok((self.layout.places.map(|place| span(&self.ends[..found], place)), found))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::formats::csv::RowError;

    const LAYOUT: Layout = Layout { delimiter: b',', columns: 4, places: [1, 3, 0] };

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
        all(Records::of_lines(bytes(text), 0, LAYOUT))
    }

    fn generally(text: impl AsRef<[u8]>) -> Result<Rows> {
        all(Records::of_any(bytes(text), 0, LAYOUT))
    }

    #[test]
    fn fields_come_in_the_order_of_their_meaning() {
        let text = b"1,u1,,c1\r\n\n2,\"u\"\"2\",\"a,b\",\"\"\n3,,\"\",c3";
        let expected = [["u1", "c1", "1"], ["u\"2", "", "2"], ["", "c3", "3"]];
        assert_eq!(by_lines(text).unwrap(), expected);
        assert_eq!(generally(text).unwrap(), expected);
    }

    #[test]
    fn rows_that_do_not_fit_are_named() {
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
    fn a_quoted_field_over_several_lines_is_left_to_the_general_reader() {
        for (text, expected) in [
            ("1,u,\"a\nb\",c\n", Some(["u", "c", "1"])),
            ("1,u,,c\r", Some(["u", "c", "1"])),
            ("1,\"u\r1\",,c", Some(["u\r1", "c", "1"])),
            // an even number of quotes, and still the last field does not end
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
        /// Whatever the text, reading by lines gives the same as the general reader, or refuses.
        #[test]
        fn both_ways_agree(text in "([a,\"\n\r]|\r\n|,,,|\"\"|a,a,a,a\n|\u{feff}){0,40}") {
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
