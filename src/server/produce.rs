//! From a request to the bytes of its answer. Everything here blocks.

use std::io::Write;

use anyhow::{Context, Result, anyhow};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::edition::Edition;
use super::names::Target;
use super::negotiate::Shape;
use super::page::Page;
use super::params::Params;
use super::problem::Problem;
use super::sink::Sink;
use super::state::Shared;
use super::{columns, links};
use crate::output::formats;
use crate::output::formats::{Format, Options};
use crate::output::query::geometry_options;
use crate::warehouse::{Relation, Select, Warehouse};

/// What a request asks for, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub target: Target,
    pub shape: Shape,
    pub params: Params,
    /// The shape was chosen by `Accept`, not by `?format=`.
    pub by_accept: bool,
}

impl Ask {
    /// Requests with one key have one answer.
    pub fn key(&self) -> String {
        format!("{:?} {} {}", self.target, self.shape.name(), self.params.canonical())
    }
}

/// Why there is no answer.
pub enum Fault {
    /// The client asks for what cannot be.
    Problem(Problem),
    /// Data was loaded anew meanwhile.
    Stale,
    Error(anyhow::Error),
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Fault::Error(error)
    }
}

/// Writes the answer into `sink`; returns its number of rows.
///
/// # Errors
/// Any fault. Before the first byte is out, it can still be told.
pub fn write(
    shared: &Shared,
    edition: &Edition,
    ask: &Ask,
    sink: &Sink<Fault>,
) -> Result<u64, Fault> {
    let warehouse = shared.source.warehouse().ok_or_else(|| anyhow!("no warehouse is open"))?;
    let warehouse = warehouse.as_ref();
    let relation = shared.names.relation(ask.target);
    let schema = edition.columns(warehouse, relation)?;
    ask.params.fit(relation, &schema).map_err(Fault::Problem)?;
    if ask.shape.is_map() && !columns::has_place(&columns::of(&schema)) {
        return Err(Fault::Problem(no_place(relation, ask.by_accept)));
    }
    let select = ask.params.select(relation);
    let work = Work { shared, edition, warehouse, ask, relation, select };
    match ask.shape {
        Shape::Html => work.page(sink, &columns::of(&schema)),
        Shape::Json => work.json(sink, &columns::of(&schema)),
        Shape::Rows(format) => {
            let options = work.options(format)?;
            let rows = warehouse.select(&work.select)?;
            work.is_current()?;
            Ok(formats::write(format, rows, Box::new(sink.clone()), &options)?)
        }
    }
}

fn no_place(relation: Relation, by_accept: bool) -> Problem {
    let detail = format!(
        "{} has neither a geometry nor a lau_id, so there is no GeoJSON of it; users-per-lau and \
         users-per-lau-day-night have one",
        relation.sql_name()
    );
    match by_accept {
        true => Problem::new(StatusCode::NOT_ACCEPTABLE, detail),
        false => Problem::parameter("format", detail),
    }
}

struct Work<'a> {
    shared: &'a Shared,
    edition: &'a Edition,
    warehouse: &'a dyn Warehouse,
    ask: &'a Ask,
    relation: Relation<'a>,
    select: Select<'a>,
}

impl Work<'_> {
    /// A load that came in between would mix two versions.
    fn is_current(&self) -> Result<(), Fault> {
        let loaded = self.warehouse.loaded()?;
        if loaded.as_ref() == Some(&self.edition.loaded) { Ok(()) } else { Err(Fault::Stale) }
    }

    fn options(&self, format: Format) -> Result<Options> {
        let schema = self.edition.columns(self.warehouse, self.relation)?;
        let mut options = Options::default();
        let laus = || self.edition.lau_geometries(self.warehouse);
        geometry_options(laus, Some(self.relation), &schema, format, &mut options)?;
        Ok(options)
    }

    fn json(&self, sink: &Sink<Fault>, columns: &[columns::Column]) -> Result<u64, Fault> {
        let total = self.edition.total(self.warehouse, &self.select)?;
        let options = self.options(Format::Json)?;
        let rows = self.warehouse.select(&self.select)?;
        self.is_current()?;
        let about = About::of(self.relation);
        let head = Head {
            name: about.name,
            view: self.relation.sql_name(),
            title: about.title,
            description: about.description,
            columns,
            total,
            limit: self.select.limit,
            offset: self.select.offset,
        };
        let path = self.shared.names.path(self.ask.target);
        let links = links::of(&path, Shape::Json, &self.ask.params, total);
        let head = serde_json::to_string(&head).map_err(|e| anyhow!(e))?;
        let mut out = sink.clone();
        let text = |e: std::io::Error| anyhow!(e).context("cannot write the output");
        out.write_all(head.strip_suffix('}').unwrap_or(&head).as_bytes()).map_err(text)?;
        out.write_all(b",\"rows\":").map_err(text)?;
        let count = formats::write(Format::Json, rows, Box::new(sink.clone()), &options)?;
        out.write_all(format!(",\"links\":{}}}\n", json!(links)).as_bytes()).map_err(text)?;
        Ok(count)
    }

    fn page(&self, sink: &Sink<Fault>, columns: &[columns::Column]) -> Result<u64, Fault> {
        let total = self.edition.total(self.warehouse, &self.select)?;
        let rows = self.warehouse.select(&self.select)?;
        self.is_current()?;
        let rows = formats::cells(rows)?;
        let count = rows.len() as u64;
        let page = Page {
            about: About::of(self.relation),
            path: self.shared.names.path(self.ask.target),
            params: &self.ask.params,
            order: self.relation.default_order(),
            columns,
            rows,
            total,
        };
        let html = self.shared.pages.view(&page).context("the page cannot be drawn")?;
        sink.clone().write_all(html.as_bytes()).map_err(|e| anyhow!(e))?;
        Ok(count)
    }
}

/// What stands before the rows of a JSON answer.
#[derive(Serialize)]
struct Head<'a> {
    name: &'a str,
    view: &'a str,
    title: &'a str,
    description: &'a str,
    columns: &'a [columns::Column],
    total: u64,
    limit: Option<u64>,
    offset: u64,
}

/// What a relation says about itself.
pub struct About<'a> {
    pub name: &'a str,
    pub title: &'a str,
    pub description: &'a str,
    pub single_users: bool,
}

impl<'a> About<'a> {
    pub fn of(relation: Relation<'a>) -> Self {
        let (name, title, description) = match relation {
            Relation::View(view) => {
                (view.name.as_str(), view.title.as_str(), view.description.as_str())
            }
            Relation::Table(table) => (table.name(), table.name(), table.description()),
        };
        About { name, title, description, single_users: relation.single_users() }
    }
}
