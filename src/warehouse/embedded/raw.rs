//! `mobile_events_uncompressed` without a copy: a view over the raw files that shows each row in
//! canonical form, by the same code that compress uses.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::{DataFrame, SessionContext, ident};

use super::session::{explain, url_of};
use crate::config::{Columns, Config};
use crate::io::events::{self, EventFile};
use crate::io::inputs::InputFile;
use crate::io::raw_events::{cell_ids, timestamps, user_ids};
use crate::schema::TIMESTAMP;
use crate::time::columns::Times;

/// The raw events as a table.
///
/// # Errors
/// Files that cannot be read or lack a column.
pub fn provider(
    context: &SessionContext,
    config: &Config,
    inputs: Vec<InputFile>,
) -> Result<Arc<dyn TableProvider>> {
    // files may differ in their types: those of one kind are read as one table
    let mut kinds: Vec<(Vec<DataType>, Vec<EventFile>)> = Vec::new();
    for file in events::open(config, inputs)? {
        let types: Vec<DataType> = file.types().into_iter().cloned().collect();
        match kinds.iter_mut().find(|(t, _)| *t == types) {
            Some((_, files)) => files.push(file),
            None => kinds.push((types, vec![file])),
        }
    }
    let mut all: Option<DataFrame> = None;
    for (types, files) in kinds {
        let frame = one_kind(context, config, &types, &files)?;
        all = Some(match all {
            Some(before) => before.union(frame).map_err(explain)?,
            None => frame,
        });
    }
    Ok(all.context("no event files")?.into_view())
}

fn one_kind(
    context: &SessionContext,
    config: &Config,
    types: &[DataType],
    files: &[EventFile],
) -> Result<DataFrame> {
    let Columns { user_id, cell_id, timestamp, .. } = &config.columns;
    let names = [user_id, cell_id, timestamp];
    let fields: Vec<Field> =
        names.iter().zip(types).map(|(n, t)| Field::new(n.as_str(), t.clone(), true)).collect();
    let urls = files
        .iter()
        .map(|f| url_of(f.input.location.as_path(), false))
        .collect::<Result<Vec<_>>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::new())).with_file_extension("");
    let listing = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(Arc::new(Schema::new(fields)));
    let table = ListingTable::try_new(listing).map_err(explain)?;
    let times = Times::new(config.time.tz(), &types[2])?;
    let columns = vec![
        user_function(&types[0]).call(vec![ident(user_id)]).alias("user_id"),
        cell_function(&types[1]).call(vec![ident(cell_id)]).alias("cell_id"),
        time_function(&types[2], times).call(vec![ident(timestamp)]).alias("timestamp"),
    ];
    context.read_table(Arc::new(table)).and_then(|f| f.select(columns)).map_err(explain)
}

/// A function of one column.
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

fn user_function(input: &DataType) -> ScalarUDF {
    function("canonical_user_id", input, DataType::Utf8, |ids| Ok(Arc::new(user_ids(ids)?)))
}

fn cell_function(input: &DataType) -> ScalarUDF {
    function("canonical_cell_id", input, DataType::Utf8, |ids| Ok(Arc::new(cell_ids(ids)?)))
}

fn time_function(input: &DataType, times: Times) -> ScalarUDF {
    // the converter remembers the last offset, so each call takes it for itself
    let times = Mutex::new(times);
    function("local_timestamp", input, TIMESTAMP, move |column| {
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Arc::new(timestamps(column, &mut times)?))
    })
}
