//! Where a client sees the routes of this server, which decides how links are written.
//!
//! Behind a reverse proxy they may be below a prefix: that of `serve.base_path`, or the one that a trusted
//! proxy states in `X-Forwarded-Prefix`. Links then begin with it. Without a known prefix, links in
//! documents begin at the root, and those on pages are relative, so that they lead to the right place below
//! any prefix that a proxy removes.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

use crate::config::UrlPrefix;

/// The place of the routes as one client sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// `None` if nobody states it.
    prefix: Option<UrlPrefix>,
    /// Stated by a proxy, and thus possibly different with every request.
    is_forwarded: bool,
    /// Folders between the root and the requested path: 1 for `/tables/lau`.
    depth: usize,
}

impl Site {
    /// The site of a request, and the path of the route if that differs from the requested path: the
    /// prefix is removed from it, unless a proxy has done so. `is_route` tells whether the first segment
    /// of a path belongs to a route, which is then not part of a prefix that only a proxy states.
    pub fn of<'a>(
        path: &'a str,
        base: Option<&UrlPrefix>,
        forwarded: Option<UrlPrefix>,
        is_route: impl Fn(&str) -> bool,
    ) -> (Self, Option<&'a str>) {
        let by_base = base.and_then(|base| Some((base, base.strip(path)?)));
        let by_proxy = || {
            let prefix = forwarded.as_ref().filter(|prefix| !is_route(prefix.first_segment()))?;
            prefix.strip(path)
        };
        let is_forwarded = forwarded.is_some();
        let (prefix, rest) = match by_base {
            Some((base, rest)) => {
                let outer = forwarded.clone().unwrap_or_default();
                (Some(outer.followed_by(base)), Some(rest))
            }
            None => (forwarded.clone().or_else(|| base.cloned()), by_proxy()),
        };
        let depth = rest.unwrap_or(path).matches('/').count().saturating_sub(1);
        (Site { prefix, is_forwarded, depth }, rest)
    }

    /// The path of a route for clients, such as `/mobility/users-per-lau`.
    pub fn path(&self, route: &str) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}{route}"),
            None => route.to_owned(),
        }
    }

    /// The URL of the server, to which the paths of routes are appended.
    pub fn server_url(&self) -> String {
        match &self.prefix {
            Some(prefix) if !prefix.is_empty() => prefix.to_string(),
            _ => "/".to_owned(),
        }
    }

    /// What links on a page begin with: `/mobility/`, or `../` relative to the requested path.
    pub fn root(&self) -> String {
        match (&self.prefix, self.depth) {
            (Some(prefix), _) => format!("{prefix}/"),
            (None, 0) => "./".to_owned(),
            (None, depth) => "../".repeat(depth),
        }
    }

    /// The link to a route on a page.
    pub fn href(&self, route: &str) -> String {
        format!("{}{}", self.root(), route.strip_prefix('/').unwrap_or(route))
    }

    /// True if a proxy states the prefix, so that there may be any number of different sites.
    pub fn is_forwarded(&self) -> bool {
        self.is_forwarded
    }
}

/// The URI with another path.
pub fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{path}{query}")).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Option<UrlPrefix> {
        (!text.is_empty()).then(|| UrlPrefix::parse(text).unwrap())
    }

    #[test]
    fn prefix_is_removed_once_and_links_lead_to_where_the_client_is() {
        // serve.base_path, X-Forwarded-Prefix and path give the route, a path and a link
        for (base, forwarded, path, route, shown, href) in [
            ("", "", "/lau", "/lau", "/x", "./x"),
            ("", "", "/tables/lau", "/tables/lau", "/x", "../x"),
            ("/", "", "/tables/lau", "/tables/lau", "/x", "/x"),
            // the proxy passes the path on
            ("/m", "", "/m/lau", "/lau", "/m/x", "/m/x"),
            ("/m", "", "/m", "/", "/m/x", "/m/x"),
            ("/m", "", "/m/", "/", "/m/x", "/m/x"),
            ("/m", "", "/mm", "/mm", "/m/x", "/m/x"),
            // the proxy removes the prefix
            ("/m", "", "/lau", "/lau", "/m/x", "/m/x"),
            ("", "/m", "/lau", "/lau", "/m/x", "/m/x"),
            ("/m", "/m", "/lau", "/lau", "/m/x", "/m/x"),
            ("/m", "/", "/lau", "/lau", "/x", "/x"),
            // it states the prefix, and passes the path on
            ("", "/m", "/m/lau", "/lau", "/m/x", "/m/x"),
            ("/m", "/m", "/m/lau", "/lau", "/m/x", "/m/x"),
            ("", "/tables", "/tables/lau", "/tables/lau", "/tables/x", "/tables/x"),
            // one proxy before another one
            ("/m", "/a", "/m/lau", "/lau", "/a/m/x", "/a/m/x"),
            ("/m", "/a/m", "/m/lau", "/lau", "/a/m/x", "/a/m/x"),
            ("/m", "/a", "/lau", "/lau", "/a/x", "/a/x"),
        ] {
            let is_route = |segment: &str| segment == "tables";
            let (base_path, stated) = (prefix(base), prefix(forwarded));
            let (site, rest) = Site::of(path, base_path.as_ref(), stated, is_route);
            let got = (rest.unwrap_or(path), site.path("/x"), site.href("/x"));
            assert_eq!(got, (route, shown.into(), href.into()), "{base:?} {forwarded:?} {path}");
        }
    }

    #[test]
    fn path_is_replaced_in_every_form_of_uri() {
        for (uri, replaced) in [
            ("/m/lau?limit=1", "/lau?limit=1"),
            ("http://localhost:1/m/lau", "http://localhost:1/lau"),
        ] {
            assert_eq!(with_path(&uri.parse().unwrap(), "/lau").unwrap().to_string(), replaced);
        }
    }
}
