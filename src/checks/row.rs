//! Checks on a row by itself: its user, its time, the date of its folder, its cell.

use std::ops::Range;

use super::codes::Code;
use super::settings::Checks;
use crate::domain::id_slot::{IdSlot, IdSlotView};
use crate::domain::time::{EventTime, EventTimeView, LocalDate, LocalHour, is_in_range};

/// The checks for rows of files in one folder.
#[derive(Debug, Clone)]
pub struct RowChecks {
    /// Length of every user id, bytes; `None` if any length is accepted.
    user_id_bytes: Option<u32>,
    /// Later local times, µs, are in the future.
    latest_us: i64,
    /// Local times, µs, near enough to the date of the folder.
    tolerated_us: Range<i64>,
}

impl RowChecks {
    /// `folder` is the date that the folder of the file names; local times later than `latest_us`, µs,
    /// are in the future.
    pub fn new(checks: &Checks, folder: Option<LocalDate>, latest_us: i64) -> Self {
        let start = |date: i32| LocalDate(date).first_hour().start_us();
        let tolerance = checks.folder_tolerance_days.filter(|_| checks.on(Code::OutsideFolder));
        let tolerated_us = match folder.zip(tolerance) {
            Some((folder, days)) => {
                let days = i32::try_from(days).unwrap_or(i32::MAX);
                start(folder.0.saturating_sub(days))
                    ..start(folder.0.saturating_add(days).saturating_add(1))
            }
            None => i64::MIN..i64::MAX,
        };
        RowChecks {
            user_id_bytes: checks.user_id_bytes.filter(|_| checks.on(Code::UserMalformed)),
            latest_us: if checks.on(Code::TimeFuture) { latest_us } else { i64::MAX },
            tolerated_us,
        }
    }

    /// The length, bytes, that user ids have to have, if that is checked.
    pub fn user_id_bytes(&self) -> Option<u32> {
        self.user_id_bytes
    }

    /// The part of `range_us`, local µs, that passes all checks on times.
    pub fn accepted_us(&self, range_us: &Range<i64>) -> Range<i64> {
        let start = range_us.start.max(self.tolerated_us.start);
        let end = range_us.end.min(self.tolerated_us.end);
        start..end.min(self.latest_us.saturating_add(1))
    }

    /// The date by the row's own time; `None` if that cannot be used.
    pub fn own_date(&self, time: EventTime) -> Option<LocalDate> {
        match time.view() {
            EventTimeView::Local { us, .. } if is_in_range(us) && us <= self.latest_us => {
                Some(LocalHour::of(us).date())
            }
            _ => None,
        }
    }

    /// The code of a row; `None` if it passes.
    pub fn code(&self, user: IdSlot, time: EventTime, cell: IdSlot) -> Option<Code> {
        match user.view() {
            IdSlotView::Missing => return Some(Code::UserMissing),
            IdSlotView::TooLong => return Some(Code::UserIdTooLong),
            IdSlotView::WithNul => return Some(Code::UserIdWithNul),
            IdSlotView::Malformed => return Some(Code::UserMalformed),
            IdSlotView::Number(_) => {}
        }
        let us = match time.view() {
            EventTimeView::Missing => return Some(Code::TimeMissing),
            EventTimeView::Unreadable => return Some(Code::TimeUnreadable),
            EventTimeView::Local { us, .. } => us,
        };
        if !is_in_range(us) {
            Some(Code::TimestampOutOfRange)
        } else if us > self.latest_us {
            Some(Code::TimeFuture)
        } else if !self.tolerated_us.contains(&us) {
            Some(Code::OutsideFolder)
        } else {
            match cell.view() {
                IdSlotView::Number(_) => None,
                IdSlotView::TooLong => Some(Code::CellIdTooLong),
                IdSlotView::WithNul => Some(Code::CellIdWithNul),
                IdSlotView::Missing | IdSlotView::Malformed => Some(Code::CellMissing),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::MAX_ID_BYTES;
    use crate::domain::numbers::grouped;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn first_check_that_fails_gives_the_code() {
        let settings =
            Checks { folder_tolerance_days: Some(1), user_id_bytes: Some(4), ..Checks::default() };
        let checks = RowChecks::new(&settings, Some(LocalDate(5)), 100 * DAY);
        let (id, none) = (IdSlot::new(0), IdSlot::MISSING);
        let at = |day: i64| EventTime::tracked(day * DAY, false);
        let code = |user, time, cell| checks.code(user, time, cell).map(Code::name);
        assert_eq!(code(id, at(4), id), None);
        assert_eq!(code(id, EventTime::tracked(5 * DAY, true), id), None);
        assert_eq!(code(none, EventTime::MISSING, none), Some("user_missing"));
        assert_eq!(code(IdSlot::MALFORMED, at(4), id), Some("user_malformed"));
        assert_eq!(code(IdSlot::TOO_LONG, EventTime::MISSING, id), Some("user_id_too_long"));
        assert_eq!(code(IdSlot::WITH_NUL, EventTime::MISSING, id), Some("user_id_with_nul"));
        assert_eq!(code(id, EventTime::MISSING, none), Some("time_missing"));
        assert_eq!(code(id, EventTime::UNREADABLE, id), Some("time_unreadable"));
        assert_eq!(code(id, at(5_000_000), id), Some("timestamp_out_of_range"));
        assert_eq!(code(id, at(101), id), Some("time_future"));
        assert_eq!(code(id, at(7), none), Some("outside_folder"));
        assert_eq!(code(id, at(6), none), Some("cell_missing"));
        assert_eq!(code(id, at(6), IdSlot::TOO_LONG), Some("cell_id_too_long"));
        assert_eq!(code(id, at(6), IdSlot::WITH_NUL), Some("cell_id_with_nul"));
        assert_eq!(checks.own_date(at(101)), None);
        assert_eq!(checks.own_date(at(6)), Some(LocalDate(6)));
        assert_eq!(checks.accepted_us(&(0..200 * DAY)), 4 * DAY..7 * DAY);
    }

    #[test]
    fn descriptions_name_the_longest_usable_id() {
        let limits = Checks::default().limits();
        let longest = grouped(MAX_ID_BYTES as u64);
        for code in [Code::UserIdTooLong, Code::CellIdTooLong] {
            assert!(code.describe(&limits).contains(&longest), "{}", code.describe(&limits));
        }
    }
}
