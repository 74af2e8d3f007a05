//! Versions of a cell over time: at most one is valid on each day.

use std::collections::BTreeSet;

use crate::domain::site::Site;

/// A position of a cell and the days on which it is valid; `None` means no limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellVersion {
    /// First and last day, days since 1970-01-01.
    pub start: Option<i32>,
    pub end: Option<i32>,
    /// Degrees, EPSG:4326.
    pub lon: f64,
    pub lat: f64,
}

/// The days and the coordinates of a version, to find equal ones.
pub type VersionBits = ([Option<i32>; 2], [u64; 2]);

impl CellVersion {
    /// Equal only for equal versions.
    pub fn bits(&self) -> VersionBits {
        ([self.start, self.end], [self.lon.to_bits(), self.lat.to_bits()])
    }

    fn first(&self) -> i64 {
        self.start.map_or(i64::MIN, i64::from)
    }

    /// The day after the last.
    fn end_exclusive(&self) -> i64 {
        self.end.map_or(i64::MAX, |d| i64::from(d) + 1)
    }

    /// True on a day, days since 1970-01-01, on which it is valid.
    pub fn covers(&self, day: i32) -> bool {
        (self.first()..self.end_exclusive()).contains(&i64::from(day))
    }

    /// The site at its coordinate.
    pub fn site(&self) -> Site {
        Site::of(self.lat, self.lon)
    }

    fn same_place(&self, other: &CellVersion) -> bool {
        self.lon == other.lon && self.lat == other.lat
    }
}

/// Two versions of one cell with the same days but different coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict {
    /// Indexes into the list of versions.
    pub first: usize,
    pub second: usize,
}

/// Non-overlapping versions in order of time, and whether versions with different places
/// overlapped.
///
/// On each day the version with the latest start is used; among equal starts the one that ends
/// first, because it is more specific. Adjacent versions with the same place are merged.
///
/// # Errors
/// Two versions with the same days at different places.
pub fn resolve(versions: &[CellVersion]) -> Result<(Vec<CellVersion>, bool), Conflict> {
    for (second, v) in versions.iter().enumerate() {
        let same = |u: &&CellVersion| u.start == v.start && u.end == v.end && !u.same_place(v);
        if let Some(first) = versions[..second].iter().position(|u| same(&u)) {
            return Err(Conflict { first, second });
        }
    }
    if let [only] = versions {
        return Ok((vec![*only], false));
    }
    let cuts: BTreeSet<i64> =
        versions.iter().flat_map(|v| [v.first(), v.end_exclusive()]).collect();
    let cuts: Vec<i64> = cuts.into_iter().collect();
    let mut resolved: Vec<CellVersion> = Vec::new();
    let mut overlapped = false;
    for span in cuts.windows(2) {
        let valid =
            || versions.iter().filter(|v| v.first() <= span[0] && v.end_exclusive() >= span[1]);
        let Some(winner) = valid().max_by_key(|v| (v.first(), -v.end_exclusive())) else {
            continue;
        };
        overlapped |= valid().any(|v| !v.same_place(winner));
        match resolved.last_mut() {
            Some(last) if last.same_place(winner) && last.end_exclusive() == span[0] => {
                last.end = open_or_day(span[1] - 1);
            }
            _ => resolved.push(CellVersion {
                start: if span[0] == i64::MIN { None } else { open_or_day(span[0]) },
                end: if span[1] == i64::MAX { None } else { open_or_day(span[1] - 1) },
                ..*winner
            }),
        }
    }
    Ok((resolved, overlapped))
}

/// Days are 32-bit in the files; a day out of range means no limit.
fn open_or_day(day: i64) -> Option<i32> {
    i32::try_from(day).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(start: Option<i32>, end: Option<i32>, lon: f64) -> CellVersion {
        CellVersion { start, end, lon, lat: 0.0 }
    }

    #[test]
    fn version_with_the_latest_start_wins_and_the_older_one_is_cut() {
        let old = version(None, None, 1.0);
        let new = version(Some(10), Some(20), 2.0);
        let (resolved, overlapped) = resolve(&[new, old]).unwrap();
        assert_eq!(resolved, [version(None, Some(9), 1.0), new, version(Some(21), None, 1.0)]);
        assert!(overlapped);
    }

    #[test]
    fn daily_plans_of_an_unchanged_cell_become_one_version() {
        let days: Vec<_> = (1..=5).map(|d| version(Some(0), Some(d), 1.0)).collect();
        assert_eq!(resolve(&days).unwrap(), (vec![version(Some(0), Some(5), 1.0)], false));
    }

    #[test]
    fn among_equal_starts_the_version_that_ends_first_wins() {
        let resolved = resolve(&[version(Some(0), Some(2), 2.0), version(Some(0), Some(1), 1.0)]);
        assert_eq!(
            resolved.unwrap().0,
            [version(Some(0), Some(1), 1.0), version(Some(2), Some(2), 2.0)]
        );
    }

    #[test]
    fn same_days_at_two_places_are_a_conflict() {
        let error = resolve(&[version(None, Some(1), 1.0), version(None, Some(1), 2.0)]);
        assert_eq!(error, Err(Conflict { first: 0, second: 1 }));
    }

    proptest! {
        #[test]
        fn each_day_has_the_place_given_by_the_rule(
            raw in prop::collection::vec((prop::option::of(0i32..12), prop::option::of(0i32..12), 0u8..3), 1..6)
        ) {
            let versions: Vec<_> = raw
                .iter()
                .filter(|(s, e, _)| s.zip(*e).is_none_or(|(s, e)| s <= e))
                .map(|(s, e, lon)| version(*s, *e, f64::from(*lon)))
                .collect();
            prop_assume!(!versions.is_empty());
            let Ok((resolved, _)) = resolve(&versions) else { return Ok(()) };
            for day in -1..14 {
                let covers = |v: &&CellVersion| v.start.is_none_or(|s| s <= day) && v.end.is_none_or(|e| e >= day);
                let expected = versions
                    .iter()
                    .filter(covers)
                    .max_by_key(|v| (v.start.unwrap_or(i32::MIN), -i64::from(v.end.unwrap_or(i32::MAX))))
                    .map(|v| v.lon);
                let found: Vec<f64> = resolved.iter().filter(covers).map(|v| v.lon).collect();
                prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
            }
            for pair in resolved.windows(2) {
                let touch = pair[0].end.zip(pair[1].start).is_some_and(|(e, s)| e + 1 == s);
                prop_assert!(!(touch && pair[0].lon == pair[1].lon), "adjacent versions with the same place are not merged");
            }
        }
    }
}
