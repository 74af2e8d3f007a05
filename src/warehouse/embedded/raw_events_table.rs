//! `mobile_events_uncompressed` read directly from the raw files: each row in canonical form, converted
//! by the same code that compress uses.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::{DataFrame, SessionContext, ident, lit};
use url::Url;

use super::parquet_tables::url_of;
use super::raw_streamed_table;
use super::session::explain;
use crate::config::Columns;
use crate::domain::null_words::NullWords;
use crate::domain::tables::TIMESTAMP;
use crate::domain::time::columns::Times;
use crate::events::EventFile;
use crate::events::parquet::{EventColumn, ParquetEvents};
use crate::events::raw::{RawEvents, cell_ids, timestamps, user_ids};
use crate::storage::Location;
use crate::storage::inputs::{InputFile, fingerprint};
use crate::storage::object_store::InputStore;

/// The raw events as a table.
///
/// # Errors
/// Files that cannot be read or lack a column.
pub fn provider(
    context: &SessionContext,
    raw_events: &RawEvents,
) -> Result<Arc<dyn TableProvider>> {
    // local files with the same column types are one table, and so are objects of an object store
    type Kind = (bool, Vec<DataType>);
    let mut kinds: Vec<(Kind, Vec<ParquetEvents>)> = Vec::new();
    let mut streamed = Vec::new();
    for file in raw_events.open(raw_events.inputs()?)? {
        let file = match file {
            // the types of a file without rows are arbitrary
            EventFile::Parquet(file) if file.row_groups() == 0 => continue,
            EventFile::Parquet(file) if !file.columns().iter().any(EventColumn::is_nested) => file,
            file => {
                streamed.push(file);
                continue;
            }
        };
        let remote = matches!(file.input.location, Location::Remote(_));
        let kind = (remote, file.types().into_iter().cloned().collect());
        match kinds.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, files)) => files.push(file),
            None => kinds.push((kind, vec![file])),
        }
    }
    let mut frames = Vec::new();
    for ((remote, types), files) in kinds {
        let urls = if remote {
            urls_of_objects(context, &files)?
        } else {
            let url = |file: &ParquetEvents| url_of(file.input.location.as_path());
            files.iter().map(url).collect::<Result<_>>()?
        };
        frames.push(parquet_files(context, raw_events, &types, urls)?);
    }
    if !streamed.is_empty() || frames.is_empty() {
        frames.push(
            context
                .read_table(raw_streamed_table::provider(raw_events.zone, streamed)?)
                .map_err(explain)?,
        );
    }
    let mut all: Option<DataFrame> = None;
    for frame in frames {
        all = Some(match all {
            Some(before) => before.union(frame).map_err(explain)?,
            None => frame,
        });
    }
    let all = all.context("no event files")?;
    let Some(from_us) = raw_events.retained_from_us()? else { return Ok(all.into_view()) };
    let from = lit(ScalarValue::TimestampMicrosecond(Some(from_us), None));
    // a row without a time stamp belongs to no date
    let retained = ident("timestamp").gt_eq(from).or(ident("timestamp").is_null());
    Ok(all.filter(retained).map_err(explain)?.into_view())
}

/// URLs of objects for the engine, in an object store that contains only these objects.
fn urls_of_objects(
    context: &SessionContext,
    files: &[ParquetEvents],
) -> Result<Vec<ListingTableUrl>> {
    let inputs: Vec<InputFile> = files.iter().map(|file| file.input.clone()).collect();
    let store = InputStore::new(inputs.iter())?;
    // the engine looks object stores up by host
    let url = Url::parse(&format!("inputs://{}", &fingerprint(&inputs, "raw")[..32]))?;
    context.register_object_store(&url, Arc::new(store));
    let one = |number| ListingTableUrl::parse(format!("{url}/{}", InputStore::name(number)));
    (0..files.len()).map(|number| one(number).map_err(explain)).collect()
}

/// Parquet files with the same column types, in canonical form.
fn parquet_files(
    context: &SessionContext,
    raw_events: &RawEvents,
    types: &[DataType],
    urls: Vec<ListingTableUrl>,
) -> Result<DataFrame> {
    let Columns { user_id, cell_id, timestamp, null_values: nulls, .. } = &raw_events.columns;
    let names = [user_id, cell_id, timestamp];
    let fields: Vec<Field> =
        names.iter().zip(types).map(|(n, t)| Field::new(n.as_str(), t.clone(), true)).collect();
    let options = ListingOptions::new(Arc::new(ParquetFormat::new())).with_file_extension("");
    let listing = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(Arc::new(Schema::new(fields)));
    let table = ListingTable::try_new(listing).map_err(explain)?;
    let times = Times::new(raw_events.zone, &types[2], &raw_events.columns.null_values)?;
    let columns = vec![
        user_function(&types[0], nulls).call(vec![ident(user_id)]).alias("user_id"),
        cell_function(&types[1], nulls).call(vec![ident(cell_id)]).alias("cell_id"),
        time_function(&types[2], times).call(vec![ident(timestamp)]).alias("timestamp"),
    ];
    context.read_table(Arc::new(table)).and_then(|f| f.select(columns)).map_err(explain)
}

/// A SQL function of one column.
fn function(
    name: &str,
    input: &DataType,
    output: DataType,
    convert: impl Fn(&ArrayRef) -> Result<ArrayRef> + Send + Sync + 'static,
) -> ScalarUDF {
    let convert = move |args: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(args)?;
        let column =
            convert(&arrays[0]).map_err(|e| DataFusionError::Execution(format!("{e:#}")))?;
        Ok(ColumnarValue::Array(column))
    };
    create_udf(name, vec![input.clone()], output, Volatility::Immutable, Arc::new(convert))
}

fn user_function(input: &DataType, nulls: &NullWords) -> ScalarUDF {
    let nulls = nulls.clone();
    let convert = move |ids: &ArrayRef| Ok(Arc::new(user_ids(ids, &nulls)?) as ArrayRef);
    function("canonical_user_id", input, DataType::Utf8, convert)
}

fn cell_function(input: &DataType, nulls: &NullWords) -> ScalarUDF {
    let nulls = nulls.clone();
    let convert = move |ids: &ArrayRef| Ok(Arc::new(cell_ids(ids, &nulls)?) as ArrayRef);
    function("canonical_cell_id", input, DataType::Utf8, convert)
}

fn time_function(input: &DataType, times: Times) -> ScalarUDF {
    // the converter caches the latest offset, so each call works on a clone
    let times = Mutex::new(times);
    function("local_timestamp", input, TIMESTAMP, move |column| {
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Arc::new(timestamps(column, &mut times)?))
    })
}
