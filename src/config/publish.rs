//! The section `[publish]`: who reads, and what counts as few devices.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::publication::{Thresholds, Zeros};

/// Thresholds up to which tables are not emptied altogether by a slip of the finger.
const MAX_DEVICES: u64 = 1_000_000;

/// Who reads what the program shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Exact numbers from the warehouse
    #[default]
    Analyst,
    /// Released numbers alone
    Public,
}

impl Audience {
    /// The name in configuration and flags.
    pub fn name(self) -> &'static str {
        match self {
            Audience::Analyst => "analyst",
            Audience::Public => "public",
        }
    }
}

/// The areas of released numbers, from small to large.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Deserialize,
    Serialize,
    ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Areas {
    /// Local administrative units
    #[default]
    Lau,
    /// NUTS 3 regions
    Nuts3,
    /// NUTS 2 regions
    Nuts2,
    /// NUTS 1 regions
    Nuts1,
}

impl Areas {
    pub const ALL: [Areas; 4] = [Areas::Lau, Areas::Nuts3, Areas::Nuts2, Areas::Nuts1];

    /// The name in configuration, flags and columns.
    pub fn name(self) -> &'static str {
        match self {
            Areas::Lau => "lau",
            Areas::Nuts3 => "nuts3",
            Areas::Nuts2 => "nuts2",
            Areas::Nuts1 => "nuts1",
        }
    }

    /// The name in texts.
    pub fn title(self) -> &'static str {
        match self {
            Areas::Lau => "LAU",
            Areas::Nuts3 => "NUTS 3",
            Areas::Nuts2 => "NUTS 2",
            Areas::Nuts1 => "NUTS 1",
        }
    }

    /// Characters of a code; `None` for LAUs, which have an id of their own.
    pub fn code_length(self) -> Option<usize> {
        match self {
            Areas::Lau => None,
            Areas::Nuts3 => Some(5),
            Areas::Nuts2 => Some(4),
            Areas::Nuts1 => Some(3),
        }
    }
}

/// The shortest periods of released numbers about areas, from short to long.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Deserialize,
    Serialize,
    ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum ReleasePeriod {
    /// Dates, nights and hours, as the views have them
    #[default]
    Day,
    /// Weeks from Monday on
    Week,
    /// Calendar months
    Month,
}

impl ReleasePeriod {
    pub const ALL: [ReleasePeriod; 3] =
        [ReleasePeriod::Day, ReleasePeriod::Week, ReleasePeriod::Month];

    /// The name in configuration, flags and columns.
    pub fn name(self) -> &'static str {
        match self {
            ReleasePeriod::Day => "day",
            ReleasePeriod::Week => "week",
            ReleasePeriod::Month => "month",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Publish {
    /// What commands show without `--audience`.
    pub audience: Audience,
    /// The smallest number of devices that is released.
    pub min_devices: u64,
    /// Areas with fewer devices in a month are withheld as a whole; 0 for none.
    pub min_area_devices: u64,
    /// The areas of released numbers.
    pub areas: Areas,
    /// Their shortest period.
    pub period: ReleasePeriod,
    /// What is done with zeros in views that have a row for every key.
    pub zeros: Zeros,
    /// Whether the cell plan may be released.
    pub cells: bool,
    /// Folder of what was released.
    pub store: PathBuf,
}

impl Default for Publish {
    fn default() -> Self {
        let Thresholds { min_devices, zeros } = Thresholds::default();
        Publish {
            audience: Audience::default(),
            min_devices,
            min_area_devices: 0,
            areas: Areas::default(),
            period: ReleasePeriod::default(),
            zeros,
            cells: false,
            store: "data/published".into(),
        }
    }
}

impl Publish {
    /// What counts as few.
    pub fn thresholds(&self) -> Thresholds {
        Thresholds { min_devices: self.min_devices, zeros: self.zeros }
    }

    /// # Errors
    /// A value outside its range.
    pub fn check(&self) -> Result<()> {
        if !(2..=MAX_DEVICES).contains(&self.min_devices) {
            bail!(
                "publish.min_devices = {}: expected 2 to {MAX_DEVICES}; with 2, counts of one device are withheld",
                self.min_devices
            );
        }
        if self.min_area_devices > MAX_DEVICES {
            bail!(
                "publish.min_area_devices = {}: expected 0 to {MAX_DEVICES}; with 0, no area is withheld as a whole",
                self.min_area_devices
            );
        }
        let store = self.store.to_string_lossy();
        if store.is_empty() || store.contains("://") {
            bail!(
                "publish.store = {store:?}: expected a folder on this machine, such as data/published"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(toml: &str) -> String {
        let publish: Publish = toml::from_str(toml).unwrap();
        publish.check().unwrap_err().to_string()
    }

    #[test]
    fn values_out_of_range_are_refused_by_the_name_of_their_key() {
        assert!(Publish::default().check().is_ok());
        assert!(error("min_devices = 1").starts_with("publish.min_devices = 1: expected 2"));
        assert!(
            error("min_area_devices = 2000000").starts_with("publish.min_area_devices = 2000000")
        );
        assert!(error("store = \"\"").starts_with("publish.store = \"\""));
        assert!(error("store = \"s3://bucket/released\"").contains("a folder on this machine"));
        let publish: Publish = toml::from_str("zeros = \"hide\"\naudience = \"public\"").unwrap();
        assert_eq!((publish.zeros, publish.audience), (Zeros::Hide, Audience::Public));
    }
}
