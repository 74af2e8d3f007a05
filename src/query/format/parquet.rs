//! Parquet, as GeoParquet where the rows carry a geometry.

use std::io::Write;

use anyhow::Result;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{Options, Rows};

pub fn write(rows: Rows, out: Box<dyn Write + Send>, options: &Options) -> Result<u64> {
    let schema = arrow::record_batch::RecordBatchReader::schema(&rows);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let settings =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(out, schema, settings)?;
    if let Some(geo) = &options.geo_metadata {
        writer.append_key_value_metadata(KeyValue::new("geo".to_owned(), geo.clone()));
    }
    let mut count = 0;
    for batch in rows {
        let batch = batch?;
        writer.write(&batch)?;
        count += batch.num_rows() as u64;
    }
    writer.into_inner()?.flush()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::super::samples::{all_types, bytes_written};
    use super::super::{Format, Options};

    #[test]
    fn rows_read_back_with_their_types_and_the_geo_metadata() {
        let options = Options { geo_metadata: Some("{}".to_owned()), ..Options::default() };
        let bytes = bytes_written(Format::Parquet, all_types(), &options);
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        let metadata = builder.metadata().file_metadata().key_value_metadata().unwrap().clone();
        assert!(metadata.iter().any(|kv| kv.key == "geo" && kv.value.as_deref() == Some("{}")));
        let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
        let expected = all_types().next().unwrap().unwrap();
        assert_eq!(batches[0].columns(), expected.columns());
    }
}
