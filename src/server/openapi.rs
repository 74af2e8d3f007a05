//! `/openapi.json`: the description of the API in OpenAPI 3.1, generated from the view registry.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::negotiation::Representation;
use super::problem::PROBLEM_JSON;
use super::site::Site;
use crate::output::columns::{ColumnInfo, has_days, has_lau};
use crate::output::documents::LoadedData;
use crate::output::formats::Format;
use crate::output::relation::{RelationInfo, table_path, view_path};
use crate::warehouse::Relation;

/// The document for clients of `site`; `has_token` describes the authentication.
///
/// # Errors
/// A view that the engine rejects.
pub fn document(data: &LoadedData, site: &Site, has_token: bool) -> Result<Value> {
    let columns = |relation: Relation| -> Result<Vec<ColumnInfo>> {
        Ok(ColumnInfo::all(&*data.version.columns(data.warehouse, relation)?))
    };
    let mut paths = Map::new();
    for view in data.registry.views() {
        let relation = Relation::View(view);
        let mut item = rows(relation, &columns(relation)?);
        let aliases = std::iter::once(&view.view).chain(&view.aliases);
        item["get"]["x-aliases"] = aliases.map(|a| json!(format!("/{a}"))).collect();
        paths.insert(view_path(view), item);
    }
    for table in data.registry.tables().iter().copied() {
        let relation = Relation::Table(table);
        // not every warehouse holds the raw events
        let Ok(columns) = columns(relation) else { continue };
        paths.insert(table_path(table), rows(relation, &columns));
    }
    let is_shown = |path: &str| !data.registry.is_released() || !is_for_analysts(path);
    for (path, media, summary, description) in OTHER_ROUTES {
        if !is_shown(path) {
            continue;
        }
        paths.insert(path.to_owned(), other_route(media, summary, description));
    }
    let security = match has_token {
        true => json!([{ "bearer": [] }, { "basic": [] }]),
        false => json!([]),
    };
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "mobility REST API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Views over mobile positioning data, as pages, JSON and files. All \
                views and tables accept the same parameters. The representation is chosen by the \
                header Accept or the parameter format.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": site.server_url() }],
        "security": security,
        "paths": paths,
        "components": {
            "parameters": parameters(),
            "schemas": { "Problem": problem() },
            "responses": responses(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "basic": { "type": "http", "scheme": "basic" },
            },
        },
    }))
}

/// Path, media type, summary and description of the routes other than views and tables.
const OTHER_ROUTES: [(&str, &str, &str, &str); 14] = [
    ("/", "text/html", "Dashboard", ""),
    ("/people", "text/html", "Where people live, work and are", ""),
    (
        "/people/{document}",
        "application/json",
        "What the page about people shows",
        "overview; residents and commuters with window=2024-10-01, the first date of a window; present and \
         present-estimate with date; overnight with night. commuters and overnight also take lau.",
    ),
    ("/movement", "text/html", "Trips and stays", ""),
    (
        "/movement/{document}",
        "application/json",
        "What the page about movement shows",
        "overview; day with date; flows with date, and optionally hour (0 to 23) and lau.",
    ),
    ("/docs", "text/html", "This page", ""),
    ("/views", "application/json", "All views and tables", "Names, columns, order and chart."),
    ("/summary", "application/json", "Key figures", "Period, events, users, cells and LAUs."),
    (
        "/map",
        "application/json",
        "Outlines of the LAUs",
        "SVG path data in a drawing 1,000 units wide, to be filled by the even-odd rule.",
    ),
    (
        "/quality",
        "application/json",
        "Data quality of each date",
        "Dates, codes and warnings; a page for a browser. Parameters: format (html or json), \
         date, from and to.",
    ),
    ("/openapi.json", "application/json", "Description of the API in OpenAPI 3.1", ""),
    (
        "/health",
        "application/json",
        "Health",
        "200 when queries can be answered, otherwise 503 with the reason. Also /health/live and \
         /health/ready.",
    ),
    ("/metrics", "text/plain", "Metrics for Prometheus", ""),
    ("/assets/{name}", "application/octet-stream", "Scripts and styles of the pages", ""),
];

/// True for the routes that compute with exact numbers.
fn is_for_analysts(path: &str) -> bool {
    ["/people", "/movement", "/quality"].iter().any(|route| path.starts_with(route))
}

fn other_route(media: &str, summary: &str, description: &str) -> Value {
    json!({ "get": {
        "summary": summary,
        "description": description,
        "responses": { "200": { "description": summary, "content": { media: {} } } },
    } })
}

