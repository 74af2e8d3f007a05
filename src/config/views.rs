//! The section `views`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Value;

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Views {
    /// Folder of the user's view files, which add to the views built into the program.
    pub dir: Option<PathBuf>,
    /// False to leave out the views built into the program.
    pub builtin: bool,
    /// Dates with snapshot views of their own.
    #[serde(deserialize_with = "snapshot_dates")]
    pub snapshot_dates: Vec<SnapshotDate>,
}

impl Default for Views {
    fn default() -> Self {
        let date = NaiveDate::from_ymd_opt(2024, 10, 1).map(SnapshotDate::Day);
        Views { dir: None, builtin: true, snapshot_dates: date.into_iter().collect() }
    }
}

/// The date of a snapshot view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SnapshotDate {
    Day(NaiveDate),
    /// The newest date that is loaded, whichever that is.
    Newest,
}

impl SnapshotDate {
    const NEWEST: &str = "newest";
}

/// As it is written in the config and in names of views.
impl fmt::Display for SnapshotDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SnapshotDate::Day(day) => day.fmt(f),
            SnapshotDate::Newest => f.write_str(Self::NEWEST),
        }
    }
}

impl FromStr for SnapshotDate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == Self::NEWEST {
            return Ok(SnapshotDate::Newest);
        }
        NaiveDate::parse_from_str(text, "%Y-%m-%d").map(SnapshotDate::Day).map_err(|_| {
            format!("{text} is not a date; expected the form \"2024-10-01\", or \"newest\"")
        })
    }
}

impl Serialize for SnapshotDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A date as text or as TOML date, the word `newest`, or a list of these.
fn snapshot_dates<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SnapshotDate>, D::Error> {
    let values = match Value::deserialize(deserializer)? {
        Value::Array(values) => values,
        single => vec![single],
    };
    let date = |value: &Value| {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text.parse().map_err(D::Error::custom)
    };
    let mut dates: Vec<SnapshotDate> = values.iter().map(date).collect::<Result<_, _>>()?;
    // a date that is named twice has one view
    let mut seen = Vec::new();
    dates.retain(|date| {
        !seen.contains(date) && {
            seen.push(*date);
            true
        }
    });
    Ok(dates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(toml: &str) -> Result<Vec<String>, String> {
        let views: Result<Views, _> = toml::from_str(&format!("snapshot_dates = {toml}"));
        let texts = |views: Views| views.snapshot_dates.iter().map(ToString::to_string).collect();
        views.map(texts).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn snapshot_dates_are_dates_or_the_word_newest() {
        assert_eq!(dates("\"newest\"").unwrap(), ["newest"]);
        assert_eq!(dates("2024-10-01").unwrap(), ["2024-10-01"]);
        assert_eq!(
            dates("[\"2024-10-01\", \"newest\", \"2024-10-01\"]").unwrap(),
            ["2024-10-01", "newest"]
        );
        assert!(dates("[]").unwrap().is_empty());
        assert!(dates("[\"latest\"]").unwrap_err().contains("\"newest\""));
        assert!(dates("[20241001]").unwrap_err().contains("20241001 is not a date"));
    }
}
