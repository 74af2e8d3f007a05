//! Warehouse URLs, which are only ever displayed without their password.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A `warehouse.url`.
#[derive(Clone, PartialEq, Eq)]
pub enum WarehouseUrl {
    /// `embedded:FOLDER`
    Embedded(PathBuf),
    /// `postgres://user@host:port/db`, including its secrets.
    Postgres(String),
    /// Any other text, which may contain secrets too; validation refuses it.
    Unknown(String),
}

impl WarehouseUrl {
    pub fn parse(url: &str) -> Self {
        if let Some(folder) = url.strip_prefix("embedded:") {
            WarehouseUrl::Embedded(folder.into())
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            WarehouseUrl::Postgres(url.to_owned())
        } else {
            WarehouseUrl::Unknown(url.to_owned())
        }
    }

    /// # Errors
    /// An unsupported URL.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            WarehouseUrl::Embedded(folder) if folder.as_os_str().is_empty() => bail!(
                "warehouse.url = \"embedded:\" lacks a folder; for example embedded:data/warehouse"
            ),
            WarehouseUrl::Unknown(_) => bail!(
                "unsupported warehouse.url, which starts with {self}; expected embedded:FOLDER or postgres://user@host:port/db"
            ),
            _ => Ok(()),
        }
    }
}

/// Never fails, because the message of a parse error would quote the line with the password.
impl<'de> Deserialize<'de> for WarehouseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(WarehouseUrl::parse(&String::deserialize(deserializer)?))
    }
}

impl Serialize for WarehouseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for WarehouseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WarehouseUrl::Embedded(folder) => write!(f, "embedded:{}", folder.display()),
            WarehouseUrl::Postgres(url) => f.write_str(&redacted(url)),
            WarehouseUrl::Unknown(url) => {
                write!(f, "{:?}", url.split_once(':').map_or("", |(scheme, _)| scheme))
            }
        }
    }
}

impl fmt::Debug for WarehouseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text with `***` in place of the password of every URL in it.
pub fn without_passwords(text: &str) -> String {
    let word_ends = |c: char| c.is_whitespace() || c == '"' || c == '\'';
    let words = text.split_inclusive(word_ends);
    words.map(|w| if w.contains("://") { redacted(w) } else { w.to_owned() }).collect()
}

/// The URL with `***` in place of its password, before the host or among the parameters. In other
/// than PostgreSQL URLs every parameter is masked, because each object store names its signature
/// differently.
fn redacted(url: &str) -> String {
    let is_postgres = url.contains("postgres://") || url.contains("postgresql://");
    let (rest, query) = url.split_once('?').map_or((url, None), |(r, q)| (r, Some(q)));
    let mut shown = match rest.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((who, place)) => match who.split_once(':') {
                Some((user, _)) => format!("{scheme}://{user}:***@{place}"),
                None => format!("{scheme}://{who}@{place}"),
            },
            None => format!("{scheme}://{rest}"),
        },
        None => "***".to_owned(),
    };
    if let Some(query) = query {
        let hidden = query.split('&').map(|pair| match pair.split_once('=') {
            Some((key, _)) if !is_postgres || key.contains("pass") => format!("{key}=***"),
            _ => pair.to_owned(),
        });
        shown.push('?');
        shown.push_str(&hidden.collect::<Vec<_>>().join("&"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_displayed() {
        for url in [
            "postgres://me:s3cret@host:5432/db",
            "postgres://me:s3c@ret@host/db",
            "postgresql://host/db?user=me&password=s3cret&sslmode=require",
            "postgres://me:s3cret@host/db?sslpassword=s3cret",
        ] {
            let url = WarehouseUrl::parse(url);
            for shown in [format!("{url}"), format!("{url:?}")] {
                assert!(!shown.contains("s3c") && !shown.contains("ret@"), "{shown}");
                assert!(shown.contains("host"), "{shown}");
            }
        }
    }

    #[test]
    fn other_schemes_are_refused_without_quoting_the_url() {
        let url = WarehouseUrl::parse("mysql://me:s3cret@host");
        let error = url.check().unwrap_err().to_string();
        assert!(error.contains("mysql") && !error.contains("s3cret"), "{error}");
        assert!(!format!("{url:?}").contains("s3cret"));
        assert!(WarehouseUrl::parse("embedded:").check().is_err());
    }
}
