//! Arrow IPC in the file form, which pandas, Polars and DuckDB open.

use std::io::Write;

use anyhow::Result;
use arrow::ipc::writer::FileWriter;

use super::Rows;

pub fn write(rows: Rows, mut out: Box<dyn Write + Send>) -> Result<u64> {
    let schema = arrow::record_batch::RecordBatchReader::schema(&rows);
    let mut writer = FileWriter::try_new(&mut out, &schema)?;
    let mut count = 0;
    for batch in rows {
        let batch = batch?;
        writer.write(&batch)?;
        count += batch.num_rows() as u64;
    }
    writer.finish()?;
    drop(writer);
    out.flush()?;
    Ok(count)
}
