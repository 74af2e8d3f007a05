//! Parquet with Snappy compression, plain types and no embedded Arrow schema, so that every reader opens
//! it. With the `geo` metadata of a geometry column it is GeoParquet.

use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{Options, RowWriter, geometry};

pub(super) struct Parquet<'a> {
    writer: ArrowWriter<&'a mut (dyn Write + Send)>,
}

impl<'a> Parquet<'a> {
    pub fn new(
        schema: &SchemaRef,
        out: &'a mut (dyn Write + Send),
        options: &Options,
    ) -> Result<Self> {
        // readers refuse a file whose metadata names a missing column
        let geo = options.geo_metadata.clone().filter(|_| geometry::column(schema).is_some());
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(geo.map(|geo| vec![KeyValue::new("geo".to_owned(), geo)]))
            .build();
        let settings =
            ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(out, Arc::clone(schema), settings)?;
        Ok(Parquet { writer })
    }
}

impl RowWriter for Parquet<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.writer.write(batch)?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.writer.close()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;
    use crate::domain::tables::TIMESTAMP;
    use crate::output::formats::Format;
    use crate::output::formats::samples::{bytes, every_type, points};

    fn keys(written: Vec<u8>) -> Vec<String> {
        let reader = SerializedFileReader::new(Bytes::from(written)).unwrap();
        let pairs = reader.metadata().file_metadata().key_value_metadata().cloned();
        pairs.unwrap_or_default().into_iter().map(|pair| pair.key).collect()
    }

    #[test]
    fn a_reader_gets_the_rows_back_without_an_arrow_schema_inside() {
        let written = bytes(Format::Parquet, vec![every_type()], &Options::default());
        let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(written)).unwrap();
        let field = |name: &str| builder.schema().field_with_name(name).unwrap().clone();
        assert_eq!(*field("time").data_type(), TIMESTAMP);
        assert_eq!(*field("text").data_type(), DataType::Utf8);
        let chunk = builder.metadata().row_group(0).column(0);
        assert_eq!(chunk.compression(), Compression::SNAPPY);
        let read = builder.build().unwrap().next().unwrap().unwrap();
        for name in ["text", "int", "float", "flag", "date", "time", "bytes", "decimal"] {
            assert_eq!(read.column_by_name(name), every_type().column_by_name(name), "{name}");
        }
        let written = bytes(Format::Parquet, vec![every_type()], &Options::default());
        assert_eq!(keys(written), Vec::<String>::new());
    }

    #[test]
    fn geo_metadata_is_written_only_where_there_is_a_geometry() {
        let options = Options { geo_metadata: Some("{}".to_owned()), ..Options::default() };
        assert_eq!(keys(bytes(Format::Parquet, vec![points()], &options)), ["geo"]);
        assert!(keys(bytes(Format::Parquet, vec![every_type()], &options)).is_empty());
    }
}
