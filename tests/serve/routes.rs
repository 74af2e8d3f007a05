//! Every route returns what `mobility query` prints.

use serde_json::Value;

use super::{Server, USER_ROWS, served};
use crate::harness::{
    EXAMPLE_VIEWS, VIEW_ALIASES, Warehouse, Workspace, expected, read_table, test_on_each_warehouse,
};

const TABLES: [&str; 4] =
    ["cell_plan", "lau", "mobile_events_compressed", "mobile_events_uncompressed"];

fn routes_return_the_bytes_that_the_command_line_prints(warehouse: Warehouse) {
    let (work, server) = served(warehouse, USER_ROWS);
    for (name, view) in EXAMPLE_VIEWS {
        for path in [name.to_owned(), view.to_owned(), view.replace('_', "-")] {
            let csv = server.get(&format!("/{path}?format=csv")).ok();
            assert_eq!(csv, expected(view), "{path}");
        }
    }
    for (alias, view) in VIEW_ALIASES {
        let csv = server.get(&format!("/{alias}?format=csv")).ok();
        assert_eq!(csv, expected(view), "{alias}");
    }
    for (name, route) in relations(warehouse) {
        same_text(&work, &server, &name, &route, "csv");
        let json = work.ok(&["query", &name, "--format", "json"]);
        same_json(&server, &serde_json::from_str(&json).unwrap(), &route);
        let page = server.get_with(&route, "accept", "text/html").ok();
        assert!(page.contains("<table>") && page.contains("format=csv"), "{page}");
        let got = server.get(&format!("{route}?format=geojson"));
        if name.contains("lau") || name == "cell_plan" {
            assert_eq!(got.header("content-type"), "application/geo+json");
        } else {
            assert_eq!((got.status, &got.json()["parameter"]), (400, &"format".into()));
        }
    }
    for (name, route) in [
        ("users-per-lau-day-night", "/users-per-lau-day-night"),
        ("number-of-events-per-hour", "/number-of-events-per-hour"),
        ("cell_plan", "/tables/cell_plan"),
    ] {
        for format in ["ndjson", "markdown"] {
            same_text(&work, &server, name, route, format);
        }
        if name != "number-of-events-per-hour" {
            same_text(&work, &server, name, route, "geojson");
        }
        for extension in ["parquet", "arrow"] {
            work.ok(&["query", name, "--output", &format!("command.{extension}")]);
            let got = server.get(&format!("{route}?format={extension}"));
            assert_eq!(got.status, 200, "{route}");
            work.write(&format!("route.{extension}"), &got.body);
            let table = |file: &str| read_table(&work.path(&format!("{file}.{extension}")));
            assert_eq!(table("route"), table("command"), "{route} as {extension}");
        }
    }
}

test_on_each_warehouse!(routes_return_the_bytes_that_the_command_line_prints);

fn same_text(work: &Workspace, server: &Server, name: &str, route: &str, format: &str) {
    let expected = work.ok(&["query", name, "--format", format]);
    let got = server.get(&format!("{route}?format={format}")).ok();
    assert_eq!(got, expected, "{route} as {format}");
}

/// Names for `query` and their routes. The raw events are loaded into PostGIS only on demand.
fn relations(warehouse: Warehouse) -> Vec<(String, String)> {
    let views = EXAMPLE_VIEWS.iter().map(|(name, _)| ((*name).to_owned(), format!("/{name}")));
    let raw = warehouse == Warehouse::Embedded;
    let tables = TABLES.iter().filter(|name| raw || **name != "mobile_events_uncompressed");
    let tables = tables.map(|name| ((*name).to_owned(), format!("/tables/{name}")));
    views.chain(tables).collect()
}

fn same_json(server: &Server, printed: &Value, route: &str) {
    let got = server.get(route);
    assert_eq!(got.header("content-type"), "application/json", "{route}");
    let got = got.json();
    assert_eq!(&got["rows"], printed, "{route}");
    let rows = printed.as_array().unwrap();
    assert_eq!(got["total"], rows.len(), "{route}");
    let columns = got["columns"].as_array().unwrap();
    if let Some(Value::Object(first)) = rows.first() {
        let named = |c: &Value| first.contains_key(c["name"].as_str().unwrap());
        assert!(columns.iter().all(named) && columns.len() == first.len(), "{route}");
    }
    let kinds = ["text", "integer", "number", "boolean", "date", "timestamp", "geometry"];
    assert!(columns.iter().all(|c| kinds.contains(&c["type"].as_str().unwrap())), "{columns:?}");
}

fn filters_order_and_pages_equal_those_of_query(warehouse: Warehouse) {
    let (work, server) = served(warehouse, "");
    for (query, args) in [
        ("date=2024-10-01", vec!["--date", "2024-10-01"]),
        ("from=2024-10-02", vec!["--from", "2024-10-02"]),
        ("to=2024-10-01", vec!["--to", "2024-10-01"]),
        ("lau=EE_0003", vec!["--lau", "EE_0003"]),
        ("lau=nowhere", vec!["--lau", "nowhere"]),
        ("lau=EE%27%20OR%20%271%27%3D%271", vec!["--lau", "EE' OR '1'='1"]),
        ("order_by=day_users:desc,lau_name", vec!["--order-by", "day_users:desc,lau_name"]),
        (
            "order_by=night_users&order-by=lau_id:desc",
            vec!["--order-by", "night_users,lau_id:desc"],
        ),
        ("limit=3&offset=2", vec!["--limit", "3", "--offset", "2"]),
        ("limit=0", vec!["--limit", "0"]),
        ("offset=100", vec!["--offset", "100"]),
        ("date=&lau=&limit=", vec![]),
    ] {
        let mut all = vec!["query", "users-per-lau-day-night", "--format", "csv"];
        all.extend(args);
        let path = format!("/users-per-lau-day-night?{query}&format=csv");
        assert_eq!(server.get(&path).ok(), work.ok(&all), "{query}");
    }
    let hours = server.get("/number-of-events-per-hour?date=2024-10-02&format=csv").ok();
    assert_eq!(hours.lines().count(), 8, "{hours}");
    // the links lead from page to page
    let mut next = Some("/users-per-lau-day-night?limit=3".to_owned());
    let mut rows = Vec::new();
    while let Some(path) = next {
        let page = server.get(&path).json();
        assert_eq!((&page["total"], &page["limit"]), (&8.into(), &3.into()));
        rows.extend(page["rows"].as_array().unwrap().clone());
        next = page["links"]["next"].as_str().map(str::to_owned);
        assert_eq!(page["links"]["prev"].is_null(), rows.len() == 3);
    }
    let all = server.get("/users-per-lau-day-night").json();
    assert_eq!(Value::from(rows), all["rows"]);
    assert_eq!(all["rows"][1]["lau_name"], "Maa, \"vald\"");
}

