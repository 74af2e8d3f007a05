//! The sections of measures beyond counting: where people live and work (`anchors`, `calendar`), who is
//! present (`present`), and weights to the population (`weights`).

use std::fmt;

use anyhow::{Result, bail};
use chrono::NaiveDate;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Value;

/// Shares have at most four decimal places, so that they are compared as whole ten-thousandths.
const TEN_THOUSANDTHS: f64 = 10_000.0;
/// Days that a window of days may have.
const MAX_WINDOW_DAYS: u32 = 366;

/// The dates over which the places of a device are looked at together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Window {
    #[default]
    Month,
    /// So many days, counted from Monday, 5 January 1970.
    Days(u32),
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::Month => f.write_str("month"),
            Window::Days(days) => days.fmt(f),
        }
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Window::Month => serializer.serialize_str("month"),
            Window::Days(days) => serializer.serialize_u32(*days),
        }
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let days = match &value {
            Value::String(text) if text == "month" => return Ok(Window::Month),
            Value::String(text) => text.parse().ok(),
            Value::Integer(days) => u32::try_from(*days).ok(),
            _ => None,
        };
        match days.filter(|days| (1..=MAX_WINDOW_DAYS).contains(days)) {
            Some(days) => Ok(Window::Days(days)),
            None => Err(D::Error::custom(format!(
                "{value} is not a window; expected \"month\", or a number of days from 1 to {MAX_WINDOW_DAYS}, \
                 for example 28"
            ))),
        }
    }
}

/// Night places, homes and work places.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Anchors {
    pub window: Window,
    /// First clock hour of the night, 12 to 23.
    pub night_start: u32,
    /// First clock hour after the night, on the next date, 1 to 12.
    pub night_end: u32,
    /// Nights in a LAU that a home needs in a window.
    pub min_nights: u32,
    /// Share of the nights in any LAU that the LAU of the home needs.
    pub home_share: f64,
    /// First clock hour and first hour after the hours of work.
    pub work_start: u32,
    pub work_end: u32,
    /// Clock hours with presence at a site for which a workday counts there.
    pub work_min_hours: u32,
    /// Workdays with presence in the hours of work that a work place needs in a window.
    pub work_min_days: u32,
    /// Share of these days that must count at the site.
    pub work_share: f64,
    /// Sites within this distance of a home or night location are no work place, metres.
    pub work_min_distance_m: f64,
}

impl Default for Anchors {
    fn default() -> Self {
        Anchors {
            window: Window::Month,
            night_start: 22,
            night_end: 7,
            min_nights: 10,
            home_share: 0.5,
            work_start: 9,
            work_end: 17,
            work_min_hours: 2,
            work_min_days: 8,
            // a third: with four places it is the same for fewer than 10,000 days
            work_share: 0.333_3,
            work_min_distance_m: 1_000.0,
        }
    }
}

/// Days on which people do not work.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calendar {
    /// Public holidays; Saturdays and Sundays are none.
    #[serde(deserialize_with = "dates")]
    pub holidays: Vec<NaiveDate>,
}

/// Who is where at the full hour.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Present {
    /// Longest time between the full hour and the event that tells where a device is, seconds, up to an hour.
    pub window_s: u32,
}

impl Default for Present {
    fn default() -> Self {
        Present { window_s: 3_600 }
    }
}

/// Weights from devices to the population.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// Devices with a home in a LAU that a weight needs.
    pub min_devices: u32,
    /// Greatest number of people that a device may stand for.
    pub max_weight: f64,
    /// Share of the devices with a home that an estimate needs to cover.
    pub min_coverage: f64,
    /// Standard deviations on either side in an interval.
    pub interval_z: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Weights { min_devices: 16, max_weight: 100.0, min_coverage: 0.8, interval_z: 1.96 }
    }
}

/// A share as whole ten-thousandths.
pub fn ten_thousandths(share: f64) -> u32 {
    (share * TEN_THOUSANDTHS).round() as u32
}

