//! All routes in all formats with all parameters, and all commands: nothing that was withheld can be seen.

use std::io::{Cursor, Read};

use serde_json::Value;

use super::store::{self, secrets};
use crate::harness::{Workspace, names_a_user, read_table};
use crate::serve::Server;

const FORMATS: [&str; 11] = [
    "html", "json", "csv", "tsv", "ndjson", "markdown", "geojson", "gpkg", "xlsx", "parquet",
    "arrow",
];
const FILTERS: [&str; 14] = [
    "",
    "date=2024-10-01",
    "from=2024-10-02",
    "to=2024-10-01",
    "from=2024-10-01&to=2024-10-02",
    "lau=EE_0001",
    "lau=EE_0003",
    "all_dates=1",
    "safe=1",
    "order_by=devices",
    "order_by=devices:desc",
    "limit=1&offset=1",
    "limit=1000",
    "order_by=suppressed:desc&limit=2",
];

/// A text in which a number is found as a word, whether its digits are in groups or not.
fn words_of(text: &str) -> String {
    let mut words = text.to_owned();
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_group = |at: usize| {
        bytes[at] == b','
            && at > 0
            && is_digit(at - 1)
            && (1..4).all(|n| is_digit(at + n))
            && !is_digit(at + 4)
    };
    let ungrouped: Vec<u8> =
        (0..bytes.len()).filter(|at| !is_group(*at)).map(|at| bytes[at]).collect();
    words.push('\n');
    words.push_str(&String::from_utf8(ungrouped).unwrap());
    words
}

/// The secrets that a text contains.
fn found<'a>(text: &str, secrets: &'a [String]) -> Vec<&'a str> {
    let words = words_of(text);
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let contains = |secret: &&'a String| {
        words.match_indices(secret.as_str()).any(|(at, _)| {
            let (before, after) =
                (words[..at].chars().next_back(), words[at + secret.len()..].chars().next());
            !is_word(before) && !is_word(after)
        })
    };
    secrets.iter().filter(contains).map(String::as_str).collect()
}

#[test]
fn numbers_are_found_in_any_form() {
    let secrets = ["913571".to_owned(), "place-a".to_owned()];
    for text in
        ["x,913571\n", "<td>913,571</td>", "[1,913571,2]", "(913,571)", "n=913571.0", "\"place-a\""]
    {
        assert_eq!(found(text, &secrets).len(), 1, "{text}");
    }
    for text in ["9135710", "0913571", "a913571", "913 571", "place-ab", "1,913,571"] {
        assert!(found(text, &secrets).is_empty(), "{text}");
    }
}

/// Everything that a body says, as text.
fn content(body: &[u8]) -> String {
    if body.starts_with(b"PAR1") || body.starts_with(b"ARROW1") {
        let extension = if body.starts_with(b"PAR1") { "parquet" } else { "arrow" };
        let file = tempfile::Builder::new().suffix(&format!(".{extension}")).tempfile().unwrap();
        std::fs::write(file.path(), body).unwrap();
        return format!("{:?}", read_table(file.path()));
    }
    if body.starts_with(b"SQLite format 3") {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), body).unwrap();
        let database = rusqlite::Connection::open(file.path()).unwrap();
        let mut tables =
            database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
        let names: Vec<String> =
            tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut text = String::new();
        for name in names {
            let mut rows = database.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
            let columns = rows.column_count();
            let mut rows = rows.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                for column in 0..columns {
                    text.push_str(&format!("{:?} ", row.get_ref(column).unwrap()));
                }
            }
        }
        return text;
    }
    if body.starts_with(b"PK") {
        let mut archive = zip::ZipArchive::new(Cursor::new(body)).unwrap();
        let mut text = String::new();
        for part in 0..archive.len() {
            archive.by_index(part).unwrap().read_to_string(&mut text).unwrap();
        }
        return text;
    }
    String::from_utf8(body.to_vec()).unwrap()
}

/// Paths of a description of the API, with those of the documents of pages.
fn paths(openapi: &Value) -> Vec<String> {
    let mut paths: Vec<String> = openapi["paths"].as_object().unwrap().keys().cloned().collect();
    for item in openapi["paths"].as_object().unwrap().values() {
        let aliases = item["get"]["x-aliases"].as_array().into_iter().flatten();
        paths.extend(aliases.map(|alias| alias.as_str().unwrap().to_owned()));
    }
    paths.retain(|path| !path.contains('{'));
    for document in
        ["overview", "residents", "present", "present-estimate", "commuters", "overnight"]
    {
        for parameters in ["", "?date=2024-10-01", "?window=2024-10-01", "?night=2024-10-01"] {
            paths.push(format!("/people/{document}{parameters}"));
        }
    }
    for document in ["overview", "day", "flows"] {
        for parameters in
            ["", "?date=2024-10-01", "?date=2024-10-01&hour=8", "?date=2024-10-01&lau=EE_0001"]
        {
            paths.push(format!("/movement/{document}{parameters}"));
        }
    }
    paths
}

#[test]
fn no_route_shows_anything_that_was_withheld() {
    assert_no_route_leaks(&store::released());
}

#[test]
fn no_route_shows_what_a_release_of_the_program_withholds() {
    let work = store::published();
    assert_no_route_leaks(&work);
    // the rows of the release folder are those that are shown
    for view in ["complete", "sparse", "partial", "by-day"] {
        let shown = work.ok(&["query", view, "--audience", "public", "--format", "csv"]);
        let released = work.read(&format!("out/{view}.csv"));
        assert_eq!(shown.replace("\r\n", "\n"), released.replace("\r\n", "\n"), "{view}");
    }
    // rows of which another number is shown are there, and those of which none is are not
    let partial = work.read("out/partial.csv");
    assert!(partial.contains(",,2000002,true") && !partial.contains("EE_0001"), "{partial}");
}

