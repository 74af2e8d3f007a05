//! Codes of checks: their names, their descriptions, and how rows with a code are counted.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What is wrong with a row. A row has at most one code: the first in this order that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    UserMissing,
    UserIdTooLong,
    UserIdWithNul,
    UserMalformed,
    TimeMissing,
    TimeUnreadable,
    #[serde(alias = "time_unbelievable")]
    TimestampOutOfRange,
    TimeFuture,
    OutsideFolder,
    CellMissing,
    CellIdTooLong,
    CellIdWithNul,
    Duplicate,
    UnknownCell,
    CellNotValid,
    BadCoordinates,
    TwoPlaces,
    TooFastBoth,
    TooFastOnce,
    PingPong,
    BusyUser,
}

/// How rows with a code are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Not counted anywhere.
    Rejected,
    /// Counted, except in views about places.
    Unplaced,
    /// Counted everywhere.
    Flagged,
}

impl Disposition {
    /// The name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Disposition::Rejected => "rejected",
            Disposition::Unplaced => "unplaced",
            Disposition::Flagged => "flagged",
        }
    }
}

/// Limits of the checks on a user's sequence of events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// A hop longer than this distance and faster than this speed is too fast.
    pub fast_hop_km: f64,
    pub fast_hop_m_s: f64,
    /// Longest time and distance of a ping-pong.
    pub ping_pong_s: f64,
    pub ping_pong_km: f64,
}

impl Code {
    pub const ALL: [Code; 21] = [
        Code::UserMissing,
        Code::UserIdTooLong,
        Code::UserIdWithNul,
        Code::UserMalformed,
        Code::TimeMissing,
        Code::TimeUnreadable,
        Code::TimestampOutOfRange,
        Code::TimeFuture,
        Code::OutsideFolder,
        Code::CellMissing,
        Code::CellIdTooLong,
        Code::CellIdWithNul,
        Code::Duplicate,
        Code::UnknownCell,
        Code::CellNotValid,
        Code::BadCoordinates,
        Code::TwoPlaces,
        Code::TooFastBoth,
        Code::TooFastOnce,
        Code::PingPong,
        Code::BusyUser,
    ];

    /// The name in the configuration, in tables and in files.
    pub fn name(self) -> &'static str {
        match self {
            Code::UserMissing => "user_missing",
            Code::UserIdTooLong => "user_id_too_long",
            Code::UserIdWithNul => "user_id_with_nul",
            Code::UserMalformed => "user_malformed",
            Code::TimeMissing => "time_missing",
            Code::TimeUnreadable => "time_unreadable",
            Code::TimestampOutOfRange => "timestamp_out_of_range",
            Code::TimeFuture => "time_future",
            Code::OutsideFolder => "outside_folder",
            Code::CellMissing => "cell_missing",
            Code::CellIdTooLong => "cell_id_too_long",
            Code::CellIdWithNul => "cell_id_with_nul",
            Code::Duplicate => "duplicate",
            Code::UnknownCell => "unknown_cell",
            Code::CellNotValid => "cell_not_valid",
            Code::BadCoordinates => "bad_coordinates",
            Code::TwoPlaces => "two_places",
            Code::TooFastBoth => "too_fast_both",
            Code::TooFastOnce => "too_fast_once",
            Code::PingPong => "ping_pong",
            Code::BusyUser => "busy_user",
        }
    }

    /// What is wrong, in a few words that name the limits.
    pub fn describe(self, limits: &Limits) -> Cow<'static, str> {
        let Limits { fast_hop_km, fast_hop_m_s, ping_pong_s, ping_pong_km } = limits;
        Cow::Borrowed(match self {
            Code::UserMissing => "user id null or empty",
            Code::UserIdTooLong => "user id longer than 1,024 bytes",
            Code::UserIdWithNul => "user id with a NUL character",
            Code::UserMalformed => "user id of another length than checks.user_id_bytes",
            Code::TimeMissing => "time stamp null",
            Code::TimeUnreadable => "time stamp not a date and time",
            Code::TimestampOutOfRange => "time stamp outside the years 1900 to 9999",
            Code::TimeFuture => "time stamp in the future",
            Code::OutsideFolder => "time stamp too far from the date of its folder",
            Code::CellMissing => "cell id null or empty",
            Code::CellIdTooLong => "cell id longer than 1,024 bytes",
            Code::CellIdWithNul => "cell id with a NUL character",
            Code::Duplicate => "the same user, time and cell as another row",
            Code::UnknownCell => "cell not in the cell plan",
            Code::CellNotValid => "cell not valid on that date",
            Code::BadCoordinates => "cell without usable coordinates",
            Code::TwoPlaces => "user at two places at the same instant",
            Code::TooFastBoth => {
                return Cow::Owned(format!(
                    "hops to and from it over {fast_hop_km} km and faster than {fast_hop_m_s} m/s"
                ));
            }
            Code::TooFastOnce => {
                return Cow::Owned(format!(
                    "a hop to or from it over {fast_hop_km} km and faster than {fast_hop_m_s} m/s"
                ));
            }
            Code::PingPong => {
                return Cow::Owned(format!(
                    "between two events at one other cell within {ping_pong_s} s and {ping_pong_km} km"
                ));
            }
            Code::BusyUser => "user with more events on the date than checks.most_events_a_day",
        })
    }

    /// True for codes of rows that cannot be counted, so that their checks cannot be switched off.
    pub fn makes_unusable(self) -> bool {
        matches!(
            self,
            Code::UserMissing
                | Code::UserIdTooLong
                | Code::UserIdWithNul
                | Code::TimeMissing
                | Code::TimeUnreadable
                | Code::TimestampOutOfRange
                | Code::CellMissing
                | Code::CellIdTooLong
                | Code::CellIdWithNul
        )
    }

    /// True for checks that need the locations of cells.
    pub fn about_places(self) -> bool {
        self.disposition() == Disposition::Unplaced
            || matches!(self, Code::TooFastBoth | Code::TooFastOnce | Code::PingPong)
    }

    pub fn disposition(self) -> Disposition {
        match self {
            Code::UserMissing
            | Code::UserIdTooLong
            | Code::UserIdWithNul
            | Code::UserMalformed
            | Code::TimeMissing
            | Code::TimeUnreadable
            | Code::TimestampOutOfRange
            | Code::TimeFuture
            | Code::OutsideFolder
            | Code::CellMissing
            | Code::CellIdTooLong
            | Code::CellIdWithNul
            | Code::Duplicate => Disposition::Rejected,
            Code::UnknownCell | Code::CellNotValid | Code::BadCoordinates | Code::TwoPlaces => {
                Disposition::Unplaced
            }
            Code::TooFastBoth | Code::TooFastOnce | Code::PingPong | Code::BusyUser => {
                Disposition::Flagged
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_by_its_name_and_a_renamed_one_by_its_former_name() {
        for code in Code::ALL {
            let name = serde_json::Value::from(code.name());
            assert_eq!(serde_json::from_value::<Code>(name.clone()).unwrap(), code);
            assert_eq!(serde_json::to_value(code).unwrap(), name);
        }
        // in day records and manifests, codes are keys
        let old = r#"{"time_unbelievable": 3}"#;
        let counts: std::collections::BTreeMap<Code, u64> = serde_json::from_str(old).unwrap();
        assert_eq!(counts, [(Code::TimestampOutOfRange, 3)].into());
    }
}
