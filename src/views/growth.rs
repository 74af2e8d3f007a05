//! How a view grows with the dates that are there: which dates the rows of a period depend on.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Result, bail};
use chrono::{Datelike, Days, Months, NaiveDate};

use crate::config::Window;

/// From which windows of days are counted.
const FIRST_MONDAY: NaiveDate = NaiveDate::from_ymd_opt(1970, 1, 5).unwrap();

/// The word after which neighbours of loaded dates are no periods.
const LOADED: &str = "loaded";

/// The largest number of neighbours on either side.
const MAX_NEIGHBOURS: u32 = 400;

/// The length of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    Date,
    /// From Monday to Sunday (ISO 8601).
    Week,
    /// A calendar month.
    Month,
    /// So many days, counted from Monday, 5 January 1970.
    Days(u32),
    /// The window of the config, see [`Growth::with_window`].
    Window,
}

/// The rows of a period depend on the dates of the period and of its neighbours alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Growth {
    pub unit: Unit,
    /// Number of periods before it that its rows depend on as well.
    pub before: u32,
    /// Number of periods after it.
    pub after: u32,
    /// Only periods with loaded dates have rows, and not their neighbours.
    pub loaded: bool,
}

impl Unit {
    /// The first date of the period that contains a date.
    pub fn start_of(self, date: NaiveDate) -> NaiveDate {
        let days_before = match self {
            Unit::Date => 0,
            Unit::Week => date.weekday().num_days_from_monday(),
            Unit::Month | Unit::Window => date.day0(),
            Unit::Days(days) => {
                let since = date.signed_duration_since(FIRST_MONDAY).num_days();
                since.rem_euclid(i64::from(days.max(1))) as u32
            }
        };
        date.checked_sub_days(Days::new(days_before.into())).unwrap_or(NaiveDate::MIN)
    }

    /// The first date of the period `count` periods later.
    pub fn later(self, start: NaiveDate, count: u32) -> NaiveDate {
        let later = match self {
            Unit::Date => start.checked_add_days(Days::new(count.into())),
            Unit::Week => start.checked_add_days(Days::new(u64::from(count) * 7)),
            Unit::Month | Unit::Window => start.checked_add_months(Months::new(count)),
            Unit::Days(days) => {
                start.checked_add_days(Days::new(u64::from(count) * u64::from(days)))
            }
        };
        later.unwrap_or(NaiveDate::MAX)
    }

    /// The first date of the period `count` periods earlier.
    pub fn earlier(self, start: NaiveDate, count: u32) -> NaiveDate {
        let earlier = match self {
            Unit::Date => start.checked_sub_days(Days::new(count.into())),
            Unit::Week => start.checked_sub_days(Days::new(u64::from(count) * 7)),
            Unit::Month | Unit::Window => start.checked_sub_months(Months::new(count)),
            Unit::Days(days) => {
                start.checked_sub_days(Days::new(u64::from(count) * u64::from(days)))
            }
        };
        earlier.unwrap_or(NaiveDate::MIN)
    }

    /// The last date of the period that begins at `start`.
    pub fn end(self, start: NaiveDate) -> NaiveDate {
        match self {
            Unit::Date => start,
            _ => self.later(start, 1).pred_opt().unwrap_or(NaiveDate::MAX),
        }
    }

    /// The usual name of the column with the first date of the period.
    pub fn column(self) -> &'static str {
        match self {
            Unit::Days(_) | Unit::Window => "window_start",
            unit => unit.name(),
        }
    }

    /// The name in a header.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Date => "date",
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Days(_) | Unit::Window => "window",
        }
    }
}

impl Growth {
    /// `by: date`.
    pub const BY_DATE: Growth = Growth::by(Unit::Date);

    /// Periods that depend on their own dates alone.
    pub const fn by(unit: Unit) -> Self {
        Growth { unit, before: 0, after: 0, loaded: false }
    }

