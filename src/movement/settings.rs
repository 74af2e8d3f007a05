//! The sections `[stays]` and `[trips]` of the configuration.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// Seconds of half a day: a date then depends on itself and the dates beside it alone.
const HALF_DAY_S: u32 = 43_200;
const DAY_S: u32 = 86_400;
/// Longest time of a trip, hours, for the same reason.
const MAX_TRIP_HOURS: u32 = 23;
/// Longest gap, seconds, within which events are stored as one visit. Longer gaps are joined later, so that
/// most changes of the settings leave the visits as they are.
const STORED_GAP_S: u32 = 3_600;
/// Most sites that are near to another one by their number.
const MAX_NEIGHBOURS: u32 = 1_000;

const MICROS: i64 = 1_000_000;

/// Visits and stays.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stays {
    /// Longest time between two events of a visit, and longest move, seconds.
    pub max_gap_s: u32,
    /// Longest time between two events of a visit by night, seconds.
    pub max_night_gap_s: u32,
    /// Clock hours from which and up to which a gap is one by night, both included.
    pub night_gap_start: u32,
    pub night_gap_end: u32,
    /// Longest time away from a site that does not end the visit, seconds.
    pub flicker_s: u32,
    /// Greatest distance, metres, and number of nearest sites within which that holds.
    pub flicker_m: f64,
    pub flicker_neighbours: u32,
    /// Time that a visit lasts before its first and after its last event where it is unknown what comes
    /// before or after, seconds.
    pub pad_s: u32,
    /// Shortest stay, seconds.
    pub min_stay_s: u32,
}

impl Default for Stays {
    fn default() -> Self {
        Stays {
            max_gap_s: 7_200,
            max_night_gap_s: 28_800,
            night_gap_start: 23,
            night_gap_end: 9,
            flicker_s: 1_800,
            flicker_m: 5_000.0,
            flicker_neighbours: 6,
            pad_s: 300,
            min_stay_s: 900,
        }
    }
}

impl Stays {
    pub fn max_gap_us(&self) -> i64 {
        i64::from(self.max_gap_s) * MICROS
    }

    pub fn max_night_gap_us(&self) -> i64 {
        i64::from(self.max_night_gap_s) * MICROS
    }

    pub fn flicker_us(&self) -> i64 {
        i64::from(self.flicker_s) * MICROS
    }

    pub fn pad_us(&self) -> i64 {
        i64::from(self.pad_s) * MICROS
    }

    pub fn min_stay_us(&self) -> i64 {
        i64::from(self.min_stay_s) * MICROS
    }

    /// Longest gap, µs, within which events are stored as one visit.
    pub fn stored_gap_us(&self) -> i64 {
        i64::from(self.max_gap_s.min(STORED_GAP_S)) * MICROS
    }
}

/// Trips between stays.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trips {
    /// Shortest distance between the sites of the two stays, metres.
    pub min_distance_m: f64,
    /// Longest time between the two stays, hours.
    pub max_hours: u32,
    /// Longest time from the end of a trip to the begin of the way back, seconds.
    pub return_s: u32,
}

impl Default for Trips {
    fn default() -> Self {
        Trips { min_distance_m: 1_000.0, max_hours: 12, return_s: 7_200 }
    }
}

impl Trips {
    pub fn max_us(&self) -> i64 {
        i64::from(self.max_hours) * 3_600 * MICROS
    }

    pub fn return_us(&self) -> i64 {
        i64::from(self.return_s) * MICROS
    }
}

/// Checks the values of the sections.
///
/// # Errors
/// The first key with a value that is not allowed; keys that contradict each other.
pub fn validate(stays: &Stays, trips: &Trips) -> Result<()> {
    for (key, value, least, most) in [
        ("stays.max_gap_s", stays.max_gap_s, 1, HALF_DAY_S),
        ("stays.max_night_gap_s", stays.max_night_gap_s, 1, HALF_DAY_S),
        ("stays.night_gap_start", stays.night_gap_start, 0, 23),
        ("stays.night_gap_end", stays.night_gap_end, 0, 24),
        ("stays.flicker_s", stays.flicker_s, 0, DAY_S),
        ("stays.flicker_neighbours", stays.flicker_neighbours, 0, MAX_NEIGHBOURS),
        ("stays.pad_s", stays.pad_s, 0, HALF_DAY_S),
        ("stays.min_stay_s", stays.min_stay_s, 0, HALF_DAY_S),
        ("trips.max_hours", trips.max_hours, 1, MAX_TRIP_HOURS),
        ("trips.return_s", trips.return_s, 0, HALF_DAY_S),
    ] {
        if !(least..=most).contains(&value) {
            bail!("{key} = {value}: expected a whole number from {least} to {most}");
        }
    }
    for (key, value) in
        [("stays.flicker_m", stays.flicker_m), ("trips.min_distance_m", trips.min_distance_m)]
    {
        if !(value.is_finite() && value >= 0.0) {
            bail!("{key} = {value}: expected a distance in metres, 0 or more");
        }
    }
    if stays.night_gap_start == stays.night_gap_end {
        bail!(
            "stays.night_gap_start and stays.night_gap_end are both {}: the night would be empty; set two \
             different hours",
            stays.night_gap_end
        );
    }
    if stays.max_night_gap_s < stays.max_gap_s {
        bail!(
            "stays.max_night_gap_s = {} is less than stays.max_gap_s = {}: a gap by night may be longer than \
             one by day, and not shorter",
            stays.max_night_gap_s,
            stays.max_gap_s
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stays(text: &str) -> Result<Stays> {
        let stays: Stays = toml::from_str(text)?;
        validate(&stays, &Trips::default())?;
        Ok(stays)
    }

    #[test]
    fn limits_that_a_date_and_those_beside_it_allow_are_accepted() {
        stays("max_gap_s = 43200\nmax_night_gap_s = 43200\nmin_stay_s = 43200").unwrap();
        let trips: Trips = toml::from_str("max_hours = 23\nmin_distance_m = 0").unwrap();
        validate(&Stays::default(), &trips).unwrap();
    }

    #[test]
    fn values_out_of_range_and_against_each_other_are_refused_with_their_key() {
        for (wrong, key) in [
            ("max_gap_s = 43201", "stays.max_gap_s"),
            ("max_gap_s = 0", "stays.max_gap_s"),
            ("max_gap_s = 30000", "stays.max_night_gap_s"),
            ("night_gap_start = 24", "stays.night_gap_start"),
            ("night_gap_start = 9", "stays.night_gap_end"),
            ("flicker_m = -1", "stays.flicker_m"),
            ("flicker_m = nan", "stays.flicker_m"),
            ("min_stay_s = 50000", "stays.min_stay_s"),
            ("pad_s = -1", "pad_s"),
        ] {
            let error = format!("{:#}", stays(wrong).unwrap_err());
            assert!(error.contains(key), "{error}");
        }
        for wrong in [
            Trips { max_hours: 24, ..Trips::default() },
            Trips { max_hours: 0, ..Trips::default() },
        ] {
            let error = validate(&Stays::default(), &wrong).unwrap_err().to_string();
            assert!(error.contains("trips.max_hours"), "{error}");
        }
    }

    #[test]
    fn stored_visits_depend_on_short_gaps_alone() {
        let with = |max_gap_s| Stays { max_gap_s, ..Stays::default() }.stored_gap_us();
        assert_eq!(
            [with(600), with(3_600), with(7_200), with(14_400)],
            [600_000_000, 3_600_000_000, 3_600_000_000, 3_600_000_000]
        );
    }
}
