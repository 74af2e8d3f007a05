//! A text that can be used and compared but never displayed.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Value;

/// A password or token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for use and comparison; it must not be printed.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Never fails, because the message of a parse error would quote the line with the secret.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(text) => Secret(text),
            other => Secret(other.to_string()),
        })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_displayed() {
        assert_eq!(format!("{:?}", Secret::new("s3cret")), "***");
    }
}
