//! Values of keys that may be written in several forms.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

/// A string or a list of strings.
pub fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a path, or a list of paths")]
    enum OneOrMany {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    let paths = match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(path) => vec![path],
        OneOrMany::Many(paths) => paths,
    };
    Ok(paths.into_iter().map(|p| p.to_string_lossy().into_owned()).collect())
}

/// A name, or a number that stands for itself.
pub fn name_or_code<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a name such as \"EPSG:3301\", or the number of an EPSG code")]
    enum NameOrCode {
        Name(String),
        Code(u32),
    }
    Ok(Some(match NameOrCode::deserialize(deserializer)? {
        NameOrCode::Name(name) => name,
        NameOrCode::Code(code) => code.to_string(),
    }))
}