fn assert_no_route_leaks(work: &Workspace) {
    let secrets = secrets(work);
    let exact = Server::start(work);
    let public = Server::start_with(work, &["--audience", "public"]);
    let all = paths(&exact.get("/openapi.json").json());
    let released = paths(&public.get("/openapi.json").json());
    let (mut asked, mut shown, mut detected) = (0, 0, 0);
    let mut ask = |path: &str, accept: &str| {
        let got = public.get_with(path, "accept", accept);
        let text = content(&got.body);
        asked += 1;
        shown += usize::from(got.status == 200);
        assert!(got.status != 500, "{path}: {text}");
        assert_eq!(found(&text, &secrets), [""; 0], "{path} {accept}");
        assert!(!names_a_user(&text), "{path}");
        let headers = format!("{:?}", got.headers);
        assert_eq!(found(&headers, &secrets), [""; 0], "{path}: {headers}");
    };
    for path in &all {
        let separator = if path.contains('?') { '&' } else { '?' };
        for accept in ["text/html", "application/json"] {
            ask(path, accept);
        }
        for format in FORMATS {
            ask(&format!("{path}{separator}format={format}"), "*/*");
        }
        // what is refused is refused whatever the parameters are
        let filters = if released.contains(path) { &FILTERS[..] } else { &FILTERS[1..2] };
        for filter in filters {
            for format in FORMATS {
                ask(&format!("{path}{separator}{filter}&format={format}"), "*/*");
            }
        }
    }
    for path in &released {
        assert!(all.contains(path), "{path} is no route for analysts");
    }
    assert!(asked > 1_500 && shown > 400, "{shown} of {asked} requests were answered");
    // the same search finds what a server for analysts shows
    for format in FORMATS {
        for view in ["complete", "sparse"] {
            let got = exact.get(&format!("/{view}?format={format}"));
            if got.status == 200 {
                detected += usize::from(!found(&content(&got.body), &secrets).is_empty());
            }
        }
    }
    assert_eq!(detected, 2 * FORMATS.len() - 2, "places without an id are not on maps");
}

#[test]
fn no_command_shows_anything_that_was_withheld() {
    let work = store::released();
    let secrets = secrets(&work);
    let look = |args: &[&str]| {
        let args = [args, &["--audience", "public"]].concat();
        let ran = work.run(&args);
        let mut text = format!("{}{}", ran.stdout, ran.stderr);
        for file in ["out.parquet", "out.arrow", "out.gpkg", "out.xlsx", "out.html", "out.svg"] {
            if work.path(file).exists() {
                text.push_str(&content(&work.read_bytes(file)));
                work.remove(file);
            }
        }
        assert!(!ran.stderr.contains("panicked"), "{text}");
        assert_eq!(found(&text, &secrets), [""; 0], "{args:?}");
        assert!(!names_a_user(&text), "{args:?}");
        ran.status == 0
    };
    assert!(look(&["query", "--list"]));
    let filters: [&[&str]; 8] = [
        &[],
        &["--date", "2024-10-01"],
        &["--from", "2024-10-02"],
        &["--lau", "EE_0001"],
        &["--order-by", "devices:desc"],
        &["--order-by", "devices", "--limit", "2", "--offset", "1"],
        &["--vertical"],
        &["--all-dates"],
    ];
    let mut shown = 0;
    for view in
        ["complete", "sparse", "by-day", "unreleased", "users-per-lau", "lau", "quality_daily"]
    {
        for filter in filters {
            for format in ["table", "csv", "tsv", "json", "ndjson", "markdown", "geojson"] {
                let more = ["query", view, "--format", format];
                shown += usize::from(look(&[&more[..], filter].concat()));
            }
        }
        for file in ["out.parquet", "out.arrow", "out.gpkg", "out.xlsx"] {
            look(&["query", view, "--output", file]);
        }
        look(&["report", "--view", view, "--output", "out.svg"]);
    }
    assert!(shown > 100, "{shown}");
    assert!(look(&["report", "--output", "out.html"]));
    assert!(look(&["report", "--date", "2024-10-02", "--output", "out.html"]));
    // the same search finds what analysts see
    let exact = work.ok(&["query", "complete"]);
    assert!(!found(&exact, &secrets).is_empty(), "{exact}");
}

/// Text and attributes of a file for people.
fn picture(work: &Workspace, view: &str, more: &[&str]) -> String {
    let args = ["report", "--view", view, "--audience", "public", "--output", "out.svg"];
    work.ok(&[&args[..], more].concat());
    work.read("out.svg")
}

#[test]
fn withheld_places_are_hatched_in_pictures_and_gaps_in_lines() {
    let work = store::released();
    for more in [&[][..], &["--per-km2"], &["--date", "2024-10-01"]] {
        let svg = picture(&work, "complete", more);
        for name in ["Õis linn", "Maa, &quot;vald&quot;"] {
            assert!(svg.contains(&format!("<title>{name}: Withheld</title>")), "{more:?}: {svg}");
        }
        assert_eq!(svg.matches("fill=\"url(#withheld)\"").count(), 3, "two LAUs and the legend");
        assert!(svg.contains(">Withheld</text>"), "{svg}");
    }
    for (view, other) in [("sparse", "complete"), ("by-day", "complete")] {
        let svg = picture(&work, view, &[]);
        assert!(svg.contains("withheld; their places are empty"), "{view}: {svg}");
        assert_ne!(svg, picture(&work, other, &[]));
    }
    for format in ["png", "pdf"] {
        let file = format!("out.{format}");
        work.ok(&["report", "--view", "complete", "--audience", "public", "--output", &file]);
        assert!(work.read_bytes(&file).len() > 1_000);
    }
}
