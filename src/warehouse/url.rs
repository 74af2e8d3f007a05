//! Warehouse URLs, which can only be displayed without their password.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};

/// A parsed `warehouse.url`.
#[derive(Clone, PartialEq, Eq)]
pub enum WarehouseUrl {
    /// `embedded:FOLDER`
    Embedded(PathBuf),
    /// `postgres://user@host:port/db`, whole, with its secrets.
    Postgres(String),
}

impl WarehouseUrl {
    /// # Errors
    /// Neither of the two kinds.
    pub fn parse(url: &str) -> Result<Self> {
        if let Some(folder) = url.strip_prefix("embedded:") {
            if folder.is_empty() {
                bail!(
                    "warehouse.url = \"embedded:\" names no folder; for example embedded:data/warehouse"
                );
            }
            return Ok(WarehouseUrl::Embedded(folder.into()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(WarehouseUrl::Postgres(url.to_owned()));
        }
        let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
        bail!(
            "warehouse.url starts with {scheme:?}; write embedded:FOLDER or postgres://user@host:port/db"
        )
    }
}

impl fmt::Display for WarehouseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WarehouseUrl::Embedded(folder) => write!(f, "embedded:{}", folder.display()),
            WarehouseUrl::Postgres(url) => f.write_str(&redacted(url)),
        }
    }
}

impl fmt::Debug for WarehouseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The URL with `***` for its password, before the host or among the parameters.
fn redacted(url: &str) -> String {
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
            Some((key, _)) if key.contains("pass") => format!("{key}=***"),
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
            let url = WarehouseUrl::parse(url).unwrap();
            for shown in [format!("{url}"), format!("{url:?}")] {
                assert!(!shown.contains("s3c") && !shown.contains("ret@"), "{shown}");
                assert!(shown.contains("host"), "{shown}");
            }
        }
    }

    #[test]
    fn other_schemes_are_refused_without_repeating_them_whole() {
        let error = WarehouseUrl::parse("mysql://me:s3cret@host").unwrap_err().to_string();
        assert!(error.contains("mysql") && !error.contains("s3cret"), "{error}");
        assert!(WarehouseUrl::parse("embedded:").is_err());
    }
}
