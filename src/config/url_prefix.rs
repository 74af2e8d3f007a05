//! The part of a URL path before the routes of the server.

use std::fmt;

/// Characters of a segment besides letters and digits. None of them can end a header, an attribute or the
/// path, or name another server.
const PUNCTUATION: &[u8] = b"-._~@+";
/// Longest prefix in bytes.
const MAX_BYTES: usize = 200;

/// A path such as `/mobility`, without a slash at its end; empty when the routes begin at the root.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct UrlPrefix(String);

impl UrlPrefix {
    /// Reads a path with or without a slash at its end. `None` unless it begins with a single slash and
    /// consists of segments of letters, digits and `-._~@+`.
    pub fn parse(text: &str) -> Option<Self> {
        let path = text.strip_suffix('/').unwrap_or(text);
        if path.is_empty() {
            return (text == "/").then(UrlPrefix::default);
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || PUNCTUATION.contains(&byte);
        let is_segment =
            |segment: &str| !["", ".", ".."].contains(&segment) && segment.bytes().all(is_plain);
        let is_valid =
            path.len() <= MAX_BYTES && path.strip_prefix('/')?.split('/').all(is_segment);
        is_valid.then(|| UrlPrefix(path.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first segment; empty if there is none.
    pub fn first_segment(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }

    /// What remains of a path without the prefix: `/` for the prefix itself. `None` for paths outside, and
    /// if the prefix is empty.
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        match path.strip_prefix(&self.0).filter(|_| !self.is_empty())? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }

    /// This prefix followed by another one, which it may end with already.
    pub fn followed_by(&self, inner: &UrlPrefix) -> Self {
        match self.0.ends_with(&inner.0) {
            true => self.clone(),
            false => UrlPrefix(format!("{self}{inner}")),
        }
    }
}

impl fmt::Display for UrlPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slash_at_the_end_makes_no_difference() {
        for text in ["/mobility", "/mobility/"] {
            assert_eq!(UrlPrefix::parse(text).unwrap().as_str(), "/mobility");
        }
        assert_eq!(UrlPrefix::parse("/a/b.c_d~e@f+1/").unwrap().as_str(), "/a/b.c_d~e@f+1");
        assert!(UrlPrefix::parse("/").unwrap().is_empty());
    }

    #[test]
    fn prefixes_that_could_lead_elsewhere_are_refused() {
        let long = format!("/{}", "a".repeat(MAX_BYTES));
        for text in [
            "",
            "mobility",
            "//evil.example",
            "/a//b",
            "/a//",
            "///",
            "/.",
            "/..",
            "/a/../b",
            "/\\evil",
            "/a\\b",
            "\\evil",
            "https://evil.example",
            "/a:80",
            "/a b",
            " /a",
            "/a ",
            "/a\r\nSet-Cookie: x",
            "/a\n",
            "/a\0",
            "/a%2f",
            "/a%0d%0a",
            "/a?b",
            "/a#b",
            "/a;b",
            "/a\"b",
            "/a'b",
            "/a<b",
            "/a&b",
            "/ä",
            "/a,/b",
            &long,
        ] {
            assert_eq!(UrlPrefix::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn whole_segments_are_stripped() {
        let prefix = UrlPrefix::parse("/a/b").unwrap();
        for (path, rest) in [
            ("/a/b", Some("/")),
            ("/a/b/", Some("/")),
            ("/a/b/lau?x", Some("/lau?x")),
            ("/a/bc", None),
            ("/a", None),
            ("/lau", None),
        ] {
            assert_eq!(prefix.strip(path), rest, "{path}");
        }
        assert_eq!(UrlPrefix::default().strip("/lau"), None);
        assert_eq!(prefix.first_segment(), "a");
    }
}
