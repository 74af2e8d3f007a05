//! CSV by RFC 4180 with line feeds, and the same with tabs in place of commas. A field is quoted only if it
//! contains a separator, a quote or a line break, or if it is an empty text: an unquoted empty field is a
//! null. On request, texts that a spreadsheet would take for formulas get an apostrophe.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};

use super::{FLUSH_BYTES, RowWriter, cells, formulas};

pub(super) struct Csv<'a> {
    out: &'a mut (dyn Write + Send),
    buffer: Vec<u8>,
    separator: u8,
    /// The columns whose cells may be taken for formulas.
    guarded: Vec<bool>,
}

impl<'a> Csv<'a> {
    /// With `spreadsheet_safe`, no header and no cell but numbers begins like a formula.
    pub fn new(
        schema: &Schema,
        out: &'a mut (dyn Write + Send),
        separator: u8,
        spreadsheet_safe: bool,
    ) -> Self {
        let mut buffer = Vec::with_capacity(2 * FLUSH_BYTES);
        for (index, field) in schema.fields().iter().enumerate() {
            if index > 0 {
                buffer.push(separator);
            }
            let start = buffer.len();
            buffer.extend_from_slice(field.name().as_bytes());
            if spreadsheet_safe {
                formulas::neutralise(&mut buffer, start);
            }
            quote(&mut buffer, start, separator);
        }
        buffer.push(b'\n');
        let is_guarded =
            |field: &FieldRef| spreadsheet_safe && !cells::is_number(field.data_type());
        Csv { out, buffer, separator, guarded: schema.fields().iter().map(is_guarded).collect() }
    }

    fn flush(&mut self) -> Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl RowWriter for Csv<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = cells::columns(batch)?;
        for row in 0..batch.num_rows() {
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    self.buffer.push(self.separator);
                }
                let start = self.buffer.len();
                if column.is_null(row) {
                    // most readers skip empty lines
                    if columns.len() == 1 {
                        self.buffer.extend_from_slice(b"\"\"");
                    }
                    continue;
                }
                column.write_text(row, &mut self.buffer);
                if self.guarded[index] {
                    formulas::neutralise(&mut self.buffer, start);
                }
                if !column.is_plain() {
                    quote(&mut self.buffer, start, self.separator);
                }
            }
            self.buffer.push(b'\n');
            if self.buffer.len() >= FLUSH_BYTES {
                self.flush()?;
            }
        }
        self.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.flush()
    }
}

/// Quotes the field that starts at `start` in `buffer`, if necessary.
fn quote(buffer: &mut Vec<u8>, start: usize, separator: u8) {
    let field = &buffer[start..];
    let is_special = |b: &u8| *b == separator || matches!(b, b'"' | b'\n' | b'\r');
    if !field.is_empty() && !field.iter().any(is_special) {
        return;
    }
    let field = field.to_vec();
    buffer.truncate(start);
    buffer.push(b'"');
    for byte in field {
        if byte == b'"' {
            buffer.push(b'"');
        }
        buffer.push(byte);
    }
    buffer.push(b'"');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;
    use crate::output::formats::samples::{every_type, rows, shown};
    use crate::output::formats::{Format, Options};

    fn csv(batch: RecordBatch) -> String {
        shown(Format::Csv, vec![batch], &Options::default())
    }

    fn texts(values: Vec<Option<&str>>) -> ArrayRef {
        Arc::new(StringArray::from(values))
    }

    #[test]
    fn every_type_is_written_in_its_notation() {
        assert_eq!(
            csv(every_type()),
            "text,int,big,float,single,flag,date,time,zoned,bytes,decimal,list,nothing\n\
             Jõgeva,-7,18446744073709551615,0.1,0.1,true,2024-10-01,2024-10-01 08:00:00,\
             1970-01-01 00:00:00+00,00ff,123.45,\"[1,null]\",\n\
             ,,,,,,,,,,,,\n"
        );
    }

    #[test]
    fn fields_are_quoted_only_if_necessary() {
        let values = vec![
            Some("a,b"),
            Some("say \"hi\""),
            Some("two\nlines"),
            Some("cr\r"),
            Some(" space; 'x' "),
            Some(""),
            None,
        ];
        let count: ArrayRef = Arc::new(Int64Array::from(vec![1; values.len()]));
        assert_eq!(
            csv(rows([("name, of", texts(values)), ("n", count)])),
            "\"name, of\",n\n\"a,b\",1\n\"say \"\"hi\"\"\",1\n\"two\nlines\",1\n\"cr\r\",1\n \
             space; 'x' ,1\n\"\",1\n,1\n"
        );
    }

    #[test]
    fn a_null_in_a_single_column_is_not_an_empty_line() {
        assert_eq!(csv(rows([("a", texts(vec![None, Some("x")]))])), "a\n\"\"\nx\n");
    }

    #[test]
    fn texts_like_formulas_get_an_apostrophe_on_request_and_numbers_do_not() {
        let names = vec![Some("=1+1"), Some("plain"), Some("a;\n=1"), None];
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![-1, 2, -3, 4]));
        let batch = || rows([("@name", texts(names.clone())), ("-n", Arc::clone(&numbers))]);
        assert_eq!(csv(batch()), "@name,-n\n=1+1,-1\nplain,2\n\"a;\n=1\",-3\n,4\n");
        let safe = Options { spreadsheet_safe: true, ..Options::default() };
        assert_eq!(
            shown(Format::Csv, vec![batch()], &safe),
            "'@name,'-n\n'=1+1,-1\nplain,2\n\"a;\n'=1\",-3\n,4\n"
        );
        // every other type is unchanged
        assert_eq!(shown(Format::Csv, vec![every_type()], &safe), csv(every_type()));
    }

    #[test]
    fn no_rows_give_only_the_header() {
        assert_eq!(csv(rows([("a", texts(vec![])), ("b", texts(vec![]))])), "a,b\n");
    }

    proptest! {
        #[test]
        fn a_csv_reader_gets_the_same_text_back(
            cells in prop::collection::vec((any::<String>(), "[a\",\r\n õ]*"), 1..20)
        ) {
            let (left, right): (Vec<_>, Vec<_>) = cells.iter().cloned().unzip();
            let left: ArrayRef = Arc::new(StringArray::from(left));
            let right: ArrayRef = Arc::new(StringArray::from(right));
            let text = csv(rows([("left", left), ("right", right)]));
            let mut reader = ::csv::Reader::from_reader(text.as_bytes());
            let read: Vec<(String, String)> =
                reader.deserialize().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(read, cells);
        }
    }
}
