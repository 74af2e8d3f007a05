//! Converts the many Arrow types that can hold the same values to the few that the formats support.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// The type in which a column of type `from` is written. Other types are kept; formats that do not
/// support them write the text that Arrow displays.
fn plain(from: &DataType) -> DataType {
    use DataType::*;
    match from {
        Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32 => Int64,
        Float16 => Float32,
        LargeUtf8 | Utf8View => Utf8,
        LargeBinary | BinaryView | FixedSizeBinary(_) => Binary,
        Dictionary(_, value) => plain(value),
        RunEndEncoded(_, value) => plain(value.data_type()),
        Decimal32(precision, scale) | Decimal64(precision, scale) => Decimal128(*precision, *scale),
        Date64 => Timestamp(TimeUnit::Microsecond, None),
        Timestamp(_, None) => Timestamp(TimeUnit::Microsecond, None),
        Timestamp(_, Some(_)) => Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Decimal256(..) | Interval(_) | Duration(_) => Utf8,
        List(item) | LargeList(item) | FixedSizeList(item, _) => {
            List(Arc::new(Field::new(item.name(), plain(item.data_type()), true)))
        }
        other => other.clone(),
    }
}

/// The schema in plain types with every column nullable. Duplicate names, which ad-hoc SQL allows, are
/// numbered (`name`, `name_2`), because JSON and Parquet readers identify a column by its name.
pub(super) fn schema(schema: &Schema) -> SchemaRef {
    let given: HashSet<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let mut used = HashSet::new();
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| {
            let mut name = field.name().clone();
            let mut number = 2;
            while used.contains(&name) || (number > 2 && given.contains(name.as_str())) {
                name = format!("{}_{number}", field.name());
                number += 1;
            }
            used.insert(name.clone());
            Field::new(name, plain(field.data_type()), true)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// The rows of `batch` in the types of `schema`, which is a result of [`schema`].
///
/// # Errors
/// A value that does not fit, such as a time stamp in seconds outside the range of microseconds.
pub(super) fn batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    // a cast that fails must not become a null
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                return Ok(Arc::clone(column));
            }
            cast_with_options(column, field.data_type(), &options)
                .with_context(|| format!("column {} cannot be written", field.name()))
        })
        .collect::<Result<Vec<_>>>()?;
    if columns.is_empty() {
        return Ok(batch.clone());
    }
    RecordBatch::try_new(Arc::clone(schema), columns).context("rows do not match their columns")
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        ArrayRef, BinaryViewArray, Date64Array, DictionaryArray, Int8Array, LargeStringArray,
        StringViewArray, TimestampMillisecondArray, TimestampSecondArray,
    };
    use arrow::datatypes::Int32Type;

    use super::*;
    use crate::output::formats::samples::{rows, shown};
    use crate::output::formats::{Format, Options};

    #[test]
    fn views_dictionaries_and_other_widths_are_written_like_the_plain_types() {
        let long = "a name that does not fit into a view";
        let dictionary: DictionaryArray<Int32Type> = [Some("x"), None].into_iter().collect();
        let columns: [(&str, ArrayRef); 8] = [
            ("view", Arc::new(StringViewArray::from(vec![Some(long), None]))),
            ("large", Arc::new(LargeStringArray::from(vec![Some("õ"), None]))),
            ("dictionary", Arc::new(dictionary)),
            ("binary", Arc::new(BinaryViewArray::from(vec![Some(&[1u8, 171][..]), None]))),
            ("small", Arc::new(Int8Array::from(vec![Some(-128), None]))),
            ("day", Arc::new(Date64Array::from(vec![Some(0), None]))),
            ("ms", Arc::new(TimestampMillisecondArray::from(vec![Some(-1), None]))),
            (
                "zoned",
                Arc::new(TimestampSecondArray::from(vec![Some(0), None]).with_timezone("+03:00")),
            ),
        ];
        assert_eq!(
            shown(Format::Csv, vec![rows(columns)], &Options::default()),
            "view,large,dictionary,binary,small,day,ms,zoned\n\
             a name that does not fit into a view,õ,x,01ab,-128,1970-01-01 00:00:00,\
             1969-12-31 23:59:59.999,1970-01-01 00:00:00+00\n,,,,,,,\n"
        );
    }

    #[test]
    fn a_duplicate_name_gets_the_next_free_number() {
        let fields = ["a", "a", "a_2", "a"].map(|n| Field::new(n, DataType::Int32, false));
        let names = schema(&Schema::new(fields.to_vec()));
        let names: Vec<&str> = names.fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(names, ["a", "a_3", "a_2", "a_4"]);
    }

    #[test]
    fn a_time_stamp_that_does_not_fit_is_an_error_and_not_a_null() {
        let seconds: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX / 2]));
        let rows = RecordBatch::try_from_iter([("hour", seconds)]).unwrap();
        let error = batch(&rows, &schema(rows.schema_ref())).unwrap_err();
        assert_eq!(error.to_string(), "column hour cannot be written");
    }
}
