//! Small tables in memory: cell plans from Parquet or CSV, and the small outputs.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{
    ArrayRef, AsArray, NullArray, RecordBatch, RecordBatchOptions, RecordBatchReader, StringArray,
};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::ChunkReader;
use parquet::schema::types::ColumnDescriptor;

use super::csv::{self, Header, RecordReader};
use super::parquet::{ParquetBatches, checksum, footer, refuse_encrypted};
use crate::errors::{missing_column, refuse_duplicate};
use crate::storage::ByteSource;
use crate::storage::atomic::AtomicFile;
use crate::storage::inputs::InputFile;

/// Extensions of tables.
pub const EXTENSIONS: [&str; 9] =
    ["parquet", "parq", "pq", "csv", "csv.gz", "csv.zst", "tsv", "tsv.gz", "tsv.zst"];

/// Memory that a table may take. A cell plan of a million cells takes a tenth of it.
const MAX_TABLE_BYTES: usize = 1 << 30;
/// Rows that are decoded at a time: few, since a short file can contain the same long text many times.
const BATCH_ROWS: usize = 128;

fn refuse_too_large(bytes: usize, row: usize) -> Result<()> {
    if bytes > MAX_TABLE_BYTES {
        bail!(
            "the rows up to row {row} take more than {} MiB in memory; is it a cell plan? If it is, split \
             the file",
            MAX_TABLE_BYTES >> 20
        );
    }
    Ok(())
}

/// Reads a whole input. All columns of a CSV file are text.
///
/// # Errors
/// A file that is truncated or damaged, or that takes too much memory.
pub fn read(input: &InputFile) -> Result<RecordBatch> {
    read_some(input, None)
}

/// Reads the `wanted` columns of an input; the others are null, so that it does not matter what they hold.
///
/// # Errors
/// As [`read`].
pub fn read_columns_of(input: &InputFile, wanted: &[&str]) -> Result<RecordBatch> {
    read_some(input, Some(wanted))
}

/// Reads columns of an input as text.
///
/// # Errors
/// As [`read`]; a column that is missing, or that has no text form.
pub fn read_text_columns<const N: usize>(
    input: &InputFile,
    wanted: &[&str; N],
) -> Result<[StringArray; N]> {
    let rows = read_columns_of(input, wanted)?;
    let column = |name: &&str| -> Result<StringArray> {
        let column = rows.column_by_name(name).with_context(|| {
            format!("no column {name:?}; expected are the columns {}", wanted.join(" and "))
        })?;
        let text = cast(column, &DataType::Utf8).with_context(|| format!("column {name:?}"))?;
        Ok(text.as_string::<i32>().clone())
    };
    let columns = wanted.iter().map(column).collect::<Result<Vec<_>>>()?;
    columns.try_into().map_err(|_| anyhow!("a column is missing"))
}

/// The columns of an input with their types; those of a CSV file are text.
///
/// # Errors
/// A file that is truncated or damaged, or whose header cannot be read.
pub fn schema(input: &InputFile) -> Result<SchemaRef> {
    if csv::is_csv(&input.location) {
        let header = Header::read(csv::decoded(input)?, &[])?;
        let fields = header.names.iter().map(|name| Field::new(name, DataType::Utf8, true));
        return Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
    }
    let source = ByteSource::open(input)?;
    let metadata = footer::read(&source).map_err(|e| footer::explain(&source, &e))?;
    Ok(Arc::clone(metadata.schema()))
}

fn read_some(input: &InputFile, wanted: Option<&[&str]>) -> Result<RecordBatch> {
    if csv::is_csv(&input.location) {
        return read_csv(input, wanted);
    }
    read_parquet(ByteSource::open(input)?, wanted)
}

