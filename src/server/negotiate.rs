//! Which form of an answer a client wants: by `?format=`, else by `Accept` with its q-values.

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;
use crate::errors::nearest;
use crate::output::formats::Format;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A page with a table.
    Html,
    /// Columns, rows, total and links.
    Json,
    /// As `mobility query` writes it.
    Rows(Format),
}

impl Shape {
    /// In the order in which they are offered.
    pub const ALL: [Shape; 8] = [
        Shape::Html,
        Shape::Json,
        Shape::Rows(Format::Csv),
        Shape::Rows(Format::Ndjson),
        Shape::Rows(Format::Geojson),
        Shape::Rows(Format::Parquet),
        Shape::Rows(Format::Arrow),
        Shape::Rows(Format::Markdown),
    ];

    /// The value of `?format=`.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Html => "html",
            Shape::Json => "json",
            Shape::Rows(Format::Markdown) => "markdown",
            Shape::Rows(format) => format.extension(),
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Shape::Html => "text/html; charset=utf-8",
            Shape::Json => Format::Json.media_type(),
            Shape::Rows(format) => format.media_type(),
        }
    }

    /// Default and largest number of rows; `None` where all rows are given.
    pub fn limits(self) -> Option<(u64, u64)> {
        match self {
            Shape::Html => Some((100, 1_000)),
            Shape::Json => Some((10_000, 100_000)),
            Shape::Rows(_) => None,
        }
    }

    /// False for bytes that gzip makes no smaller.
    pub fn shrinks(self) -> bool {
        self != Shape::Rows(Format::Parquet)
    }

    /// True where rows need a place on a map.
    pub fn is_map(self) -> bool {
        self == Shape::Rows(Format::Geojson)
    }

    /// The ending of a file name.
    pub fn extension(self) -> Option<&'static str> {
        match self {
            Shape::Html | Shape::Json => None,
            Shape::Rows(format) => Some(format.extension()),
        }
    }

    fn essence(self) -> &'static str {
        self.media_type().split(';').next().unwrap_or_default()
    }

    /// Other media types by which the same form is asked for.
    fn synonyms(self) -> &'static [&'static str] {
        match self {
            Shape::Html => &["application/xhtml+xml"],
            Shape::Rows(Format::Ndjson) => &["application/jsonl", "application/ndjson"],
            Shape::Rows(Format::Parquet) => &["application/parquet", "application/x-parquet"],
            Shape::Rows(Format::Arrow) => &["application/arrow"],
            Shape::Rows(Format::Geojson) => &["application/vnd.geo+json"],
            _ => &[],
        }
    }
}

/// The form named by `?format=`.
///
/// # Errors
/// 400 with the forms there are.
pub fn by_name(name: &str) -> Result<Shape, Problem> {
    Shape::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| {
        let names = Shape::ALL.map(Shape::name);
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", names.join(", ")),
        };
        let shown: String = name.chars().take(100).collect();
        Problem::parameter("format", format!("there is no format {shown:?}; {hint}"))
    })
}

/// The form that `Accept` likes best among those `offered`; JSON where it does not matter.
///
/// # Errors
/// 406 with the media types there are.
pub fn by_accept(headers: &HeaderMap, offered: &[Shape]) -> Result<Shape, Problem> {
    let ranges = accepted(headers);
    if ranges.is_empty() {
        return Ok(Shape::Json);
    }
    let rank = |shape: &Shape| {
        let (exact, quality) = quality(*shape, &ranges)?;
        // among equals a page for those who name it, JSON for those who take anything
        let favour = match shape {
            Shape::Html => u8::from(exact == 2) * 2,
            Shape::Json => 1,
            Shape::Rows(_) => 0,
        };
        Some((quality, exact, favour, *shape))
    };
    // the last of equals is the greatest, and that is to be the one offered first
    let ranked = offered.iter().rev().filter_map(rank).filter(|r| r.0 > 0);
    let best = ranked.max_by_key(|(quality, exact, favour, _)| (*quality, *exact, *favour));
    best.map(|(.., shape)| shape).ok_or_else(|| {
        let types: Vec<_> = offered.iter().map(|s| s.essence()).collect();
        Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            format!("there is none of the media types of Accept; there are {}", types.join(", ")),
        )
    })
}

/// True for a client that shows pages: one that takes HTML at least as gladly as JSON.
pub fn wants_page(headers: &HeaderMap) -> bool {
    by_accept(headers, &[Shape::Html, Shape::Json]).is_ok_and(|shape| shape == Shape::Html)
}

/// A media range with its quality in thousandths.
struct Range {
    media: String,
    quality: u16,
}

fn accepted(headers: &HeaderMap) -> Vec<Range> {
    let values = headers.get_all(header::ACCEPT).into_iter().filter_map(|v| v.to_str().ok());
    let ranges = values.flat_map(|v| v.split(',')).filter_map(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let media = pieces.next().filter(|m| !m.is_empty())?.to_ascii_lowercase();
        Some(Range { media, quality: thousandths(pieces) })
    });
    ranges.collect()
}

/// The `q` among parameters; 1 where there is none that can be read.
fn thousandths<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u16 {
    let q = parameters.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
    let q: Option<f32> = q.and_then(|q| q.trim().parse().ok());
    q.map_or(1000, |q| (q.clamp(0.0, 1.0) * 1000.0) as u16)
}

/// How exactly the ranges name a shape (2 by its type, 1 by `text/*`, 0 by `*/*`) and with what
/// quality: the most exact range counts.
fn quality(shape: Shape, ranges: &[Range]) -> Option<(u8, u16)> {
    let essence = shape.essence();
    let family = essence.split('/').next().unwrap_or_default();
    let exactness = |media: &str| {
        if media == essence || shape.synonyms().contains(&media) {
            Some(2)
        } else if media.strip_suffix("/*") == Some(family) {
            Some(1)
        } else {
            (media == "*/*" || media == "*").then_some(0)
        }
    };
    let matches = ranges.iter().filter_map(|r| Some((exactness(&r.media)?, r.quality)));
    matches.max()
}

/// True for a client that unpacks gzip.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
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
    fn the_best_of_accept_wins() {
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
            let found = by_accept(&headers(header::ACCEPT, accept), &Shape::ALL);
            assert_eq!(found.map(Shape::name), Ok(name), "{accept}");
        }
        assert_eq!(by_accept(&HeaderMap::new(), &Shape::ALL), Ok(Shape::Json));
    }

    #[test]
    fn what_is_not_there_is_refused_with_what_there_is() {
        for accept in ["image/png", "text/csv;q=0", "application/json;q=0, */*;q=0"] {
            let problem = by_accept(&headers(header::ACCEPT, accept), &Shape::ALL).unwrap_err();
            assert_eq!(problem.status, 406, "{accept}");
            assert!(problem.detail.contains("application/json, text/csv"), "{}", problem.detail);
        }
        let problem = by_name("cvs").unwrap_err();
        assert!(problem.detail.contains("csv?"), "{}", problem.detail);
    }

    #[test]
    fn gzip_goes_to_those_who_take_it() {
        for (value, takes) in [
            ("gzip, deflate, br", true),
            ("deflate", false),
            ("gzip;q=0", false),
            ("*", true),
            ("gzip;q=0, *", false),
            ("identity", false),
        ] {
            assert_eq!(takes_gzip(&headers(header::ACCEPT_ENCODING, value)), takes, "{value}");
        }
    }
}