    /// The same with the configured window in place of [`Unit::Window`].
    pub fn with_window(self, window: Window) -> Self {
        let unit = match (self.unit, window) {
            (Unit::Window, Window::Month) => Unit::Month,
            (Unit::Window, Window::Days(days)) => Unit::Days(days),
            (unit, _) => unit,
        };
        Growth { unit, ..self }
    }

    /// Reads the value of `by`: `date`, `week`, `month` or `window`, followed by `-N` and `+N` in any order, and
    /// by `loaded` if only periods with loaded dates have rows.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let expected = || {
            format!(
                "by is {text:?}; expected date, week, month or window, and after it +N, -N or both if the rows \
                 of a period also depend on the N periods after or before it, as in date+1; and then loaded if \
                 only periods with loaded dates have rows"
            )
        };
        let without_word = text.trim_end().strip_suffix(LOADED);
        let without_word = without_word.filter(|rest| rest.ends_with(char::is_whitespace));
        let loaded = without_word.is_some();
        let compact: String = without_word.unwrap_or(text).split_whitespace().collect();
        let signs = ['+', '-'];
        let (name, mut rest) = compact.split_at(compact.find(signs).unwrap_or(compact.len()));
        let units = [Unit::Date, Unit::Week, Unit::Month, Unit::Window];
        let of_days = || name.strip_prefix("window")?.parse().ok().filter(|days| *days > 0);
        let unit = units.into_iter().find(|unit| unit.name() == name);
        let Some(unit) = unit.or_else(|| of_days().map(Unit::Days)) else { bail!(expected()) };
        let (mut before, mut after) = (None, None);
        while !rest.is_empty() {
            let (sign, number) = rest.split_at(1);
            let end = number.find(signs).unwrap_or(number.len());
            let (number, others) = number.split_at(end);
            rest = others;
            let side = if sign == "+" { &mut after } else { &mut before };
            match number.parse::<u32>() {
                Ok(count) if count <= MAX_NEIGHBOURS && side.is_none() => *side = Some(count),
                Ok(count) if count > MAX_NEIGHBOURS => {
                    bail!("by is {text:?}; at most {MAX_NEIGHBOURS} neighbours are possible")
                }
                _ => bail!(expected()),
            }
        }
        Ok(Growth { unit, before: before.unwrap_or(0), after: after.unwrap_or(0), loaded })
    }

    /// True if the rows of a period depend on other periods as well.
    pub fn has_neighbours(&self) -> bool {
        self.before > 0 || self.after > 0
    }

    /// The first and the last date that the rows of the period from `start` depend on.
    pub fn reads(&self, start: NaiveDate) -> (NaiveDate, NaiveDate) {
        let last = self.unit.later(start, self.after);
        (self.unit.earlier(start, self.before), self.unit.end(last))
    }

    /// The first dates of the periods whose rows depend on any of the dates, in order.
    pub fn periods(&self, dates: impl IntoIterator<Item = NaiveDate>) -> BTreeSet<NaiveDate> {
        let own: BTreeSet<NaiveDate> =
            dates.into_iter().map(|date| self.unit.start_of(date)).collect();
        if self.loaded || !self.has_neighbours() {
            return own;
        }
        let mut all = BTreeSet::new();
        for start in own {
            let mut period = self.unit.earlier(start, self.after);
            let last = self.unit.later(start, self.before);
            while period < last {
                all.insert(period);
                period = self.unit.later(period, 1);
            }
            all.insert(last);
        }
        all
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.unit.name())?;
        if let Unit::Days(days) = self.unit {
            write!(f, "{days}")?;
        }
        if self.before > 0 {
            write!(f, "-{}", self.before)?;
        }
        if self.after > 0 {
            write!(f, "+{}", self.after)?;
        }
        if self.loaded {
            write!(f, " {LOADED}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn unit_and_neighbours_are_read_in_any_order() {
        for (text, written) in [
            ("date", "date"),
            ("date+1", "date+1"),
            ("date -1", "date-1"),
            ("week + 2 - 1", "week-1+2"),
            ("month-3", "month-3"),
            ("date+0", "date"),
            ("date-1 loaded", "date-1 loaded"),
            ("window - 2 loaded", "window-2 loaded"),
            ("window28-2", "window28-2"),
        ] {
            assert_eq!(Growth::parse(text).unwrap().to_string(), written, "{text}");
        }
        for text in [
            "",
            "day",
            "dates",
            "date+",
            "date1",
            "date+1+2",
            "date*2",
            "+1",
            "date+x",
            "dateloaded",
            "loaded",
        ] {
            let error = Growth::parse(text).unwrap_err().to_string();
            assert!(error.contains("date, week, month or window"), "{text}: {error}");
        }
        let error = Growth::parse("date-401").unwrap_err().to_string();
        assert!(error.contains("at most 400"), "{error}");
    }

    #[test]
    fn period_reads_its_own_dates_and_those_of_its_neighbours() {
        for (by, start, first, last) in [
            ("date", "2024-10-01", "2024-10-01", "2024-10-01"),
            ("date+1", "2024-10-01", "2024-10-01", "2024-10-02"),
            ("date-2+1", "2024-10-01", "2024-09-29", "2024-10-02"),
            ("week", "2024-09-30", "2024-09-30", "2024-10-06"),
            ("week-1", "2024-09-30", "2024-09-23", "2024-10-06"),
            ("month", "2024-02-01", "2024-02-01", "2024-02-29"),
            ("month+1", "2024-12-01", "2024-12-01", "2025-01-31"),
        ] {
            let growth = Growth::parse(by).unwrap();
            assert_eq!(growth.reads(day(start)), (day(first), day(last)), "{by}");
        }
    }

    #[test]
    fn periods_are_those_that_depend_on_a_date() {
        let dates = ["2024-09-29", "2024-09-30", "2024-10-04"].map(day);
        for (by, expected) in [
            ("date", &["2024-09-29", "2024-09-30", "2024-10-04"][..]),
            ("date+1", &["2024-09-28", "2024-09-29", "2024-09-30", "2024-10-03", "2024-10-04"]),
            ("date-1", &["2024-09-29", "2024-09-30", "2024-10-01", "2024-10-04", "2024-10-05"]),
            ("week", &["2024-09-23", "2024-09-30"]),
            ("week+1", &["2024-09-16", "2024-09-23", "2024-09-30"]),
            ("month", &["2024-09-01", "2024-10-01"]),
            ("month-1", &["2024-09-01", "2024-10-01", "2024-11-01"]),
            ("month-1 loaded", &["2024-09-01", "2024-10-01"]),
        ] {
            let periods: Vec<String> =
                Growth::parse(by).unwrap().periods(dates).iter().map(|d| d.to_string()).collect();
            assert_eq!(periods, expected, "{by}");
        }
    }

    #[test]
    fn windows_are_those_of_the_config() {
        let by = |window| Growth::parse("window-2").unwrap().with_window(window);
        let start = day("2024-10-01");
        assert_eq!(by(Window::Month).reads(start), (day("2024-08-01"), day("2024-10-31")));
        // 19,992 days, 714 windows of 28, after Monday, 5 January 1970
        let days = by(Window::Days(28));
        assert_eq!(days.unit.start_of(day("2024-10-03")), day("2024-09-30"));
        assert_eq!(days.unit.start_of(day("2024-09-29")), day("2024-09-02"));
        assert_eq!(days.reads(day("2024-09-30")), (day("2024-08-05"), day("2024-10-27")));
        assert_eq!(days.unit.start_of(day("1970-01-04")), day("1969-12-08"));
    }

    #[test]
    fn periods_contain_their_dates() {
        for unit in [Unit::Date, Unit::Week, Unit::Month, Unit::Days(28)] {
            for date in ["0001-01-01", "2024-02-29", "9999-12-31"].map(day) {
                let start = unit.start_of(date);
                assert!(start <= date && date <= unit.end(start), "{unit:?}");
                let growth = Growth { unit, before: 2, after: 2, loaded: false };
                assert!(growth.periods([date]).contains(&start));
            }
        }
    }
}
