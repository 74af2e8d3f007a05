//! Settings in the SQL of view files: `:night_start` and the like stand for configured values, and
//! `:window_start(column)` for the first date of the window that a date lies in.

use anyhow::{Result, bail};
use chrono::NaiveDate;

use crate::config::{
    Anchors, Calendar, Config, Present, Time, Views, Weights, Window, ten_thousandths,
};
use crate::domain::time::ClockChanges;

/// The first Monday after 1 January 1970, from which windows of days are counted.
const FIRST_MONDAY: &str = "DATE '1970-01-05'";
/// Days after the first date of a month that are always in the next one.
const MONTH_SPAN: u32 = 31;
/// An hour that no date has, for a list without hours.
const NO_HOUR: i64 = -1_000_000_000;
/// Stands for the first date of a window.
const WINDOW_START: &str = ":window_start(";

/// The parts of the config that views depend on.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    pub views: &'a Views,
    pub time: &'a Time,
    pub anchors: &'a Anchors,
    pub calendar: &'a Calendar,
    pub present: &'a Present,
    pub weights: &'a Weights,
}

impl<'a> From<&'a Config> for Settings<'a> {
    fn from(config: &'a Config) -> Self {
        Settings {
            views: &config.views,
            time: &config.time,
            anchors: &config.anchors,
            calendar: &config.calendar,
            present: &config.present,
            weights: &config.weights,
        }
    }
}

impl Settings<'_> {
    /// The SQL with values in place of settings.
    ///
    /// # Errors
    /// `:window_start(` without its closing parenthesis.
    pub fn fill(&self, sql: &str) -> Result<String> {
        let Settings { time, anchors, calendar, present, weights, .. } = self;
        let date = |date: &NaiveDate| format!("DATE '{date}'");
        let mut holidays: Vec<String> = calendar.holidays.iter().map(date).collect();
        if holidays.is_empty() {
            // a list in SQL cannot be empty
            holidays.push(date(&NaiveDate::default()));
        }
        let hours = |hours: &[i64]| match hours {
            [] => NO_HOUR.to_string(),
            hours => hours.iter().map(i64::to_string).collect::<Vec<_>>().join(", "),
        };
        let lists_hours = [":skipped_hours", ":repeated_hours"].iter().any(|key| sql.contains(key));
        let changes = match time.tz().filter(|_| lists_hours) {
            Some(zone) => ClockChanges::of(zone),
            None => ClockChanges::default(),
        };
        let window_span = match anchors.window {
            Window::Month => MONTH_SPAN,
            Window::Days(days) => days,
        };
        let values = [
            (":day_start", time.day_start.to_string()),
            (":day_end", time.day_end.to_string()),
            (":night_start", anchors.night_start.to_string()),
            (":night_end", anchors.night_end.to_string()),
            (":min_nights", anchors.min_nights.to_string()),
            (":home_share_10000", ten_thousandths(anchors.home_share).to_string()),
            (":work_start", anchors.work_start.to_string()),
            (":work_end", anchors.work_end.to_string()),
            (":work_min_hours", anchors.work_min_hours.to_string()),
            (":work_min_days", anchors.work_min_days.to_string()),
            (":work_share_10000", ten_thousandths(anchors.work_share).to_string()),
            (":work_min_distance_m", anchors.work_min_distance_m.to_string()),
            (":holidays", holidays.join(", ")),
            (":present_interval", format!("INTERVAL '{}' SECOND", present.window_s)),
            (":min_devices", weights.min_devices.to_string()),
            (":max_weight", weights.max_weight.to_string()),
            (":min_coverage_10000", ten_thousandths(weights.min_coverage).to_string()),
            (":interval_z", weights.interval_z.to_string()),
            (":window_span", window_span.to_string()),
            (":skipped_hours", hours(&changes.skipped)),
            (":repeated_hours", hours(&changes.repeated)),
        ];
        let filled =
            values.iter().fold(sql.to_owned(), |sql, (key, value)| sql.replace(key, value));
        self.with_window_starts(&filled)
    }

    fn with_window_starts(&self, sql: &str) -> Result<String> {
        let mut parts = sql.split(WINDOW_START);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let Some((column, rest)) = part.split_once(')') else {
                bail!("{WINDOW_START} has no closing parenthesis");
            };
            out.push_str(&self.window_start(column.trim()));
            out.push_str(rest);
        }
        Ok(out)
    }

    /// The first date of the window that the date `column` lies in.
    fn window_start(&self, column: &str) -> String {
        match self.anchors.window {
            Window::Month => format!("({column} - CAST(EXTRACT(DAY FROM {column}) AS INT) + 1)"),
            Window::Days(days) => format!(
                "({column} - ((CAST({column} - {FIRST_MONDAY} AS INT) % {days}) + {days}) % {days})"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_filled_in() {
        let mut config = Config::default();
        config.anchors.window = Window::Days(28);
        let settings = Settings::from(&config);
        let filled = settings.fill("x >= :night_start AND d IN (:holidays) -- :day_start").unwrap();
        assert_eq!(filled, "x >= 22 AND d IN (DATE '1970-01-01') -- 7");
        let filled = settings.fill("SELECT :window_start(e.date) AS w").unwrap();
        let days = "(e.date - ((CAST(e.date - DATE '1970-01-05' AS INT) % 28) + 28) % 28)";
        assert_eq!(filled, format!("SELECT {days} AS w"));
        assert!(settings.fill("SELECT :window_start(date").is_err());
    }

    #[test]
    fn window_of_a_month_begins_on_its_first_day() {
        let config = Config::default();
        let filled = Settings::from(&config).fill(":window_start(date)").unwrap();
        assert_eq!(filled, "(date - CAST(EXTRACT(DAY FROM date) AS INT) + 1)");
    }
}
