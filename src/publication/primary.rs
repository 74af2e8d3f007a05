//! Which numbers are about so few devices that they are withheld for their own sake.

use serde::{Deserialize, Serialize};

/// What is done with zeros in tables that have a row for every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zeros {
    #[default]
    Show,
    /// Zeros are withheld like small counts.
    Hide,
}

/// What counts as few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// The smallest number of devices that may be published.
    pub min_devices: u64,
    pub zeros: Zeros,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds { min_devices: 16, zeros: Zeros::Show }
    }
}

/// Why a number is withheld for its own sake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It counts at least one device, but fewer than the threshold.
    FewDevices,
    /// It is zero, and zeros are withheld.
    Zero,
    /// One device gives more than half of the sum.
    Dominated,
    /// It belongs to an area that is withheld as a whole.
    SmallArea,
    /// The difference to a number that contains it is about few devices.
    Close,
    /// It is computed from a count that is withheld for its own sake.
    Derived,
}

/// A number that is withheld for its own sake, and the values that an outsider must hold possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Primary {
    pub reason: Reason,
    /// Least and greatest value that must be possible; `None` if another cell is audited in its place.
    pub needed: Option<(f64, f64)>,
}

impl Thresholds {
    /// Judges a count of devices that an outsider knows to be at least `lower` where it is withheld.
    pub(super) fn count(self, devices: u64, lower: f64) -> Option<Primary> {
        let reason = match devices {
            0 => Reason::Zero,
            n if n < self.min_devices => Reason::FewDevices,
            _ => return None,
        };
        let high = self.min_devices.saturating_sub(1) as f64;
        Some(Primary { reason, needed: Some((lower, high)) })
    }
}

/// Judges a sum of events or trips, of which the device with the most gives `largest`.
pub(super) fn sum(value: u64, largest: u64) -> Option<Primary> {
    let is_dominated = u128::from(largest) * 2 > u128::from(value);
    let value = value as f64;
    is_dominated
        .then_some(Primary { reason: Reason::Dominated, needed: Some((value / 2.0, value * 1.5)) })
}
