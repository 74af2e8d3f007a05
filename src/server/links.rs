//! Links to other pages and representations of a view or table.

use serde::Serialize;

use super::negotiation::Representation;
use super::params::Params;

/// Links of one page of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PageLinks {
    #[serde(rename = "self")]
    pub this: String,
    pub next: Option<String>,
    pub prev: Option<String>,
}

/// Links at `path` of a page of `params.limit` rows out of `total`.
pub fn page_links(
    path: &str,
    representation: Representation,
    params: &Params,
    total: u64,
) -> PageLinks {
    let limit = params.limit.unwrap_or(total);
    let at = |offset: u64| link(path, representation, &Params { offset, ..params.clone() });
    let next = params.offset.saturating_add(limit);
    PageLinks {
        this: at(params.offset),
        next: (limit > 0 && next < total).then(|| at(next)),
        prev: (limit > 0 && params.offset > 0).then(|| at(params.offset.saturating_sub(limit))),
    }
}

/// A link to one representation of the rows.
pub fn link(path: &str, representation: Representation, params: &Params) -> String {
    let rest = params.canonical();
    let join = if rest.is_empty() { "" } else { "&" };
    format!("{path}?format={}{join}{rest}", representation.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_pages_have_no_gaps() {
        let params = |offset| Params { limit: Some(10), offset, ..Params::default() };
        let links = page_links("/a", Representation::Json, &params(0), 25);
        assert_eq!(links.this, "/a?format=json&limit=10");
        assert_eq!(links.next.as_deref(), Some("/a?format=json&limit=10&offset=10"));
        assert_eq!(links.prev, None);
        let links = page_links("/a", Representation::Json, &params(20), 25);
        assert_eq!((links.next, links.prev.is_some()), (None, true));
        let links = page_links("/a", Representation::Json, &params(5), 25);
        assert_eq!(links.prev.as_deref(), Some("/a?format=json&limit=10"));
    }
}
