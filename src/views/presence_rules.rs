//! The settings of views over hourly presence, for a computation that does not read them from the SQL.

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use super::settings::Settings;
use crate::domain::time::ClockChanges;

/// What the settings in the SQL of views over hourly presence stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PresenceRules {
    /// The first clock hour of the night, and the first one after it, on the next date.
    pub night: (u32, u32),
    /// The first clock hour of the hours of work, and the first one after them.
    pub work: (u32, u32),
    pub holidays: Vec<NaiveDate>,
    /// The longest time between a full hour and the event that tells where a device is, seconds.
    pub present_s: u32,
    zone: Option<Tz>,
}

impl From<Settings<'_>> for PresenceRules {
    fn from(settings: Settings) -> Self {
        let anchors = settings.anchors;
        PresenceRules {
            night: (anchors.night_start, anchors.night_end),
            work: (anchors.work_start, anchors.work_end),
            holidays: settings.calendar.holidays.clone(),
            present_s: settings.present.window_s,
            zone: settings.time.tz(),
        }
    }
}

impl PresenceRules {
    /// True from Monday to Friday, unless the date is a holiday.
    pub fn is_workday(&self, date: NaiveDate) -> bool {
        date.weekday().num_days_from_monday() < 5 && !self.holidays.contains(&date)
    }

    /// The clock hours that are skipped or repeated.
    pub fn clock_changes(&self) -> ClockChanges {
        self.zone.map(ClockChanges::of).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_sunday_nor_a_holiday_is_a_workday() {
        let day = |number| NaiveDate::from_ymd_opt(2024, 10, number).unwrap();
        let rules = PresenceRules { holidays: vec![day(3)], ..PresenceRules::default() };
        let workdays: Vec<u32> = (1..=8).filter(|number| rules.is_workday(day(*number))).collect();
        assert_eq!(workdays, [1, 2, 4, 7, 8]);
    }
}
