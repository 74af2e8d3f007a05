//! Writes the rows of a view or table in the requested representation. Everything here blocks.

use std::io::Write;

use anyhow::{Context, Result, anyhow};
use axum::http::StatusCode;
use serde_json::json;

use super::links::{link, page_links};
use super::negotiation::Representation;
use super::params::Params;
use super::problem::Problem;
use super::relation_routes::RouteTarget;
use super::request_error::RequestError;
use super::response_writer::ResponseWriter;
use super::site::Site;
use super::state::{AppState, Process};
use crate::output::audited_rows::AuditedAccess;
use crate::output::columns::ColumnInfo;
use crate::output::data_version::DataVersion;
use crate::output::documents::{LoadedData, RowsHead, geometry_options};
use crate::output::formats;
use crate::output::formats::Format;
use crate::output::html::rows_page::{FormatLink, RowsPage};
use crate::output::map_rows;
use crate::output::relation::RelationInfo;
use crate::output::snapshots;
use crate::progress::audit_log::Access;
use crate::views::OrderBy;
use crate::warehouse::{Relation, Select};

/// A request for the rows of a view or table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsRequest {
    pub target: RouteTarget,
    pub representation: Representation,
    pub params: Params,
    /// The representation was chosen by `Accept`, not by `?format=`.
    pub by_accept: bool,
    /// The entry of the audit log, for rows of single users.
    pub access: Option<Access>,
    /// What links begin with.
    pub site: Site,
}

impl RowsRequest {
    /// Requests with the same key have the same response.
    pub fn key(&self) -> String {
        let (name, params) = (self.representation.name(), self.params.canonical());
        // only these have links
        let links = match self.representation {
            Representation::Html => self.site.root(),
            Representation::Json => self.site.path("/"),
            Representation::Rows(_) => String::new(),
        };
        format!("{:?} {name} {links} {params}", self.target)
    }
}

type Writer = ResponseWriter<RequestError>;

/// Writes the response; returns its number of rows.
///
/// # Errors
/// Any [`RequestError`]. The client learns of it only before the first byte is sent.
pub fn write(
    state: &AppState,
    version: &DataVersion,
    request: &RowsRequest,
    writer: &Writer,
) -> Result<u64, RequestError> {
    let warehouse = state.monitor.warehouse().context("the warehouse is not open")?;
    let data = state.data(version, warehouse.as_ref(), request.access.is_some());
    let relation = state.routes.relation(request.target);
    let schema = version.columns(data.warehouse, relation)?;
    request.params.check_columns(relation, &schema)?;
    let columns = ColumnInfo::all(&schema);
    if !request.representation.fits(&columns) {
        return Err(no_location(relation, request.by_accept).into());
    }
    let mut select = request.params.select(relation);
    let mut remark = None;
    if let Representation::Rows(format) = request.representation
        && format.is_map()
        && !request.params.all_dates
    {
        remark = map_rows::choose_date(data.warehouse, &mut select, &schema)?;
    }
    let query = Query { state, data, request, relation, select, columns: &columns };
    match request.representation {
        Representation::Html => query.write_page(writer),
        Representation::Json => query.write_json(writer),
        Representation::Rows(format) => {
            let mut options = geometry_options(&data, relation, format)?;
            options.spreadsheet_safe = request.params.safe;
            options.measures = relation.measures();
            options.remark = remark;
            query.with_rows(|rows| {
                let rows = match format.is_map() {
                    true => {
                        let shapes = options.lau_shapes.as_ref();
                        map_rows::with_every_lau(rows, &query.select, shapes).0
                    }
                    false => rows,
                };
                Ok(formats::write(format, rows, Box::new(writer.clone()), &options)?)
            })
        }
    }
}

fn no_location(relation: Relation, by_accept: bool) -> Problem {
    let detail = format!(
        "{} has neither a geometry nor a lau_id, so it cannot be drawn on a map; users-per-lau and \
         users-per-lau-day-night have one",
        relation.sql_name()
    );
    match by_accept {
        true => Problem::new(StatusCode::NOT_ACCEPTABLE, detail),
        false => Problem::parameter("format", detail),
    }
}

struct Query<'a> {
    state: &'a AppState,
    data: LoadedData<'a>,
    request: &'a RowsRequest,
    relation: Relation<'a>,
    select: Select<'a>,
    columns: &'a [ColumnInfo],
}

