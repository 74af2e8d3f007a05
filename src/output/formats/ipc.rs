//! The Arrow IPC file format, which Feather readers, DuckDB and Polars open. It is written sequentially,
//! so it can go to a pipe.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::ipc::writer::FileWriter;

use super::RowWriter;

pub(super) struct Ipc<'a> {
    writer: FileWriter<&'a mut (dyn Write + Send)>,
}

impl<'a> Ipc<'a> {
    pub fn new(schema: &Schema, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        Ok(Ipc { writer: FileWriter::try_new(out, schema)? })
    }
}

impl RowWriter for Ipc<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.writer.write(batch)?)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        Ok(self.writer.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use arrow::ipc::reader::FileReader;

    use super::*;
    use crate::output::formats::samples::{bytes, every_type};
    use crate::output::formats::{Format, Options};

    #[test]
    fn a_reader_gets_the_rows_back() {
        let written = bytes(Format::Arrow, vec![every_type(), every_type()], &Options::default());
        let read: Vec<RecordBatch> =
            FileReader::try_new(Cursor::new(written), None).unwrap().map(Result::unwrap).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[1].columns(), every_type().columns());
    }

    #[test]
    fn no_rows_give_a_file_with_columns() {
        let written = bytes(Format::Arrow, vec![every_type().slice(0, 0)], &Options::default());
        let reader = FileReader::try_new(Cursor::new(written), None).unwrap();
        assert_eq!(reader.schema().fields().len(), every_type().num_columns());
        assert_eq!(reader.map(|b| b.unwrap().num_rows()).sum::<usize>(), 0);
    }
}
