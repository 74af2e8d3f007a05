//! The dashboard as one file: its page together with the documents that it requests.
//!
//! Rows of single users are never part of it, even if the config allows them in the server.

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::{DASHBOARD, PEOPLE, Templates, assets, fingerprint, single_file};
use crate::config::{SnapshotDate, Time};
use crate::errors::UsageError;
use crate::output::columns::ColumnInfo;
use crate::output::data_version::{DataVersion, loaded};
use crate::output::documents::{
    LoadedData, Period, RowsHead, geometry_options, summary, view_list,
};
use crate::output::formats;
use crate::output::formats::Format;
use crate::output::lau_outlines;
use crate::output::movement;
use crate::output::people;
use crate::output::relation::view_path;
use crate::output::snapshots;
use crate::stages::quality::Expectation;
use crate::views::{ChartKind, Registry, View};
use crate::warehouse::{DayColumn, Select, Warehouse};

/// Rows of a view that is shown as a table; the dashboard shows no more.
const TABLE_ROWS: u64 = 100;
/// `limit` of the other documents, as in a response of the server. They hold all rows.
const LIMIT: u64 = 100_000;
/// A report is started again when data is loaded meanwhile.
const ATTEMPTS: usize = 3;

/// What a report shows, besides the data.
#[derive(Debug, Clone, Default)]
pub struct ReportOptions {
    pub period: Period,
    /// Instead of the period.
    pub title: Option<String>,
    /// A text below the title.
    pub note: Option<String>,
    /// Show the page about people instead of the dashboard.
    pub people: Option<people::Settings>,
}

/// The text of the report file.
///
/// # Errors
/// A warehouse without data, or one that cannot be read; a period without events.
pub fn report(
    registry: &Registry,
    warehouse: &dyn Warehouse,
    time: &Time,
    expectation: &Expectation,
    options: &ReportOptions,
) -> Result<String> {
    if registry.is_released() && options.people.is_some() {
        bail!(UsageError(
            "the page about people computes with exact numbers, so that it is for analysts alone; without --people, \
             the report shows what was released"
                .to_owned()
        ));
    }
    let fingerprint = fingerprint(registry)?;
    for _ in 0..ATTEMPTS {
        let version = DataVersion::new(loaded(warehouse)?, &fingerprint);
        let data = LoadedData { registry, version: &version, warehouse, allow_user_rows: false };
        let (template, documents) = match &options.people {
            None => (DASHBOARD, documents(&data, time, expectation, options.period)?),
            Some(settings) => {
                (PEOPLE, people_documents(&data, time, expectation, settings, options.period)?)
            }
        };
        if version.is_current(warehouse)? {
            let page = Templates::new()?.page(template, "")?;
            let data = json!({
                "routes": documents,
                "title": options.title,
                "note": options.note,
            });
            return single_file::inline(&page, assets::text, &data);
        }
    }
    bail!("data is being loaded; try again in a moment")
}

/// What the dashboard requests, by route. Views over the whole data are no part of a report on a period.
fn documents(
    data: &LoadedData,
    time: &Time,
    expectation: &Expectation,
    period: Period,
) -> Result<Map<String, Value>> {
    let mut routes = Map::new();
    let mut left_out = Vec::new();
    for view in data.registry.views().iter().filter(|view| !view.single_users()) {
        let name = view.view.as_str();
        let is_on_another_page = match data.registry.is_released() {
            // a report for the public has all views with numbers
            true => view.measures().is_empty(),
            false => people::VIEWS.contains(&name) || movement::VIEWS.contains(&name),
        };
        if is_on_another_page || !snapshots::is_loaded(data.warehouse, view)? {
            left_out.push(view_path(view));
            continue;
        }
        match rows(data, view, period)? {
            Some(document) => {
                routes.insert(view_path(view), document);
            }
            None => left_out.push(view_path(view)),
        }
    }
    routes.insert("/summary".to_owned(), summary_of(data, time, expectation, period)?);
    let outlines = lau_outlines::drawing(data.warehouse)?;
    routes.insert("/map".to_owned(), serde_json::to_value(outlines)?);
    let mut views = view_list(data, str::to_owned)?;
    if let Some(views) = views["views"].as_array_mut() {
        let is_left_out = |view: &Value| left_out.iter().any(|path| view["href"] == path.as_str());
        views.retain(|view| !is_left_out(view));
    }
    routes.insert("/views".to_owned(), views);
    Ok(routes)
}

/// What the page about people requests, by route.
fn people_documents(
    data: &LoadedData,
    time: &Time,
    expectation: &Expectation,
    settings: &people::Settings,
    period: Period,
) -> Result<Map<String, Value>> {
    let dates = (period.from, period.to);
    let mut routes = people::documents(data.registry, data.warehouse, settings, dates)?;
    routes.insert("/summary".to_owned(), summary_of(data, time, expectation, period)?);
    let outlines = lau_outlines::drawing(data.warehouse)?;
    routes.insert("/map".to_owned(), serde_json::to_value(outlines)?);
    routes.insert("/views".to_owned(), view_list(data, str::to_owned)?);
    Ok(routes)
}

/// The key figures of a period, which must have events.
fn summary_of(
    data: &LoadedData,
    time: &Time,
    expectation: &Expectation,
    period: Period,
) -> Result<Value> {
    // the location of the warehouse does not concern the readers of a report
    let summary = summary(data, time, expectation, None, period)?;
    if data.registry.is_released() {
        if !period.is_all() && summary["dates"].as_array().is_some_and(Vec::is_empty) {
            bail!(
                "nothing was released of {}; `mobility publish` releases further dates",
                period.text()
            );
        }
        return Ok(summary);
    }
    if !period.is_all() && summary["dates"].as_array().is_some_and(Vec::is_empty) {
        bail!(
            "there are no events of {}; `mobility quality` lists the dates that are loaded",
            period.text()
        );
    }
    Ok(summary)
}

/// The rows of a view in a period; `None` if the view does not tell dates apart.
fn rows(data: &LoadedData, view: &View, period: Period) -> Result<Option<Value>> {
    let is_table = view.chart.kind == ChartKind::Table;
    let limit = if is_table { TABLE_ROWS } else { LIMIT };
    let columns = data.version.columns(data.warehouse, view.into())?;
    let select = Select { limit: Some(limit), ..Select::all(view.into()) };
    let select = match (view.snapshot, DayColumn::of(&columns)) {
        _ if period.is_all() => select,
        (Some(SnapshotDate::Day(day)), _) if period.contains(day) => select,
        (None, Some(_)) => period.restrict(select),
        _ => return Ok(None),
    };
    let columns = ColumnInfo::all(&columns);
    let total = data.version.total(data.warehouse, &select)?;
    let head = RowsHead::new(data.warehouse, &select, &columns, total)?;
    let mut document = serde_json::to_value(head)?;
    let all = Select { limit: is_table.then_some(limit), ..select };
    let options = geometry_options(data, view.into(), Format::Json)?;
    let rows = formats::to_bytes(Format::Json, data.warehouse.select(&all)?, &options)?;
    document["rows"] = serde_json::from_slice(&rows)?;
    Ok(Some(document))
}
