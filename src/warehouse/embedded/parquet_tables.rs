//! Parquet files as DataFusion tables.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use chrono::NaiveDate;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::prelude::{DataFrame, Expr, SessionContext, ident};
use url::Url;

use super::filter::day_literal;
use super::presence_table::PresenceTable;
use super::session::explain;
use super::versions::Version;
use crate::domain::tables::{TWO_PLACES_COUNT, Table, presence_file_schema};
use crate::formats::parquet::footer;

/// Registers a table of the contract under its name.
///
/// # Errors
/// Missing or damaged files.
pub fn register_table(context: &SessionContext, version: &Version, table: Table) -> Result<()> {
    let provider = match table {
        Table::MobileEventsCompressed | Table::MobileEventsPlaced => {
            presence(context, version, table)?.into_view()
        }
        Table::MobileEventsUncompressed | Table::Runs => {
            bail!("{} is not part of a version", table.name())
        }
        table if table.is_small() && !version.table(table.name()).exists() => {
            Arc::new(EmptyTable::new(with_views(&table.schema())))
        }
        table => table_file(context, &version.table(table.name()), table)?,
    };
    register(context, table.name(), provider)
}

/// The file of a table. Columns that an older version of the program wrote under a former name get
/// their current name.
fn table_file(
    context: &SessionContext,
    path: &Path,
    table: Table,
) -> Result<Arc<dyn TableProvider>> {
    let schema = table.schema();
    if table.renamed_columns().is_empty() {
        return file(path, &schema);
    }
    let footer = std::fs::File::open(path).ok().and_then(|file| footer::read(&file).ok());
    let Some(stored) = footer.map(|footer| Arc::clone(footer.schema())) else {
        return file(path, &schema);
    };
    let former = |name: &str| {
        let renamed = table.renamed_columns().iter().find(|(now, _)| *now == name);
        renamed.map(|(_, former)| *former).filter(|f| stored.field_with_name(f).is_ok())
    };
    let stored_name = |field: &FieldRef| former(field.name()).unwrap_or(field.name()).to_owned();
    let fields = schema.fields().iter().map(|f| f.as_ref().clone().with_name(stored_name(f)));
    let fields: Vec<Field> = fields.collect();
    let columns = schema.fields().iter().map(|f| ident(stored_name(f)).alias(f.name()));
    let columns: Vec<Expr> = columns.collect();
    let frame = context.read_table(file(path, &Arc::new(Schema::new(fields)))?).map_err(explain)?;
    Ok(frame.select(columns).map_err(explain)?.into_view())
}

/// Registers a table.
///
/// # Errors
/// A name that is registered already.
pub fn register(
    context: &SessionContext,
    name: &str,
    provider: Arc<dyn TableProvider>,
) -> Result<()> {
    context.register_table(TableReference::bare(name), provider).map_err(explain)?;
    Ok(())
}

/// A Parquet file as a table.
///
/// # Errors
/// A path that cannot be converted to a URL.
pub fn file(path: &Path, schema: &SchemaRef) -> Result<Arc<dyn TableProvider>> {
    Ok(Arc::new(listing(url_of(path, false)?, with_views(schema), Vec::new())?))
}

/// Parquet files as one table.
///
/// # Errors
/// A path that cannot be converted to a URL.
pub fn files(paths: &[PathBuf], schema: &SchemaRef) -> Result<Arc<dyn TableProvider>> {
    let urls = paths.iter().map(|path| url_of(path, false)).collect::<Result<Vec<_>>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::new())).with_file_extension("");
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(with_views(schema));
    Ok(Arc::new(ListingTable::try_new(config).map_err(explain)?))
}

/// Registers hourly presence restricted to the days from the first to the last one.
///
/// # Errors
/// As [`register_table`].
pub fn register_days(
    context: &SessionContext,
    version: &Version,
    (first, last): (NaiveDate, NaiveDate),
) -> Result<()> {
    let date = || ident("date");
    let of_days = match first == last {
        true => date().eq(day_literal(first)),
        false => date().gt_eq(day_literal(first)).and(date().lt_eq(day_literal(last))),
    };
    for table in [Table::MobileEventsCompressed, Table::MobileEventsPlaced] {
        let frame = presence(context, version, table)?.filter(of_days.clone()).map_err(explain)?;
        register(context, table.name(), frame.into_view())?;
    }
    Ok(())
}

/// Hourly presence of all dates as one table, with columns in the order of the contract.
fn presence(context: &SessionContext, version: &Version, table: Table) -> Result<DataFrame> {
    let dates = vec![("date".to_owned(), DataType::Date32)];
    let files =
        listing(url_of(&version.events(), true)?, with_views(&presence_file_schema()), dates)?;
    let mut frame = context.read_table(Arc::new(PresenceTable::new(files))).map_err(explain)?;
    let (count, two_places) = (ident("event_count"), ident(TWO_PLACES_COUNT));
    let placed = table == Table::MobileEventsPlaced;
    if placed {
        frame = frame.filter(two_places.clone().lt(count.clone())).map_err(explain)?;
    }
    let column = |field: &FieldRef| match field.name().as_str() {
        "event_count" if placed => (count.clone() - two_places.clone()).alias("event_count"),
        name => ident(name),
    };
    let columns: Vec<Expr> = table.schema().fields().iter().map(column).collect();
    frame.select(columns).map_err(explain)
}

/// The URL of a local file or folder for the engine, which would interpret brackets and asterisks in a
/// plain path as a glob pattern.
///
/// # Errors
/// A path that cannot be converted to a URL.
pub fn url_of(path: &Path, folder: bool) -> Result<ListingTableUrl> {
    let unusable = || anyhow!("cannot use the path {}", path.display());
    let full = path.canonicalize().with_context(unusable)?;
    let url = if folder { Url::from_directory_path(&full) } else { Url::from_file_path(&full) };
    let url = url.map_err(|()| unusable())?;
    ListingTableUrl::try_new(url, None).map_err(explain)
}

/// Parquet files below `url` as one table.
fn listing(
    url: ListingTableUrl,
    schema: SchemaRef,
    partitions: Vec<(String, DataType)>,
) -> Result<ListingTable> {
    let options = ListingOptions::new(Arc::new(ParquetFormat::new()))
        .with_file_extension(if url.is_collection() { ".parquet" } else { "" })
        .with_table_partition_cols(partitions);
    let config = ListingTableConfig::new(url).with_listing_options(options).with_schema(schema);
    ListingTable::try_new(config).map_err(explain)
}

/// The schema with view types for text and bytes, which the engine compares without copying.
pub fn with_views(schema: &SchemaRef) -> SchemaRef {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|f| match f.data_type() {
            DataType::Utf8 => f.as_ref().clone().with_data_type(DataType::Utf8View),
            DataType::Binary => f.as_ref().clone().with_data_type(DataType::BinaryView),
            _ => f.as_ref().clone(),
        })
        .collect();
    Arc::new(Schema::new(fields))
}