impl Query<'_> {
    /// Fails after another load, because the response would mix two versions.
    fn check_version(&self) -> Result<(), RequestError> {
        match self.data.version.is_current(self.data.warehouse)? {
            true => Ok(()),
            false => Err(RequestError::Outdated),
        }
    }

    /// Passes the selected rows on. Rows of single users only go out if the audit log can be written.
    fn with_rows<T>(
        &self,
        pass_on: impl FnOnce(formats::Rows) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        let rows = self.data.warehouse.select(&self.select)?;
        self.check_version()?;
        let Some(access) = &self.request.access else { return pass_on(rows) };
        let Process { audit, options, .. } = &**self.state;
        let audited = AuditedAccess::begin(audit, access, &options.log);
        let audited = audited.map_err(|error| self.not_audited(&error))?;
        let outcome = pass_on(audited.count(rows))?;
        audited.complete().map_err(|error| self.not_audited(&error))?;
        Ok(outcome)
    }

    fn not_audited(&self, error: &anyhow::Error) -> RequestError {
        self.state.options.log.error(Some("audit"), &format!("{error:#}"));
        let detail = "the audit log of this server cannot be written, and without it no rows of \
                      single users go out; its log states the reason";
        Problem::unavailable(detail).into()
    }

    fn write_json(&self, writer: &Writer) -> Result<u64, RequestError> {
        let total = self.data.version.total(self.data.warehouse, &self.select)?;
        let options = geometry_options(&self.data, self.relation, Format::Json)?;
        let head = RowsHead::new(self.data.warehouse, &self.select, self.columns, total)?;
        let head = serde_json::to_string(&head).map_err(|e| anyhow!(e))?;
        let path = self.request.site.path(&self.state.routes.path(self.request.target));
        let links = page_links(&path, Representation::Json, &self.request.params, total);
        let mut out = writer.clone();
        let failed = |e: std::io::Error| anyhow!(e).context("cannot write the output");
        self.with_rows(|rows| {
            out.write_all(head.strip_suffix('}').unwrap_or(&head).as_bytes()).map_err(failed)?;
            out.write_all(b",\"rows\":").map_err(failed)?;
            let count = formats::write(Format::Json, rows, Box::new(writer.clone()), &options)?;
            out.write_all(format!(",\"links\":{}}}\n", json!(links)).as_bytes()).map_err(failed)?;
            Ok(count)
        })
    }

    fn write_page(&self, writer: &Writer) -> Result<u64, RequestError> {
        let total = self.data.version.total(self.data.warehouse, &self.select)?;
        let measures = self.relation.measures();
        let rows = self.with_rows(|rows| Ok(formats::cells(rows, &measures)?))?;
        let count = rows.len() as u64;
        let params = &self.request.params;
        let site = &self.request.site;
        let href = site.href(&self.state.routes.path(self.request.target));
        let links = page_links(&href, Representation::Html, params, total);
        let sorted = |order: OrderBy| {
            let params = Params { order: vec![order], offset: 0, ..params.clone() };
            link(&href, Representation::Html, &params)
        };
        let page = RowsPage {
            info: RelationInfo::of(self.relation),
            root: &site.root(),
            is_public: self.state.is_public(),
            href: &href,
            select: &self.select,
            default_order: &self.relation.default_order(),
            columns: self.columns,
            rows,
            total,
            note: match total {
                0 => snapshots::why_empty(self.data.warehouse, self.relation)?,
                _ => None,
            },
            formats: self.format_links(&href),
            previous: links.prev,
            next: links.next,
            sorted: &sorted,
        };
        let html = page.render(&self.state.templates).context("cannot render the page")?;
        writer.clone().write_all(html.as_bytes()).map_err(|e| anyhow!(e))?;
        Ok(count)
    }

    /// Links to all rows that pass the filters in the other representations.
    fn format_links(&self, href: &str) -> Vec<FormatLink> {
        let params = Params { limit: None, offset: 0, ..self.request.params.clone() };
        let others = Representation::ALL.into_iter().filter(|representation| {
            *representation != Representation::Html && representation.fits(self.columns)
        });
        let format_link = |representation: Representation| {
            // people open CSV files in spreadsheets
            let safe = matches!(representation, Representation::Rows(format) if format.is_csv());
            FormatLink {
                name: representation.label(),
                href: link(href, representation, &Params { safe, ..params.clone() }),
                is_download: representation.extension().is_some(),
            }
        };
        others.map(format_link).collect()
    }
}