fn read_parquet(source: ByteSource, wanted: Option<&[&str]>) -> Result<RecordBatch> {
    let source = source.in_memory()?;
    let metadata = footer::read(&source).map_err(|e| footer::explain(&source, &e))?;
    let metadata = plain_types(metadata)?;
    let schema = Arc::clone(metadata.schema());
    let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted.contains(&name));
    let roots = (0..schema.fields().len()).filter(|root| is_wanted(schema.field(*root).name()));
    let roots: Vec<usize> = roots.collect();
    let descriptor = metadata.parquet_schema();
    let leaves = 0..descriptor.num_columns();
    let leaves = leaves.filter(|leaf| roots.contains(&descriptor.get_column_root_idx(*leaf)));
    refuse_encrypted(&source, metadata.metadata(), leaves)?;
    let mask = ProjectionMask::roots(descriptor, roots);
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(source, metadata);
    let table = read_all(builder.with_projection(mask)).context("damaged; copy the file again")?;
    let mut read = table.columns().iter();
    let column = |field: &FieldRef| match is_wanted(field.name()).then(|| read.next()).flatten() {
        Some(column) => (Arc::clone(field), Arc::clone(column)),
        None => unread(field.name(), table.num_rows()),
    };
    let (fields, columns): (Vec<_>, Vec<_>) = schema.fields().iter().map(column).unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(table.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}

/// A column of nulls in place of one that was not read.
fn unread(name: &str, rows: usize) -> (FieldRef, ArrayRef) {
    (Arc::new(Field::new(name, DataType::Null, true)), Arc::new(NullArray::new(rows)))
}

/// Requests values in place of dictionaries of other types than text, and instants in UTC for the legacy
/// type INT96, as Spark and Hive write them. Microseconds hold every year of that type.
fn plain_types(metadata: ArrowReaderMetadata) -> Result<ArrowReaderMetadata> {
    let leaves = metadata.parquet_schema().columns();
    let is_int96 = |name: &str| {
        let is_it = |leaf: &&Arc<ColumnDescriptor>| leaf.path().parts() == [name];
        leaves.iter().find(is_it).is_some_and(|leaf| leaf.physical_type() == Type::INT96)
    };
    let plain = |field: &FieldRef| match field.data_type() {
        // one copy of a long text is shared by all rows
        DataType::Dictionary(_, value) if !value.is_string() => {
            Arc::new(field.as_ref().clone().with_data_type(value.as_ref().clone()))
        }
        DataType::Timestamp(_, _) if is_int96(field.name()) => {
            let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            Arc::new(field.as_ref().clone().with_data_type(micros))
        }
        _ => Arc::clone(field),
    };
    let fields: Vec<FieldRef> = metadata.schema().fields().iter().map(plain).collect();
    let schema = Schema::new_with_metadata(fields, metadata.schema().metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    Ok(ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)?)
}

/// Reads some columns of a Parquet file. Names that it does not have are ignored.
///
/// # Errors
/// A file that is missing, truncated or damaged.
pub fn read_columns(path: &Path, names: &[&str]) -> Result<RecordBatch> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
    read_all(builder.with_projection(mask))
}

fn read_all<T: ChunkReader + 'static>(
    builder: ParquetRecordBatchReaderBuilder<T>,
) -> Result<RecordBatch> {
    let reader = builder.with_batch_size(BATCH_ROWS).build()?;
    let schema = reader.schema();
    let (mut batches, mut bytes, mut rows) = (Vec::new(), 0, 0);
    for batch in ParquetBatches::new(reader) {
        let batch = batch?;
        bytes += batch.get_array_memory_size();
        rows += batch.num_rows();
        refuse_too_large(bytes, rows)?;
        batches.push(batch);
    }
    Ok(concat_batches(&schema, &batches)?)
}

