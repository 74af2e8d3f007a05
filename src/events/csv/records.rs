//! Rows of an event file: the three fields that matter.
//!
//! Mostly a row is a line, and then a file can be cut at any line end. Only a field in quotes can
//! hold a line end; a file with such a field is read in one piece by a slower parser.

use std::fmt;
use std::io::Read;
use std::ops::Range;

use anyhow::Result;

use crate::formats::csv::Lines;

/// Where the fields stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub delimiter: u8,
    /// Fields of each row.
    pub columns: usize,
    /// User id, cell id, time stamp.
    pub places: [usize; 3],
}

/// A row that does not fit the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// From 0, of what was read.
    pub row: u64,
    pub(super) found: usize,
    pub(super) expected: usize,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RowError { row, found, expected } = self;
        write!(
            f,
            "row {}: {found} fields where the header has {expected}; is the file cut off, or a delimiter not in quotes?",
            row + 1
        )
    }
}

impl std::error::Error for RowError {}

/// A line of the file is no row: a field goes on over its end.
#[derive(Debug)]
pub struct NotByLines;

impl fmt::Display for NotByLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field goes on over the end of its line; the file changed while it was read")
    }
}

impl std::error::Error for NotByLines {}

/// Reads rows one by one.
pub struct Records {
    layout: Layout,
    form: Form,
    /// Rows given out.
    row: u64,
    has_header: bool,
    /// Rows that begin here or later are another's.
    end: u64,
}

enum Form {
    Lines { lines: Lines<Box<dyn Read>>, quoted: Box<Quoted> },
    General { reader: Box<csv::Reader<Box<dyn Read>>>, record: csv::ByteRecord },
}

impl Records {
    /// Reads a file, or a part of it that begins at `at`, whose lines are rows.
    pub fn of_lines(from: Box<dyn Read>, at: u64, layout: Layout) -> Self {
        let form = Form::Lines { lines: Lines::new(from, at), quoted: Quoted::new(layout) };
        Records { layout, form, row: 0, has_header: at == 0, end: u64::MAX }
    }

    /// Reads any file from its beginning.
    pub fn of_any(from: Box<dyn Read>, layout: Layout) -> Self {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(layout.delimiter)
            .buffer_capacity(1 << 18)
            .from_reader(from);
        let form = Form::General { reader: Box::new(reader), record: csv::ByteRecord::new() };
        Records { layout, form, row: 0, has_header: true, end: u64::MAX }
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
        self.has_header = false;
        Ok(())
    }

    /// Where the next row begins, as far as rows are lines.
    pub fn at(&self) -> u64 {
        match &self.form {
            Form::Lines { lines, .. } => lines.at(),
            Form::General { reader, .. } => reader.position().byte(),
        }
    }

    /// Rows given out so far.
    pub fn rows(&self) -> u64 {
        self.row
    }