/// The route of a view or table.
fn rows(relation: Relation, columns: &[ColumnInfo]) -> Value {
    let info = RelationInfo::of(relation);
    let mut content = Map::new();
    let offered = Representation::ALL.into_iter().filter(|r| r.fits(columns));
    for representation in offered {
        let media = representation.media_type().split(';').next().unwrap_or_default();
        let schema = match representation {
            Representation::Json => json!({ "schema": json_schema(columns) }),
            _ => json!({}),
        };
        content.insert(media.to_owned(), schema);
    }
    let accepts = |name: &str| match name {
        "date" | "from" | "to" => has_days(columns),
        "all_dates" => has_days(columns) && Representation::Rows(Format::Geojson).fits(columns),
        "lau" => has_lau(columns),
        _ => true,
    };
    let parameters: Vec<Value> = super::params::NAMES
        .iter()
        .filter(|name| accepts(name))
        .map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }))
        .collect();
    let mut responses = Map::new();
    responses.insert("200".to_owned(), json!({ "description": info.title, "content": content }));
    for status in ["304", "400", "401", "403", "406", "429", "503", "504"] {
        let reference = json!({ "$ref": format!("#/components/responses/{status}") });
        responses.insert(status.to_owned(), reference);
    }
    json!({ "get": {
        "operationId": relation.sql_name(),
        "summary": info.title,
        "description": info.description,
        "parameters": parameters,
        "responses": responses,
        "x-columns": columns,
        "x-single-users": info.single_users,
    } })
}

/// The schema of the JSON representation.
fn json_schema(columns: &[ColumnInfo]) -> Value {
    let properties: Map<String, Value> =
        columns.iter().map(|c| (c.name.clone(), value_type(c.type_name))).collect();
    let link = json!({ "type": ["string", "null"], "format": "uri-reference" });
    json!({
        "type": "object",
        "required": ["name", "columns", "total", "limit", "offset", "rows", "links"],
        "properties": {
            "name": { "type": "string" },
            "view": { "type": "string" },
            "title": { "type": "string" },
            "description": { "type": "string" },
            "columns": { "type": "array", "items": { "type": "object", "properties": {
                "name": { "type": "string" },
                "type": { "type": "string" },
            } } },
            "total": { "type": "integer" },
            "limit": { "type": "integer" },
            "offset": { "type": "integer" },
            "note": { "type": "string", "description": "why there are no rows, if it is known" },
            "rows": { "type": "array", "items": { "type": "object", "properties": properties } },
            "links": { "type": "object", "properties": {
                "self": link, "next": link, "prev": link,
            } },
        },
    })
}

fn value_type(type_name: &str) -> Value {
    match type_name {
        "integer" => json!({ "type": ["integer", "null"] }),
        "number" => json!({ "type": ["number", "null"] }),
        "boolean" => json!({ "type": ["boolean", "null"] }),
        "date" => json!({ "type": ["string", "null"], "format": "date" }),
        "timestamp" => json!({ "type": ["string", "null"], "description": "local wall time" }),
        "geometry" => json!({ "type": ["object", "null"], "description": "GeoJSON geometry" }),
        _ => json!({ "type": ["string", "null"] }),
    }
}

fn parameters() -> Value {
    let text = |name: &str, description: &str, schema: Value| json!({ "name": name, "in": "query", "description": description, "schema": schema });
    let day = || json!({ "type": "string", "format": "date" });
    let formats: Vec<&str> = Representation::ALL.iter().map(|r| r.name()).collect();
    json!({
        "format": text("format", "Representation; by default chosen by the header Accept.",
            json!({ "type": "string", "enum": formats })),
        "date": text("date", "Only this day, such as 2024-10-01.", day()),
        "from": text("from", "First day.", day()),
        "to": text("to", "Last day.", day()),
        "all_dates": text("all_dates",
            "With 1, GeoJSON and GeoPackage have the rows of all dates. By default they have those of the \
             newest one, because features of other dates would lie below them.",
            json!({ "type": "integer", "enum": [0, 1] })),
        "lau": text("lau", "Only this lau_id (GISCO_ID).", json!({ "type": "string" })),
        "order_by": text("order_by",
            "Column to order by, with :desc for descending order; several are separated by commas.",
            json!({ "type": "string" })),
        "limit": text("limit",
            "Maximum number of rows. Default 10,000 and at most 100,000 for JSON, 100 and at most \
             1,000 for a page; the other formats return all rows by default.",
            json!({ "type": "integer", "minimum": 0 })),
        "offset": text("offset", "Number of rows to skip.", json!({ "type": "integer", "minimum": 0 })),
        "safe": text("safe",
            "With 1, texts in CSV that a spreadsheet would take for formulas begin with an apostrophe.",
            json!({ "type": "integer", "enum": [0, 1] })),
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "parameter": { "type": "string" },
        },
    })
}

fn responses() -> Value {
    let problem = |description: &str| {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        json!({ "description": description, "content": { PROBLEM_JSON: { "schema": schema } } })
    };
    json!({
        "304": { "description": "The cached response of the client is current." },
        "400": problem("A parameter is invalid; the response names it."),
        "401": problem("The token is missing or wrong."),
        "403": problem("Rows of single users are not served, or not to clients with this token; or the \
            route is for analysts alone."),
        "406": problem("None of the requested media types is available."),
        "429": problem("Too many wrong tokens came from this address."),
        "503": problem("The warehouse is unavailable, or too many queries are waiting."),
        "504": problem("The query took too long."),
    })
}
