//! The dashboard as one file: its page together with the documents that it requests.
//!
//! Rows of single users are never part of it, even if the config allows them in the server.

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::{Templates, assets, fingerprint, single_file};
use crate::config::Time;
use crate::output::columns::ColumnInfo;
use crate::output::data_version::{DataVersion, loaded};
use crate::output::documents::{LoadedData, RowsHead, geometry_options, summary, view_list};
use crate::output::formats;
use crate::output::formats::Format;
use crate::output::lau_outlines;
use crate::output::relation::view_path;
use crate::output::snapshots;
use crate::stages::quality::Expectation;
use crate::views::{ChartKind, Registry, View};
use crate::warehouse::{Select, Warehouse};

/// Rows of a view that is shown as a table; the dashboard shows no more.
const TABLE_ROWS: u64 = 100;
/// `limit` of the other documents, as in a response of the server. They hold all rows.
const LIMIT: u64 = 100_000;
/// A report is started again when data is loaded meanwhile.
const ATTEMPTS: usize = 3;

/// The text of the report file.
///
/// # Errors
/// A warehouse without data, or one that cannot be read.
pub fn report(
    registry: &Registry,
    warehouse: &dyn Warehouse,
    time: &Time,
    expectation: &Expectation,
) -> Result<String> {
    let fingerprint = fingerprint(registry)?;
    for _ in 0..ATTEMPTS {
        let version = DataVersion::new(loaded(warehouse)?, &fingerprint);
        let data = LoadedData { registry, version: &version, warehouse, allow_user_rows: false };
        let documents = documents(&data, time, expectation)?;
        if version.is_current(warehouse)? {
            let page = Templates::new()?.dashboard("")?;
            return single_file::inline(&page, assets::text, &json!({ "routes": documents }));
        }
    }
    bail!("data is being loaded; try again in a moment")
}

/// What the dashboard requests, by route.
fn documents(
    data: &LoadedData,
    time: &Time,
    expectation: &Expectation,
) -> Result<Map<String, Value>> {
    let mut routes = Map::new();
    for view in data.registry.views().iter().filter(|view| !view.single_users()) {
        if !snapshots::is_loaded(data.warehouse, view)? {
            continue;
        }
        routes.insert(view_path(view), rows(data, view)?);
    }
    // the location of the warehouse does not concern the readers of a report
    routes.insert("/summary".to_owned(), summary(data, time, expectation, None)?);
    let outlines = lau_outlines::drawing(data.warehouse)?;
    routes.insert("/map".to_owned(), serde_json::to_value(outlines)?);
    routes.insert("/views".to_owned(), view_list(data, str::to_owned)?);
    Ok(routes)
}

fn rows(data: &LoadedData, view: &View) -> Result<Value> {
    let is_table = view.chart.kind == ChartKind::Table;
    let limit = if is_table { TABLE_ROWS } else { LIMIT };
    let select = Select { limit: Some(limit), ..Select::all(view.into()) };
    let columns = ColumnInfo::all(&*data.version.columns(data.warehouse, view.into())?);
    let total = data.version.total(data.warehouse, &select)?;
    let head = RowsHead::new(data.warehouse, &select, &columns, total)?;
    let mut document = serde_json::to_value(head)?;
    let all = Select { limit: is_table.then_some(limit), ..select };
    let options = geometry_options(data, view.into(), Format::Json)?;
    let rows = formats::to_bytes(Format::Json, data.warehouse.select(&all)?, &options)?;
    document["rows"] = serde_json::from_slice(&rows)?;
    Ok(document)
}