    /// User id, cell id and time stamp of the next row. Lines without anything are no rows.
    ///
    /// # Errors
    /// A file that cannot be read; [`RowError`]; [`NotByLines`].
    pub fn next_row(&mut self) -> Result<Option<[&[u8]; 3]>> {
        let Layout { columns, places, .. } = self.layout;
        let fits = |found: usize, row: u64| {
            if found == columns { Ok(()) } else { Err(RowError { row, found, expected: columns }) }
        };
        match &mut self.form {
            Form::Lines { lines, quoted } => {
                let line = loop {
                    if lines.at() >= self.end {
                        return Ok(None);
                    }
                    let Some(line) = lines.next_line()? else { return Ok(None) };
                    if line.is_empty() {
                        continue;
                    }
                    if !std::mem::take(&mut self.has_header) {
                        break line;
                    }
                    quoted.split(lines.bytes(line))?;
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
                fits(found, self.row)?;
                self.row += 1;
                Ok(Some(spans.map(|span| &from[span])))
            }
            Form::General { reader, record } => {
                if std::mem::take(&mut self.has_header) {
                    reader.read_byte_record(record)?;
                }
                if !reader.read_byte_record(record)? {
                    return Ok(None);
                }
                fits(record.len(), self.row)?;
                self.row += 1;
                Ok(Some(places.map(|place| &record[place])))
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
        let parser = csv_core::ReaderBuilder::new().delimiter(layout.delimiter).build();
        Box::new(Quoted { parser, layout, fields: Vec::new(), ends: Vec::new() })
    }

    fn split(&mut self, line: &[u8]) -> Result<([Range<usize>; 3], usize)> {
        let quotes = memchr::memchr_iter(b'"', line).count();
        if !quotes.is_multiple_of(2) || line.contains(&b'\r') {
            return Err(NotByLines.into());
        }
        self.fields.resize(line.len(), 0);
        // no more fields than bytes and one
        self.ends.resize(line.len() + 1, 0);
        self.parser.reset();
        let (_, read, written, fields) =
            self.parser.read_record(line, &mut self.fields, &mut self.ends);
        let (_, _, _, last) = self.parser.read_record(
            &line[read..],
            &mut self.fields[written..],
            &mut self.ends[fields..],
        );
        let found = fields + last;
        let span = |place: usize| match (place.checked_sub(1), self.ends.get(place)) {
            (before, Some(end)) if place < found => before.map_or(0, |b| self.ends[b])..*end,
            _ => 0..0,
        };
        Ok((self.layout.places.map(span), found))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAYOUT: Layout = Layout { delimiter: b',', columns: 4, places: [1, 3, 0] };

    fn all(mut records: Records) -> Result<Vec<[String; 3]>> {
        let mut rows = Vec::new();
        while let Some(row) = records.next_row()? {
            rows.push(row.map(|field| String::from_utf8_lossy(field).into_owned()));
        }
        Ok(rows)
    }

    fn lines(text: &'static [u8]) -> Result<Vec<[String; 3]>> {
        all(Records::of_lines(Box::new(text), 0, LAYOUT))
    }

    #[test]
    fn fields_come_in_the_order_of_their_meaning() {
        let text = b"t,u,x,c\n1,u1,,c1\r\n\n2,\"u\"\"2\",\"a,b\",\"\"\n3,,\"\",c3";
        let expected = [["u1", "c1", "1"], ["u\"2", "", "2"], ["", "c3", "3"]];
        assert_eq!(lines(text).unwrap(), expected);
        assert_eq!(all(Records::of_any(Box::new(&text[..]), LAYOUT)).unwrap(), expected);
    }

    #[test]
    fn rows_that_do_not_fit_are_named() {
        for text in [&b"t,u,x,c\n1,u,,c\n2,u,c\n"[..], b"t,u,x,c\n1,u,,c\n2,u,,c,\n"] {
            let error = lines(text).unwrap_err();
            assert_eq!(error.downcast_ref::<RowError>().unwrap().row, 1);
            assert!(error.to_string().starts_with("row 2: "), "{error}");
            let error = all(Records::of_any(Box::new(text), LAYOUT)).unwrap_err();
            assert_eq!(error.downcast_ref::<RowError>().unwrap().row, 1);
        }
    }

    #[test]
    fn a_field_over_two_lines_is_noticed() {
        for text in
            [&b"t,u,x,c\n1,u,\"a\nb\",c\n"[..], b"t,u,x,c\n1,u,a\"b,c\n", b"t,u,x,c\r1,u,,c"]
        {
            assert!(lines(text).unwrap_err().is::<NotByLines>());
        }
    }

    proptest! {
        /// Whatever stands there, the quick way says the same as the general one, or that it cannot.
        #[test]
        fn both_ways_agree(text in "([a,\"\n]|\r\n|,,,|\"\"){0,40}") {
            let text = format!("t,u,x,c\n{text}");
            let bytes = || Box::new(std::io::Cursor::new(text.clone().into_bytes()));
            let quick = all(Records::of_lines(bytes(), 0, LAYOUT));
            let general = all(Records::of_any(bytes(), LAYOUT));
            match (quick, general) {
                (Ok(quick), Ok(general)) => prop_assert_eq!(quick, general),
                (Err(quick), Err(general)) if quick.is::<RowError>() => {
                    prop_assert_eq!(quick.to_string(), general.to_string());
                }
                (Err(quick), _) => prop_assert!(quick.is::<NotByLines>()),
                (Ok(quick), Err(_)) => prop_assert!(false, "{:?}", quick),
            }
        }
    }
}
