//! CSV after RFC 4180: header line, UTF-8, line feeds, quotes only where they are needed.

use std::io::Write;

use anyhow::Result;

use super::Rows;
use super::cells::Cells;

/// Bytes gathered before they are handed on.
const CHUNK: usize = 1 << 16;

pub fn write(rows: Rows, mut out: Box<dyn Write + Send>) -> Result<u64> {
    let schema = arrow::record_batch::RecordBatchReader::schema(&rows);
    let mut text = String::with_capacity(2 * CHUNK);
    for (i, field) in schema.fields().iter().enumerate() {
        separate(i, &mut text);
        push_quoted(field.name(), &mut text);
    }
    text.push('\n');
    let mut count = 0;
    for batch in rows {
        let batch = batch?;
        let columns = batch.columns().iter().map(Cells::new).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            for (i, column) in columns.iter().enumerate() {
                separate(i, &mut text);
                if column.is_null(row) {
                    continue;
                }
                match column {
                    Cells::Text(values) => push_quoted(values.value(row), &mut text),
                    Cells::Other(formatter, _) => {
                        push_quoted(&formatter.value(row).to_string(), &mut text)
                    }
                    // numbers, times and hexadecimal need no quotes
                    _ => column.push(row, &mut text),
                }
            }
            text.push('\n');
            if text.len() >= CHUNK {
                out.write_all(text.as_bytes())?;
                text.clear();
            }
        }
        count += batch.num_rows() as u64;
    }
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(count)
}

fn separate(column: usize, text: &mut String) {
    if column > 0 {
        text.push(',');
    }
}

/// An empty text is quoted, so that it differs from null, which is nothing at all.
fn push_quoted(value: &str, text: &mut String) {
    let needs_quotes =
        value.is_empty() || value.bytes().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r'));
    if !needs_quotes {
        text.push_str(value);
        return;
    }
    text.push('"');
    for part in value.split_inclusive('"') {
        text.push_str(part);
        if part.ends_with('"') {
            text.push('"');
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::samples::{all_types, empty, text_column, written};
    use super::super::{Format, Options};

    #[test]
    fn every_type_is_written_as_the_contract_says() {
        let text = written(Format::Csv, all_types(), &Options::default());
        let expected = "name,n,x,ok,date,hour,raw\n\
            plain,9007199254740993,24.75,true,2024-10-01,2024-10-01 08:00:00,00ff\n\
            \"a,\"\"b\"\"\nõ\",-1,5,false,1969-12-31,1969-12-31 23:59:59.5,\n\
            \"\",,,,,,\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn no_rows_still_give_a_header() {
        assert_eq!(
            written(Format::Csv, empty(), &Options::default()),
            "name,n,x,ok,date,hour,raw\n"
        );
    }

    proptest! {
        #[test]
        fn any_text_reads_back_as_it_was(values in prop::collection::vec(".*", 1..20)) {
            let text = written(Format::Csv, text_column(&values), &Options::default());
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let back: Vec<String> =
                reader.records().map(|r| r.unwrap().get(0).unwrap().to_owned()).collect();
            prop_assert_eq!(back, values);
        }
    }
}
