//! Content negotiation: the representation is chosen by `?format=`, otherwise by `Accept` with its
//! q-values.

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;
use crate::errors::nearest;
use crate::output::columns::{ColumnInfo, has_location, lau_ends};
use crate::output::formats::Format;

/// A representation of the rows of a view or table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Representation {
    /// A page with a table.
    Html,
    /// Columns, rows, total and links.
    Json,
    /// The output of `mobility query` in that format.
    Rows(Format),
}

impl Representation {
    /// In order of preference.
    pub const ALL: [Representation; 11] = [
        Representation::Html,
        Representation::Json,
        Representation::Rows(Format::Csv),
        Representation::Rows(Format::Tsv),
        Representation::Rows(Format::Ndjson),
        Representation::Rows(Format::Geojson),
        Representation::Rows(Format::Gpkg),
        Representation::Rows(Format::Xlsx),
        Representation::Rows(Format::Parquet),
        Representation::Rows(Format::Arrow),
        Representation::Rows(Format::Markdown),
    ];

    /// The value of `?format=`.
    pub fn name(self) -> &'static str {
        match self {
            Representation::Html => "html",
            Representation::Json => "json",
            Representation::Rows(format) => format.name(),
        }
    }

    /// The name in texts.
    pub fn label(self) -> &'static str {
        match self {
            Representation::Html => "HTML",
            Representation::Json => "JSON",
            Representation::Rows(Format::Csv) => "CSV",
            Representation::Rows(Format::Tsv) => "TSV",
            Representation::Rows(Format::Ndjson) => "NDJSON",
            Representation::Rows(Format::Geojson) => "GeoJSON",
            Representation::Rows(Format::Gpkg) => "GeoPackage",
            Representation::Rows(Format::Xlsx) => "Excel",
            Representation::Rows(Format::Parquet) => "Parquet",
            Representation::Rows(Format::Arrow) => "Arrow",
            Representation::Rows(Format::Markdown) => "Markdown",
            Representation::Rows(Format::Json) => "JSON rows",
            Representation::Rows(Format::Table) => "Text",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Representation::Html => "text/html; charset=utf-8",
            Representation::Json => Format::Json.media_type(),
            Representation::Rows(format) => format.media_type(),
        }
    }

    /// Default and maximum of `limit`; `None` for representations of all rows.
    pub fn limits(self) -> Option<(u64, u64)> {
        match self {
            Representation::Html => Some((100, 1_000)),
            Representation::Json => Some((10_000, 100_000)),
            Representation::Rows(_) => None,
        }
    }

    /// False for formats that are compressed already.
    pub fn is_compressible(self) -> bool {
        !matches!(self, Representation::Rows(Format::Parquet | Format::Xlsx))
    }

    /// True when rows with these columns can be represented so: on a map they need a location, or, as lines in
    /// GeoJSON, two LAUs.
    pub fn fits(self, columns: &[ColumnInfo]) -> bool {
        match self {
            Representation::Rows(format) if format.is_map() => {
                has_location(columns) || (format == Format::Geojson && lau_ends(columns).is_some())
            }
            _ => true,
        }
    }

    /// The extension of a file name; `None` when it is not saved as a file.
    pub fn extension(self) -> Option<&'static str> {
        match self {
            Representation::Html | Representation::Json => None,
            Representation::Rows(format) => Some(format.extension()),
        }
    }

    fn essence(self) -> &'static str {
        self.media_type().split(';').next().unwrap_or_default()
    }

    /// Other media types of the same representation.
    fn synonyms(self) -> &'static [&'static str] {
        match self {
            Representation::Html => &["application/xhtml+xml"],
            Representation::Rows(Format::Ndjson) => &["application/jsonl", "application/ndjson"],
            Representation::Rows(Format::Parquet) => {
                &["application/parquet", "application/x-parquet"]
            }
            Representation::Rows(Format::Arrow) => &["application/arrow"],
            Representation::Rows(Format::Gpkg) => &["application/geopackage+vnd.sqlite3"],
            Representation::Rows(Format::Geojson) => &["application/vnd.geo+json"],
            _ => &[],
        }
    }
}

/// The representation for a value of `?format=`.
///
/// # Errors
/// 400 that lists the values.
pub fn by_name(name: &str) -> Result<Representation, Problem> {
    Representation::ALL.into_iter().find(|r| r.name() == name).ok_or_else(|| {
        let names = Representation::ALL.map(Representation::name);
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("the formats are {}", names.join(", ")),
        };
        let shown: String = name.chars().take(100).collect();
        Problem::parameter("format", format!("the format {shown:?} does not exist; {hint}"))
    })
}

