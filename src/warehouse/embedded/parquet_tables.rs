//! Parquet files as DataFusion tables.

use std::path::Path;
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
use datafusion::functions::expr_fn::coalesce;
use datafusion::prelude::{DataFrame, Expr, SessionContext, ident};
use url::Url;

use super::files_table::{FilesTable, Part};
use super::filter::day_literal;
use super::parquet_files::Range;
use super::presence_table::PresenceTable;
use super::session::explain;
use super::table_files::{TableFile, TableFiles};
use crate::domain::tables::{
    PLACED_FIRST_SEEN, PLACED_LAST_SEEN, TWO_PLACES_COUNT, Table, presence_file_schema,
};
use crate::formats::parquet::footer;

/// Registers a table of the contract under its name; those with files of dates only of the dates from the first to
/// the last one, or of all dates.
///
/// # Errors
/// Missing or damaged files.
pub fn register_table(
    context: &SessionContext,
    files: &TableFiles,
    table: Table,
    days: Option<(NaiveDate, NaiveDate)>,
) -> Result<()> {
    let provider = match table {
        Table::MobileEventsCompressed | Table::MobileEventsPlaced => {
            presence(context, files, table, days)?.into_view()
        }
        Table::Segments | Table::Trips => movement(context, files, table, days)?.into_view(),
        Table::MobileEventsUncompressed | Table::Runs => {
            bail!("{} is not part of a version", table.name())
        }
        table => match files.table(table) {
            Some(file) => table_file(context, file, table)?,
            None if table.is_small() => Arc::new(EmptyTable::new(with_views(&table.schema()))),
            None => bail!("the warehouse has no table {}; load again with --force", table.name()),
        },
    };
    register(context, table.name(), provider)
}

/// Registers the cell plan with the rows alone that are valid on any of the dates from the first to the last one. A
/// plan may have other rows for each date, so that a join with all of them would take longer with each date.
///
/// # Errors
/// As [`register_table`].
pub fn register_valid_cells(
    context: &SessionContext,
    files: &TableFiles,
    (first, last): (NaiveDate, NaiveDate),
) -> Result<()> {
    let plan = Table::CellPlan;
    let Some(file) = files.table(plan) else { return register_table(context, files, plan, None) };
    let frame = context.read_table(table_file(context, file, plan)?).map_err(explain)?;
    let (start, end) = (ident("valid_date_start"), ident("valid_date_end"));
    let begins = start.clone().is_null().or(start.lt_eq(day_literal(last)));
    let ends = end.clone().is_null().or(end.gt_eq(day_literal(first)));
    let valid = frame.filter(begins.and(ends)).map_err(explain)?;
    register(context, plan.name(), valid.into_view())
}

/// The file of a table. Columns that an older version of the program wrote under a former name get
/// their current name.
fn table_file(
    context: &SessionContext,
    file: &TableFile,
    table: Table,
) -> Result<Arc<dyn TableProvider>> {
    let whole = |columns: &SchemaRef| -> Result<Arc<dyn TableProvider>> {
        let parts = vec![part(file, None)?];
        Ok(Arc::new(FilesTable::new(with_views(columns), false, parts, None)))
    };
    let schema = table.schema();
    if table.renamed_columns().is_empty() {
        return whole(&schema);
    }
    let footer = std::fs::File::open(&file.path).ok().and_then(|file| footer::read(&file).ok());
    let Some(stored) = footer.map(|footer| Arc::clone(footer.schema())) else {
        return whole(&schema);
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
    let frame = context.read_table(whole(&Arc::new(Schema::new(fields)))?).map_err(explain)?;
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
    Ok(Arc::new(listing(url_of(path)?, with_views(schema))?))
}

/// Hourly presence as one table, with columns in the order of the contract.
fn presence(
    context: &SessionContext,
    files: &TableFiles,
    table: Table,
    days: Option<(NaiveDate, NaiveDate)>,
) -> Result<DataFrame> {
    let parts = files.presence_of(days).map(|(date, file)| part(file, Some(date)));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let columns = with_views(&presence_file_schema());
    let files = FilesTable::new(columns, true, parts, Some("date".to_owned()));
    let mut frame = context.read_table(Arc::new(PresenceTable::new(files))).map_err(explain)?;
    let (count, two_places) = (ident("event_count"), ident(TWO_PLACES_COUNT));
    let placed = table == Table::MobileEventsPlaced;
    if placed {
        frame = frame.filter(two_places.clone().lt(count.clone())).map_err(explain)?;
    }
    let column = |field: &FieldRef| match field.name().as_str() {
        "event_count" if placed => (count.clone() - two_places.clone()).alias("event_count"),
        "first_seen" if placed => or_else(PLACED_FIRST_SEEN, "first_seen"),
        "last_seen" if placed => or_else(PLACED_LAST_SEEN, "last_seen"),
        name => ident(name),
    };
    let columns: Vec<Expr> = table.schema().fields().iter().map(column).collect();
    frame.select(columns).map_err(explain)
}

/// A table of the stage `movement`, with columns in the order of the contract.
fn movement(
    context: &SessionContext,
    files: &TableFiles,
    table: Table,
    days: Option<(NaiveDate, NaiveDate)>,
) -> Result<DataFrame> {
    let parts = files.movement_of(table, days).map(|(date, file)| part(file, Some(date)));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let schema = table.schema();
    let fields = schema.fields().iter().filter(|field| field.name() != "date");
    let columns = with_views(&Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>())));
    let files = FilesTable::new(columns, true, parts, Some("date".to_owned()));
    let frame = context.read_table(Arc::new(files)).map_err(explain)?;
    let columns: Vec<Expr> = schema.fields().iter().map(|field| ident(field.name())).collect();
    frame.select(columns).map_err(explain)
}

/// A whole file, all rows of which may be of one date.
fn part(file: &TableFile, date: Option<NaiveDate>) -> Result<Part> {
    let day = date.map(|date| date.to_epoch_days());
    let rows = file.listed.rows;
    let path = std::path::absolute(&file.path).with_context(|| file.path.display().to_string())?;
    Ok(Part {
        path: Arc::new(path),
        bytes: file.listed.bytes,
        file_rows: rows,
        range: Range { start: 0, rows, days: day.map(|day| (day, day)) },
        date: day,
    })
}

/// The values of a column where it has some, and else those of `column`, under the name of the latter.
fn or_else(first: &str, column: &str) -> Expr {
    coalesce(vec![ident(first), ident(column)]).alias(column)
}

/// The URL of a local file for the engine, which would interpret brackets and asterisks in a
/// plain path as a glob pattern.
///
/// # Errors
/// A path that cannot be converted to a URL.
pub fn url_of(path: &Path) -> Result<ListingTableUrl> {
    let unusable = || anyhow!("cannot use the path {}", path.display());
    let full = path.canonicalize().with_context(unusable)?;
    let url = Url::from_file_path(&full).map_err(|()| unusable())?;
    ListingTableUrl::try_new(url, None).map_err(explain)
}

/// A Parquet file as a table.
fn listing(url: ListingTableUrl, schema: SchemaRef) -> Result<ListingTable> {
    let options = ListingOptions::new(Arc::new(ParquetFormat::new())).with_file_extension("");
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
