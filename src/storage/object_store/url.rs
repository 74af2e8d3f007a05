//! URLs of objects, which are displayed without their secrets.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use anyhow::{Context, Result, bail};
use object_store::path::Path;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::config::{SecretUrl, known_scheme};

/// Supported schemes.
const SCHEMES: [&str; 10] =
    ["s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl", "http", "https"];

/// What to do about names with two slashes in a row.
pub const EMPTY_PART: &str = "names of objects with an empty part between two slashes (//) cannot be read; \
     correct the URL, or copy the objects to names without it";

/// The URL of an object or of a prefix.
#[derive(Clone)]
pub struct ObjectUrl(SecretUrl);

impl ObjectUrl {
    /// True for a text that is a URL rather than a path.
    pub fn is_url(text: &str) -> bool {
        text.contains("://")
    }

    /// # Errors
    /// An unsupported scheme, a malformed URL, or one that contains credentials.
    pub fn parse(text: &str) -> Result<Self> {
        let Some(scheme) = known_scheme(text).filter(|scheme| SCHEMES.contains(scheme)) else {
            let begins = known_scheme(text).map(|scheme| format!("that begins with {scheme}://"));
            bail!(
                "a URL {} cannot be read; use s3://, gs://, az://, https:// or http://, or a path",
                begins.as_deref().unwrap_or("with an unknown scheme")
            );
        };
        let shown: SecretUrl = text.parse()?;
        let url = shown.reveal();
        if url.host_str().is_none_or(str::is_empty) {
            let missing = if is_http(scheme) { "host" } else { "bucket" };
            bail!("the {missing} is missing from a {scheme}:// URL");
        }
        let query = url.query().filter(|_| !is_http(scheme));
        if let Some(query) = query
            && !query.contains('=')
        {
            bail!("{shown}: a URL cannot contain a question mark; use * instead");
        }
        if !is_http(scheme) && url.fragment().is_some() {
            bail!("{shown}: a URL cannot contain #; write %23 instead");
        }
        if !is_http(scheme) && (url.password().is_some() || query.is_some()) {
            bail!(
                "{shown}: credentials do not belong in the URL; docs/object-stores.md lists the environment variables for them"
            );
        }
        Ok(ObjectUrl(shown))
    }

    /// The whole URL with its secrets, for requests. It must not be printed.
    pub fn reveal(&self) -> &Url {
        self.0.reveal()
    }

    /// The URL without user, password and query.
    pub fn redacted(&self) -> &str {
        self.0.redacted()
    }

    /// The text of a library or server without the secrets of this URL.
    pub fn scrub(&self, text: &str) -> String {
        self.0.scrub(text)
    }

    /// The name of the object in its bucket.
    ///
    /// # Errors
    /// An invalid object name.
    pub fn key(&self) -> Result<Path> {
        let path = self.reveal().path();
        if path.contains("//") {
            bail!("{self}: {EMPTY_PART}");
        }
        Path::from_url_path(path).with_context(|| format!("{self} is not a valid object name"))
    }

    /// True if the URL contains `*` or `[`, which are not written as `%2A` or `%5B`.
    pub fn has_wildcards(&self) -> bool {
        self.reveal().path().contains(['*', '['])
    }

    /// The name of the object as a glob, in which characters that are written as `%2A`, `%3F`, `%5B` and
    /// `%5D` stand for themselves.
    pub fn glob(&self) -> String {
        let mut glob = self.reveal().path().trim_start_matches('/').to_owned();
        for (hexadecimal, literal) in
            [("%2a", "[*]"), ("%3f", "[?]"), ("%5b", "[[]"), ("%5d", "[]]")]
        {
            glob = glob.replace(hexadecimal, literal);
            glob = glob.replace(&hexadecimal.to_uppercase(), literal);
        }
        percent_decode_str(glob.trim_end_matches('/')).decode_utf8_lossy().into_owned()
    }

    /// Another object of the same bucket.
    pub fn with_key(&self, key: &Path) -> Self {
        let mut url = self.reveal().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(key.parts());
        }
        ObjectUrl(url.into())
    }

    /// True for a web server, which cannot list objects.
    pub fn is_http(&self) -> bool {
        is_http(self.reveal().scheme())
    }
}

fn is_http(scheme: &str) -> bool {
    matches!(scheme, "http" | "https")
}

impl fmt::Display for ObjectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.redacted())
    }
}

impl fmt::Debug for ObjectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.redacted())
    }
}

// a renewed signature does not make it another object
impl PartialEq for ObjectUrl {
    fn eq(&self, other: &Self) -> bool {
        self.redacted() == other.redacted()
    }
}

impl Eq for ObjectUrl {}

impl PartialOrd for ObjectUrl {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ObjectUrl {
    fn cmp(&self, other: &Self) -> Ordering {
        self.redacted().cmp(other.redacted())
    }
}

impl Hash for ObjectUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.redacted().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_characters_and_brackets_can_be_literal() {
        for (text, key) in [
            ("s3://b/a b%20c/100%25+1.parquet", "a b c/100%+1.parquet"),
            ("s3://b/day%5B2%5D/x%3F.csv/", "day[2]/x?.csv"),
            ("s3://b/date=2024-10-01/\u{f5}%C3%B5", "date=2024-10-01/\u{f5}\u{f5}"),
        ] {
            let url = ObjectUrl::parse(text).unwrap();
            let found = url.key().unwrap();
            assert_eq!((found.as_ref(), url.has_wildcards()), (key, false));
            assert_eq!(url.with_key(&found).key().unwrap(), found);
        }
        let url = ObjectUrl::parse("s3://b/day%5B2%5d/*.p[aq]%2A/").unwrap();
        assert!(url.has_wildcards());
        assert_eq!(url.glob(), "day[[]2[]]/*.p[aq][*]");
        let twice = ObjectUrl::parse("s3://b/events//day").unwrap().key().unwrap_err().to_string();
        assert!(twice.contains("s3://b/events//day") && twice.contains("(//)"), "{twice}");
    }

    #[test]
    fn a_url_is_displayed_without_secrets() {
        let shown = |text: &str| ObjectUrl::parse(text).map(|url| format!("{url} {url:?}"));
        let twice = |text: &str| format!("{text} {text}");
        let signed = "https://me:s3cret@host:8443/a/b%20c.parquet?X-Amz-Signature=s3cret";
        assert_eq!(shown(signed).unwrap(), twice("https://host:8443/a/b c.parquet"));
        assert_eq!(
            shown("s3://bucket/a/date=2024-10-01").unwrap(),
            twice("s3://bucket/a/date=2024-10-01")
        );
        assert_eq!(
            shown("abfss://box@account.dfs.core.windows.net/a").unwrap(),
            twice("abfss://box@account.dfs.core.windows.net/a")
        );
        for (odd, remedy) in [("s3://bucket/day?/a", "use *"), ("s3://bucket/a#b", "%23")] {
            let error = format!("{:#}", ObjectUrl::parse(odd).unwrap_err());
            assert!(error.contains(remedy), "{error}");
        }
        for wrong in
            ["s3://key:s3cret@bucket/a", "s3://bucket/a?k=s3cret", "ftp://me:s3cret@h/a", "s3:///a"]
        {
            let error = format!("{:#}", ObjectUrl::parse(wrong).unwrap_err());
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