fn read_csv(input: &InputFile, wanted: Option<&[&str]>) -> Result<RecordBatch> {
    let decoded = csv::decoded(input)?;
    let Header { delimiter, names, end } = Header::read(decoded, wanted.unwrap_or_default())?;
    let rows = csv::decoded_from(input, end)?;
    let mut reader = RecordReader::after_header(rows, delimiter, end);
    let is_wanted = |name: &String| wanted.is_none_or(|wanted| wanted.contains(&name.as_str()));
    let mut columns: Vec<Option<Vec<Option<String>>>> =
        names.iter().map(|name| is_wanted(name).then(Vec::new)).collect();
    let (mut row, mut bytes) = (0, 0);
    while let Some(record) = reader.next_record()? {
        record.check_len(row, names.len())?;
        for ((column, name), value) in columns.iter_mut().zip(&names).zip(record.iter()) {
            let Some(column) = column else { continue };
            let value =
                std::str::from_utf8(value).with_context(|| csv::not_utf8(row, Some(name)))?;
            column.push((!value.is_empty()).then(|| value.to_owned()));
            bytes += value.len() + size_of::<Option<String>>();
        }
        row += 1;
        refuse_too_large(bytes, row as usize)?;
    }
    let rows = usize::try_from(row)?;
    let column = |(name, values): (&String, Option<Vec<Option<String>>>)| match values {
        Some(values) => (
            Arc::new(Field::new(name, DataType::Utf8, true)),
            Arc::new(StringArray::from(values)) as ArrayRef,
        ),
        None => unread(name, rows),
    };
    let (fields, columns): (Vec<_>, Vec<_>) = names.iter().zip(columns).map(column).unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}

/// Writes a table and its checksum. The footer `entries` include [`checksum::placeholder`].
///
/// # Errors
/// A folder that is not writable; a previous file is then unchanged.
pub fn write(path: &Path, batch: &RecordBatch, entries: Vec<KeyValue>) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let target = AtomicFile::new(path)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(entries))
        .build();
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(target.create()?, batch.schema(), options)
        .with_context(context)?;
    writer.write(batch).with_context(context)?;
    writer.close().with_context(context)?;
    checksum::embed(target.path())?;
    target.commit()
}

/// Finds a column that a table may lack.
///
/// # Errors
/// A name that several columns have.
pub fn optional_column<'a>(table: &'a RecordBatch, name: &str) -> Result<Option<&'a ArrayRef>> {
    refuse_duplicate(name, table.schema_ref().fields().iter().map(|f| f.name().as_str()))?;
    Ok(table.column_by_name(name))
}

/// Finds a column. `key` is the config key of its name, and `taken` are the names of columns with
/// another meaning.
///
/// # Errors
/// A missing column, with a list of the columns of the table; a name that several columns have.
pub fn column<'a>(
    table: &'a RecordBatch,
    name: &str,
    key: &str,
    taken: &[&str],
) -> Result<&'a ArrayRef> {
    if let Some(column) = optional_column(table, name)? {
        return Ok(column);
    }
    let schema = table.schema_ref();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    bail!(missing_column(name, key, &names, taken))
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::*;

    fn read_text(text: &str) -> Result<RecordBatch> {
        let file = tempfile::Builder::new().suffix(".csv").tempfile()?;
        std::fs::write(file.path(), text)?;
        read(&InputFile::local(file.path().to_owned())?)
    }

    #[test]
    fn quotes_in_a_cell_plan_follow_the_same_rule_as_in_events() {
        let text = "\u{feff}cell_id;\"name\"\r\n1;5\" pole\r\n\n\"2\";\"a;\"\"b\"\"\nc\"\n3;\"\"";
        let table = read_text(text).unwrap();
        let names: Vec<_> =
            table.column_by_name("name").unwrap().as_string::<i32>().iter().collect();
        assert_eq!(names, [Some("5\" pole"), Some("a;\"b\"\nc"), None]);
    }

    #[test]
    fn an_invalid_row_of_a_cell_plan_is_named() {
        for (text, words) in [
            ("cell_id,name\n1,a\n2,\"b\n3,c\n", "row 2: a field begins with a quote"),
            ("cell_id,name\n1,a\n2\n", "row 2: 1 field where the header has 2"),
        ] {
            let error = read_text(text).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
        }
    }
}