/// Checks the values of the sections.
///
/// # Errors
/// The first key with a value that is not allowed.
pub fn validate(anchors: &Anchors, present: &Present, weights: &Weights) -> Result<()> {
    let Anchors { night_start, night_end, work_start, work_end, .. } = *anchors;
    if !(12..=23).contains(&night_start) || !(1..=12).contains(&night_end) {
        bail!(
            "anchors.night_start = {night_start} and anchors.night_end = {night_end}: a night begins at an \
             hour from 12 to 23 and ends on the next date at an hour from 1 to 12"
        );
    }
    if work_start >= work_end || work_end > 24 {
        bail!(
            "anchors.work_start = {work_start} and anchors.work_end = {work_end}: the start must be before the \
             end, both from 0 to 24"
        );
    }
    for (key, share) in [
        ("anchors.home_share", anchors.home_share),
        ("anchors.work_share", anchors.work_share),
        ("weights.min_coverage", weights.min_coverage),
    ] {
        let exact = (share * TEN_THOUSANDTHS - (share * TEN_THOUSANDTHS).round()).abs() < 1e-6;
        if !(0.0..=1.0).contains(&share) || !exact {
            bail!("{key} = {share}: expected a share from 0 to 1 with at most four decimal places");
        }
    }
    for (key, number) in [
        ("anchors.min_nights", anchors.min_nights),
        ("anchors.work_min_hours", anchors.work_min_hours),
        ("anchors.work_min_days", anchors.work_min_days),
        ("weights.min_devices", weights.min_devices),
    ] {
        if number == 0 {
            bail!("{key} = 0: at least 1 is needed");
        }
    }
    if !(1..=3_600).contains(&present.window_s) {
        bail!("present.window_s = {}: expected 1 to 3600 seconds", present.window_s);
    }
    for (key, number, least) in [
        ("anchors.work_min_distance_m", anchors.work_min_distance_m, 0.0),
        ("weights.max_weight", weights.max_weight, 1.0),
        ("weights.interval_z", weights.interval_z, 0.0),
    ] {
        if !(number.is_finite() && number >= least) {
            bail!("{key} = {number}: expected a number of {least} or more");
        }
    }
    Ok(())
}

/// Dates as text or as TOML dates.
fn dates<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<NaiveDate>, D::Error> {
    let values = Vec::<Value>::deserialize(deserializer)?;
    let date = |value: &Value| {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        NaiveDate::parse_from_str(&text, "%Y-%m-%d").map_err(|_| {
            D::Error::custom(format!("{text} is not a date; expected the form \"2024-12-25\""))
        })
    };
    values.iter().map(date).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchors(text: &str) -> Result<Anchors> {
        let anchors: Anchors = toml::from_str(text)?;
        validate(&anchors, &Present::default(), &Weights::default())?;
        Ok(anchors)
    }

    #[test]
    fn windows_are_months_or_days() {
        assert_eq!(anchors("window = \"month\"").unwrap().window, Window::Month);
        assert_eq!(anchors("window = 28").unwrap().window, Window::Days(28));
        for wrong in ["window = 0", "window = \"week\"", "window = 1.5", "window = 400"] {
            let error = format!("{:#}", anchors(wrong).unwrap_err());
            assert!(error.contains("expected \"month\", or a number of days"), "{error}");
        }
    }

    #[test]
    fn values_that_make_no_sense_are_refused_with_their_key() {
        for (wrong, key) in [
            ("night_start = 3", "anchors.night_start"),
            ("night_end = 0", "anchors.night_end"),
            ("work_start = 18", "anchors.work_start"),
            ("home_share = 1.5", "anchors.home_share"),
            ("home_share = 0.33333", "anchors.home_share"),
            ("min_nights = 0", "anchors.min_nights"),
            ("work_min_distance_m = -1.0", "anchors.work_min_distance_m"),
        ] {
            let error = format!("{:#}", anchors(wrong).unwrap_err());
            assert!(error.contains(key), "{error}");
        }
        assert_eq!(ten_thousandths(anchors("").unwrap().work_share), 3_333);
    }

    #[test]
    fn holidays_are_dates() {
        let calendar: Calendar = toml::from_str("holidays = [\"2024-12-25\", 2024-12-26]").unwrap();
        assert_eq!(calendar.holidays.len(), 2);
        let error = toml::from_str::<Calendar>("holidays = [\"25.12.2024\"]").unwrap_err();
        assert!(error.to_string().contains("25.12.2024 is not a date"), "{error}");
    }
}
