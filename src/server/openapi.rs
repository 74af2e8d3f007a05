//! `/openapi.json`: the API described after OpenAPI 3.1, from the view registry.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::columns;
use super::columns::Column;
use super::edition::Edition;
use super::names::{path_of_table, path_of_view};
use super::negotiate::Shape;
use super::problem::PROBLEM_JSON;
use super::produce::About;
use super::state::Shared;
use crate::domain::tables::Table;
use crate::warehouse::{Relation, Warehouse};

/// The document.
///
/// # Errors
/// A view that the engine refuses.
pub fn document(shared: &Shared, edition: &Edition, warehouse: &dyn Warehouse) -> Result<Value> {
    let mut paths = Map::new();
    for view in shared.registry.views() {
        let relation = Relation::View(view);
        let columns = columns::of(edition.columns(warehouse, relation)?.as_ref());
        let mut item = rows(relation, &columns);
        let aliases = std::iter::once(&view.view).chain(&view.aliases);
        item["get"]["x-aliases"] = aliases.map(|a| json!(format!("/{a}"))).collect();
        paths.insert(path_of_view(view), item);
    }
    for table in Table::ALL {
        let relation = Relation::Table(table);
        let Ok(schema) = edition.columns(warehouse, relation) else { continue };
        paths.insert(path_of_table(table), rows(relation, &columns::of(&schema)));
    }
    for (path, media, summary, description) in OWN {
        paths.insert(path.to_owned(), own(media, summary, description));
    }
    let security = match shared.config.serve.token {
        Some(_) => json!([{ "bearer": [] }, { "basic": [] }]),
        None => json!([]),
    };
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "mobility REST API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Views over mobile positioning data, as pages, JSON and files. Every \
                view and table takes the same parameters; its form goes by Accept or by format.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
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

/// Path, media type, summary and description of the server's own routes.
const OWN: [(&str, &str, &str, &str); 10] = [
    ("/", "text/html", "Dashboard", ""),
    ("/docs", "text/html", "This page", ""),
    ("/views", "application/json", "All views and tables", "Names, columns, order and chart."),
    ("/summary", "application/json", "What is loaded", "Period, events, users, cells and LAUs."),
    (
        "/map",
        "application/json",
        "Outlines of the LAUs",
        "SVG path data in a drawing 1,000 units wide, to be filled by the even-odd rule.",
    ),
    (
        "/quality",
        "application/json",
        "How good the data of each date is",
        "dates, codes and warnings; a page for a browser. Takes format (html or json), date, from \
         and to.",
    ),
    ("/openapi.json", "application/json", "The API described after OpenAPI 3.1", ""),
    (
        "/health",
        "application/json",
        "Health",
        "200 when queries can be answered, else 503 with the reason; also /health/live and \
         /health/ready.",
    ),
    ("/metrics", "text/plain", "Figures for Prometheus", ""),
    ("/assets/{name}", "application/octet-stream", "Scripts and styles of the pages", ""),
];

fn own(media: &str, summary: &str, description: &str) -> Value {
    json!({ "get": {
        "summary": summary,
        "description": description,
        "responses": { "200": { "description": summary, "content": { media: {} } } },
    } })
}

/// A view or table.
fn rows(relation: Relation, columns: &[Column]) -> Value {
    let about = About::of(relation);
    let has_place = columns::has_place(columns);
    let mut content = Map::new();
    for shape in Shape::ALL.into_iter().filter(|s| has_place || !s.is_map()) {
        let media = shape.media_type().split(';').next().unwrap_or_default();
        let schema = match shape {
            Shape::Json => json!({ "schema": envelope(columns) }),
            _ => json!({}),
        };
        content.insert(media.to_owned(), schema);
    }
    let dated = columns.iter().any(|c| {
        matches!(c.kind, "date" | "timestamp")
            && ["date", "hour", "timestamp"].contains(&c.name.as_str())
    });
    let has_lau = columns.iter().any(|c| c.name == "lau_id");
    let takes = |name: &str| match name {
        "date" | "from" | "to" => dated,
        "lau" => has_lau,
        _ => true,
    };
    let parameters: Vec<Value> = super::params::NAMES
        .iter()
        .filter(|name| takes(name))
        .map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }))
        .collect();
    let mut responses = Map::new();
    responses.insert("200".to_owned(), json!({ "description": about.title, "content": content }));
    for status in ["304", "400", "401", "403", "406", "503", "504"] {
        let reference = json!({ "$ref": format!("#/components/responses/{status}") });
        responses.insert(status.to_owned(), reference);
    }
    json!({ "get": {
        "operationId": relation.sql_name(),
        "summary": about.title,
        "description": about.description,
        "parameters": parameters,
        "responses": responses,
        "x-columns": columns,
        "x-single-users": about.single_users,
    } })
}

/// The JSON form of rows.
fn envelope(columns: &[Column]) -> Value {
    let properties: Map<String, Value> =
        columns.iter().map(|c| (c.name.clone(), value_type(c.kind))).collect();
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
            "rows": { "type": "array", "items": { "type": "object", "properties": properties } },
            "links": { "type": "object", "properties": {
                "self": link, "next": link, "prev": link,
            } },
        },
    })
}

fn value_type(kind: &str) -> Value {
    match kind {
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
    let formats: Vec<&str> = Shape::ALL.iter().map(|s| s.name()).collect();
    json!({
        "format": text("format", "Form of the answer; without it Accept decides.",
            json!({ "type": "string", "enum": formats })),
        "date": text("date", "Only this day, such as 2024-10-01.", day()),
        "from": text("from", "First day.", day()),
        "to": text("to", "Last day.", day()),
        "lau": text("lau", "Only this lau_id (GISCO_ID).", json!({ "type": "string" })),
        "order_by": text("order_by",
            "Column to order by, :desc behind it to go down; several with commas.",
            json!({ "type": "string" })),
        "limit": text("limit",
            "At most so many rows. JSON gives 10,000 at a time and at most 100,000, a page 100 and \
             at most 1,000; other forms give all rows.",
            json!({ "type": "integer", "minimum": 0 })),
        "offset": text("offset", "Skip so many rows.", json!({ "type": "integer", "minimum": 0 })),
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
        "304": { "description": "The client has it already." },
        "400": problem("A parameter is wrong; the answer names it."),
        "401": problem("The token is missing or wrong."),
        "403": problem("Rows of single users are not served."),
        "406": problem("None of the wanted media types is there."),
        "503": problem("The warehouse is away, or too many queries wait."),
        "504": problem("The answer took too long."),
    })
}
