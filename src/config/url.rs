//! Warehouse URLs, which are only ever displayed without their secrets.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::secret_url::{SecretUrl, known_scheme};

/// A `warehouse.url`.
#[derive(Clone, PartialEq, Eq)]
pub enum WarehouseUrl {
    /// `embedded:FOLDER`
    Embedded(PathBuf),
    /// `postgres://user@host:port/db`, including its secrets.
    Postgres(SecretUrl),
    /// Any other text, which may contain secrets too; validation refuses it. The message says why.
    Unusable(String),
}

impl WarehouseUrl {
    pub fn parse(url: &str) -> Self {
        let url = url.trim();
        if let Some(folder) = url.strip_prefix("embedded:") {
            return WarehouseUrl::Embedded(folder.into());
        }
        match (known_scheme(url), url.parse()) {
            (Some("postgres" | "postgresql"), Ok(url)) => WarehouseUrl::Postgres(url),
            (Some("postgres" | "postgresql"), Err(error)) => {
                WarehouseUrl::Unusable(error.to_string())
            }
            (scheme, _) => {
                let begins = scheme.map(|scheme| format!("begins with {scheme:?}"));
                WarehouseUrl::Unusable(format!(
                    "the URL {}; expected embedded:FOLDER or postgres://user@host:port/db",
                    begins.as_deref().unwrap_or("has an unknown scheme")
                ))
            }
        }
    }

    /// True if the URL names a password.
    pub fn has_password(&self) -> bool {
        matches!(self, WarehouseUrl::Postgres(url) if url.has_password())
    }

    /// The text of a library or server without the secrets of this URL.
    pub fn scrub(&self, text: &str) -> String {
        match self {
            WarehouseUrl::Postgres(url) => url.scrub(text),
            WarehouseUrl::Embedded(_) | WarehouseUrl::Unusable(_) => text.to_owned(),
        }
    }

    /// # Errors
    /// An unsupported URL.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            WarehouseUrl::Embedded(folder) if folder.as_os_str().is_empty() => bail!(
                "warehouse.url = \"embedded:\" lacks a folder; for example embedded:data/warehouse"
            ),
            WarehouseUrl::Unusable(reason) => bail!("unsupported warehouse.url: {reason}"),
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
            WarehouseUrl::Postgres(url) => url.fmt(f),
            WarehouseUrl::Unusable(_) => f.write_str("***"),
        }
    }
}

impl fmt::Debug for WarehouseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
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
            assert!(url.has_password());
            for shown in [format!("{url}"), format!("{url:?}")] {
                assert!(!shown.contains("s3c") && !shown.contains("ret@"), "{shown}");
                assert!(shown.contains("host"), "{shown}");
            }
        }
        assert!(!WarehouseUrl::parse("postgres://me@host/db?user=me").has_password());
    }

    #[test]
    fn other_schemes_are_refused_without_quoting_the_url() {
        for (text, word) in [
            ("mysql://me:s3cret@host", "mysql"),
            ("s3cret:me@host", "unknown scheme"),
            ("postgres://me:12?s3cret@host/db", "%3F"),
            ("s3cret", "embedded:FOLDER"),
        ] {
            let url = WarehouseUrl::parse(text);
            let error = url.check().unwrap_err().to_string();
            assert!(error.contains(word) && !error.contains("s3cret"), "{error}");
            assert!(!format!("{url:?}").contains("s3cret"));
        }
        assert!(WarehouseUrl::parse("embedded:").check().is_err());
    }
}
