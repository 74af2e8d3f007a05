//! Links to other pages and forms of an answer.

use serde::Serialize;

use super::negotiate::Shape;
use super::params::Params;

/// Where an answer stands among its pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Links {
    #[serde(rename = "self")]
    pub this: String,
    pub next: Option<String>,
    pub prev: Option<String>,
}

/// Links of a page of `params.limit` rows out of `total`.
pub fn of(path: &str, shape: Shape, params: &Params, total: u64) -> Links {
    let limit = params.limit.unwrap_or(total);
    let at = |offset: u64| to(path, shape, &Params { offset, ..params.clone() });
    let next = params.offset.saturating_add(limit);
    Links {
        this: at(params.offset),
        next: (limit > 0 && next < total).then(|| at(next)),
        prev: (limit > 0 && params.offset > 0).then(|| at(params.offset.saturating_sub(limit))),
    }
}

/// A link to one form of the rows.
pub fn to(path: &str, shape: Shape, params: &Params) -> String {
    let rest = params.canonical();
    let join = if rest.is_empty() { "" } else { "&" };
    format!("{path}?format={}{join}{rest}", shape.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gaps() {
        let params = |offset| Params { limit: Some(10), offset, ..Params::default() };
        let links = of("/a", Shape::Json, &params(0), 25);
        assert_eq!(links.this, "/a?format=json&limit=10");
        assert_eq!(links.next.as_deref(), Some("/a?format=json&limit=10&offset=10"));
        assert_eq!(links.prev, None);
        let links = of("/a", Shape::Json, &params(20), 25);
        assert_eq!((links.next, links.prev.is_some()), (None, true));
        let links = of("/a", Shape::Json, &params(5), 25);
        assert_eq!(links.prev.as_deref(), Some("/a?format=json&limit=10"));
    }
}