test_on_each_warehouse!(filters_order_and_pages_equal_those_of_query);

fn pages_show_sorted_rows_and_escape_their_content(warehouse: Warehouse) {
    let (work, server) = served(warehouse, "");
    let page = server.get("/users-per-lau-day-night?format=html&limit=3&offset=3").ok();
    for part in [
        "Rows 4 to 6 of 8",
        "Maa, &quot;vald&quot;",
        "aria-sort=\"ascending\"",
        "rel=\"prev\"",
        "rel=\"next\"",
        "name=\"from\"",
        "name=\"lau\"",
        "format=geojson",
        "href=\"./\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = server.get("/tables/cell-plan?format=html").ok();
    assert!(page.contains("<span class=\"null\">–</span>") && page.contains("POINT"), "{page}");
    let page = server.get("/users-per-lau?format=html&lau=%22%3E%3Cscript%3E").ok();
    assert!(page.contains("No row passes the filters") && !page.contains("<script>"), "{page}");
    // a name that is a script
    let lau = work.read("raw/lau/lau.geojson");
    work.write("raw/lau/lau.geojson", lau.replace("Saare vald", "<script>alert(1)</script>"));
    let before = server.get("/summary").json();
    work.ok(&["run-all"]);
    server.until_newer_than(&before);
    let page = server.get("/users-per-lau-day-night?format=html").ok();
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>"), "{page}");
    let json = server.get("/users-per-lau?lau=EE_0003").json();
    assert_eq!(json["rows"][0]["lau_name"], "<script>alert(1)</script>");
}

test_on_each_warehouse!(pages_show_sorted_rows_and_escape_their_content);

fn views_summary_and_map_describe_the_loaded_data(warehouse: Warehouse) {
    let (_work, server) = served(warehouse, "");
    let list = server.get("/views").json();
    let views = list["views"].as_array().unwrap();
    let names: Vec<_> = views.iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), EXAMPLE_VIEWS.len());
    for view in views {
        let href = view["href"].as_str().unwrap();
        let status = if view["allowed"] == true { 200 } else { 403 };
        assert_eq!(server.get(href).status, status, "{href}");
        assert!(view["chart"]["kind"].is_string() && !view["columns"][0].is_null(), "{view}");
    }
    assert_eq!(list["tables"].as_array().unwrap().len(), 10);
    let summary = server.get("/summary").json();
    for (name, value) in [
        ("events", Value::from(25)),
        ("users", 6.into()),
        ("cells", 9.into()),
        ("cells_mapped", 8.into()),
        ("laus", 4.into()),
        ("day_start", 7.into()),
        ("allow_user_rows", false.into()),
        ("dates", vec!["2024-10-01", "2024-10-02"].into()),
    ] {
        assert_eq!(summary[name], value, "{name}");
    }
    assert_eq!(summary["period"]["to"], "2024-10-02");
    let password = crate::postgis::Cluster::shared().password();
    assert!(!summary.to_string().contains(password), "{summary}");
    let map = server.get("/map").json();
    assert_eq!((&map["width"], &map["height"]), (&1000.into(), &625.into()));
    let town = &map["laus"][0];
    assert_eq!((&town["lau_id"], &town["country_code"]), (&"EE_0001".into(), &"EE".into()));
    assert_eq!(town["d"], "M125 500l62.5 0 0-62.5-62.5 0z");
}

test_on_each_warehouse!(views_summary_and_map_describe_the_loaded_data);

fn openapi_document_describes_every_route(warehouse: Warehouse) {
    let (_work, server) = served(warehouse, "");
    let api = server.get("/openapi.json").json();
    assert_eq!(api["openapi"], "3.1.0");
    let paths = api["paths"].as_object().unwrap();
    for (path, item) in paths.iter().filter(|(path, _)| !path.contains('{')) {
        let get = &item["get"];
        let status = if get["x-single-users"] == true { 403 } else { 200 };
        assert_eq!(server.get(path).status, status, "{path}");
        for reference in references(item) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(api.pointer(pointer).is_some(), "{path}: {reference}");
        }
    }
    for (name, _) in EXAMPLE_VIEWS {
        assert!(paths.contains_key(&format!("/{name}")), "{name}");
    }
    let page = server.get("/docs").ok();
    assert!(page.contains("users-per-lau-day-night") && page.contains("order_by"), "{page}");
}

test_on_each_warehouse!(openapi_document_describes_every_route);

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            let own = map.get("$ref").and_then(|r| r.as_str().map(str::to_owned));
            own.into_iter().chain(map.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