/// The representation in `offered` that `Accept` prefers; JSON without a preference.
///
/// # Errors
/// 406 that lists the media types.
pub fn by_accept(
    headers: &HeaderMap,
    offered: &[Representation],
) -> Result<Representation, Problem> {
    let ranges = accepted(headers);
    if ranges.is_empty() {
        return Ok(Representation::Json);
    }
    let rank = |representation: &Representation| {
        let (specificity, quality) = quality(*representation, &ranges)?;
        // ties: a page for clients that name its type, JSON for those that accept anything
        let preference = match representation {
            Representation::Html => u8::from(specificity == 2) * 2,
            Representation::Json => 1,
            Representation::Rows(_) => 0,
        };
        Some((quality, specificity, preference, *representation))
    };
    // max_by_key returns the last of equal elements, and the first one offered should win
    let ranked = offered.iter().rev().filter_map(rank).filter(|r| r.0 > 0);
    let best = ranked
        .max_by_key(|(quality, specificity, preference, _)| (*quality, *specificity, *preference));
    best.map(|(.., representation)| representation).ok_or_else(|| {
        let types: Vec<_> = offered.iter().map(|r| r.essence()).collect();
        Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            format!("no media type in Accept is available; available are {}", types.join(", ")),
        )
    })
}

/// True for a client that prefers pages: HTML is at least as acceptable as JSON.
pub fn prefers_page(headers: &HeaderMap) -> bool {
    by_accept(headers, &[Representation::Html, Representation::Json])
        .is_ok_and(|r| r == Representation::Html)
}

/// A media range with its q-value in thousandths.
struct MediaRange {
    media: String,
    quality: u16,
}

fn accepted(headers: &HeaderMap) -> Vec<MediaRange> {
    let values = headers.get_all(header::ACCEPT).into_iter().filter_map(|v| v.to_str().ok());
    let ranges = values.flat_map(|v| v.split(',')).filter_map(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let media = pieces.next().filter(|m| !m.is_empty())?.to_ascii_lowercase();
        Some(MediaRange { media, quality: thousandths(pieces) })
    });
    ranges.collect()
}

/// The q-value among parameters, 1 when there is none or it is invalid.
fn thousandths<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u16 {
    let q = parameters.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
    let q: Option<f32> = q.and_then(|q| q.trim().parse().ok());
    q.map_or(1000, |q| (q.clamp(0.0, 1.0) * 1000.0) as u16)
}

/// The specificity (2 for the media type, 1 for `text/*`, 0 for `*/*`) and the q-value of the most
/// specific range that matches.
fn quality(representation: Representation, ranges: &[MediaRange]) -> Option<(u8, u16)> {
    let essence = representation.essence();
    let family = essence.split('/').next().unwrap_or_default();
    let specificity = |media: &str| {
        if media == essence || representation.synonyms().contains(&media) {
            Some(2)
        } else if media.strip_suffix("/*") == Some(family) {
            Some(1)
        } else {
            (media == "*/*" || media == "*").then_some(0)
        }
    };
    let matches = ranges.iter().filter_map(|r| Some((specificity(&r.media)?, r.quality)));
    matches.max()
}

/// True for a client that accepts gzip.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values =
        headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|v| v.to_str().ok());
    let mut any = None;
    for part in values.flat_map(|v| v.split(',')) {
        let mut pieces = part.split(';').map(str::trim);
        match pieces.next() {
            Some("gzip" | "x-gzip") => return thousandths(pieces) > 0,
            Some("*") => any = Some(thousandths(pieces) > 0),
            _ => {}
        }
    }
    any.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn most_preferred_media_type_wins() {
        for (accept, name) in [
            ("*/*", "json"),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html"),
            ("text/csv", "csv"),
            ("application/json", "json"),
            ("application/json, text/html", "html"),
            ("text/html;q=0.5, application/json", "json"),
            ("text/html;q=0.5, */*;q=0.1", "html"),
            ("text/*", "html"),
            ("text/html;q=0, text/*", "csv"),
            ("application/*", "json"),
            ("application/vnd.apache.parquet", "parquet"),
            ("application/geo+json;q=0.9, text/csv;q=0.1", "geojson"),
            ("application/x-ndjson, text/markdown;q=0.9", "ndjson"),
            ("image/png, */*;q=0.1", "json"),
            ("TEXT/CSV; Q=1", "csv"),
        ] {
            let chosen = by_accept(&headers(header::ACCEPT, accept), &Representation::ALL);
            assert_eq!(chosen.map(Representation::name), Ok(name), "{accept}");
        }
        assert_eq!(by_accept(&HeaderMap::new(), &Representation::ALL), Ok(Representation::Json));
    }

    #[test]
    fn unavailable_formats_are_rejected_with_a_list() {
        for accept in ["image/png", "text/csv;q=0", "application/json;q=0, */*;q=0"] {
            let problem =
                by_accept(&headers(header::ACCEPT, accept), &Representation::ALL).unwrap_err();
            assert_eq!(problem.status, 406, "{accept}");
            assert!(problem.detail.contains("application/json, text/csv"), "{}", problem.detail);
        }
        let problem = by_name("cvs").unwrap_err();
        assert!(problem.detail.contains("csv?"), "{}", problem.detail);
    }

    #[test]
    fn gzip_is_sent_to_clients_that_accept_it() {
        for (value, accepted) in [
            ("gzip, deflate, br", true),
            ("deflate", false),
            ("gzip;q=0", false),
            ("*", true),
            ("gzip;q=0, *", false),
            ("identity", false),
        ] {
            assert_eq!(accepts_gzip(&headers(header::ACCEPT_ENCODING, value)), accepted, "{value}");
        }
    }
}
