//! How the rows of views belong to dates, and which of them a release of some dates holds.

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, Schema};
use chrono::{Days, NaiveDate};

use crate::config::SnapshotDate;
use crate::views::{Unit, View};
use crate::warehouse::DayColumn;

/// The column with the first date of a night, which ends on the next one.
const NIGHT: &str = "night";

/// The length of the periods of the rows of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Unit(Unit),
    /// A date and the next one.
    Night,
}

/// How the rows of a view belong to dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dating {
    /// All rows are of one date.
    Fixed(NaiveDate),
    /// A column with the first date of the period, or with a time.
    Column(DayColumn, Span),
    /// The rows are of no date.
    None,
}

impl Span {
    /// The last date of the period from `start`.
    pub fn end(self, start: NaiveDate) -> NaiveDate {
        match self {
            Span::Unit(unit) => unit.end(start),
            Span::Night => start.checked_add_days(Days::new(1)).unwrap_or(start),
        }
    }
}

impl Dating {
    /// `schema` has the columns of the view, and `keys` those that identify or describe its rows.
    pub fn of(view: &View, schema: &Schema, keys: &[String]) -> Dating {
        if let Some(SnapshotDate::Day(date)) = view.snapshot {
            return Dating::Fixed(date);
        }
        let is_date = |name: &str| {
            let field = schema.field_with_name(name);
            keys.iter().any(|key| key == name)
                && field.is_ok_and(|field| *field.data_type() == DataType::Date32)
        };
        let span = |name: &str, unit| match name {
            NIGHT => Span::Night,
            _ => Span::Unit(unit),
        };
        let split = view.split.as_ref().map(|split| (split.column.as_str(), split.unit));
        let by_period = view.period.as_deref().zip(view.growth.map(|growth| growth.unit));
        let declared = split.or(by_period).filter(|(name, _)| is_date(name));
        let usual = [("week", Unit::Week), ("month", Unit::Month), (NIGHT, Unit::Date)];
        let by_day = DayColumn::of(schema).filter(|column| {
            let (DayColumn::Date(name) | DayColumn::Time(name)) = column;
            keys.contains(name)
        });
        if let Some((name, unit)) = declared {
            return Dating::Column(DayColumn::Date(name.to_owned()), span(name, unit));
        }
        match (by_day, usual.into_iter().find(|(name, _)| is_date(name))) {
            (Some(column), _) => Dating::Column(column, Span::Unit(Unit::Date)),
            (None, Some((name, unit))) => {
                Dating::Column(DayColumn::Date(name.to_owned()), span(name, unit))
            }
            (None, None) => Dating::None,
        }
    }

    /// The first and the last date of the period that begins at `start`.
    pub fn period(&self, start: NaiveDate) -> (NaiveDate, NaiveDate) {
        match self {
            Dating::Column(_, span) => (start, span.end(start)),
            _ => (start, start),
        }
    }

    /// False for a night of which the warehouse has one date alone: its devices are known to be among those of that date.
    pub fn is_complete(&self, start: Option<NaiveDate>, scope: &Scope) -> bool {
        let Dating::Column(_, span @ Span::Night) = self else { return true };
        let has_both =
            |start| [start, span.end(start)].iter().all(|date| scope.dates.contains(date));
        start.is_some_and(has_both)
    }

    /// True if the rows are of periods longer than a date.
    pub fn is_by_long_period(&self) -> bool {
        matches!(self, Dating::Column(_, Span::Unit(unit)) if *unit != Unit::Date)
    }
}

/// The dates of a release, and those that are looked at for its sake.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The dates of the warehouse.
    dates: BTreeSet<NaiveDate>,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    /// First and last date that is read; `None` for all.
    read: Option<(NaiveDate, NaiveDate)>,
}

impl Scope {
    /// The months, weeks and windows of the dates from `from` to `to` are read.
    pub fn new(
        dates: BTreeSet<NaiveDate>,
        (from, to): (Option<NaiveDate>, Option<NaiveDate>),
        window: Unit,
    ) -> Self {
        let wanted =
            |date: &&NaiveDate| from.is_none_or(|f| **date >= f) && to.is_none_or(|t| **date <= t);
        let first = dates.iter().find(wanted).copied();
        let last = dates.iter().rev().find(wanted).copied();
        let is_all = from.is_none() && to.is_none();
        let read = first.zip(last).filter(|_| !is_all).map(|(first, last)| {
            let units = [Unit::Month, window];
            let first = units.map(|unit| unit.start_of(first)).into_iter().min().unwrap_or(first);
            let end = |unit: Unit| unit.end(unit.start_of(last));
            let last = units.map(end).into_iter().max().unwrap_or(last);
            (Unit::Week.start_of(first), Unit::Week.end(Unit::Week.start_of(last)))
        });
        Scope { dates, from, to, read }
    }

    /// First and last date that is read; `None` for all.
    pub fn read(&self) -> Option<(NaiveDate, NaiveDate)> {
        self.read
    }

    /// The dates of the warehouse that are read.
    pub fn read_dates(&self) -> BTreeSet<NaiveDate> {
        match self.read {
            Some((first, last)) => self.dates.range(first..=last).copied().collect(),
            None => self.dates.clone(),
        }
    }

    /// The dates of the warehouse in a period.
    pub fn dates_of(
        &self,
        period: Option<(NaiveDate, NaiveDate)>,
    ) -> impl Iterator<Item = NaiveDate> {
        let dates = period.map(|(first, last)| self.dates.range(first..=last).copied());
        dates.into_iter().flatten()
    }

    /// The dates of the warehouse that are released.
    pub fn released_dates(&self) -> BTreeSet<NaiveDate> {
        self.dates.iter().copied().filter(|date| self.is_in_range(*date)).collect()
    }

    /// True if no dates were chosen.
    pub fn is_all(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// True if the release has dates with events.
    pub fn has_dates(&self) -> bool {
        self.dates.iter().any(|date| self.is_in_range(*date))
    }

    fn is_in_range(&self, date: NaiveDate) -> bool {
        self.from.is_none_or(|from| date >= from) && self.to.is_none_or(|to| date <= to)
    }

    /// True if all dates of a period that the warehouse has are released. Rows without a period are released if no
    /// dates were chosen.
    pub fn is_released(&self, period: Option<(NaiveDate, NaiveDate)>) -> bool {
        let Some((first, last)) = period else { return self.is_all() };
        let mut dates = self.dates.range(first..=last).peekable();
        match dates.peek() {
            Some(_) => dates.all(|date| self.is_in_range(*date)),
            None => self.is_in_range(first),
        }
    }

    /// True if all dates of a period that the warehouse has are read.
    pub fn is_wholly_read(&self, period: Option<(NaiveDate, NaiveDate)>) -> bool {
        let Some((read_first, read_last)) = self.read else { return true };
        let Some((first, last)) = period else { return false };
        self.dates.range(first..=last).all(|date| (read_first..=read_last).contains(date))
    }

    /// True if a period has a date that is read.
    pub fn is_touched(&self, period: Option<(NaiveDate, NaiveDate)>) -> bool {
        let (Some((read_first, read_last)), Some((first, last))) = (self.read, period) else {
            return true;
        };
        first <= read_last && last >= read_first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn scope(from: &str, to: &str) -> Scope {
        let dates = ["2024-10-01", "2024-10-02", "2024-10-03", "2024-10-07"].map(date);
        Scope::new(dates.into(), (Some(date(from)), Some(date(to))), Unit::Month)
    }

    #[test]
    fn periods_are_released_whose_dates_with_events_all_are() {
        let period = |unit: Unit, start: &str| Some((date(start), unit.end(date(start))));
        let days = scope("2024-10-01", "2024-10-03");
        assert!(days.is_released(period(Unit::Date, "2024-10-02")));
        assert!(!days.is_released(period(Unit::Date, "2024-10-07")));
        // Tuesday to Thursday are all that there is of the week
        assert!(days.is_released(period(Unit::Week, "2024-09-30")));
        assert!(!days.is_released(period(Unit::Month, "2024-10-01")));
        assert!(!days.is_released(None));
    }

    #[test]
    fn nights_are_complete_whose_dates_have_events() {
        let nights = Dating::Column(DayColumn::Date(NIGHT.to_owned()), Span::Night);
        let days = scope("2024-10-01", "2024-10-03");
        let is_complete = |start: &str| nights.is_complete(Some(date(start)), &days);
        assert!(is_complete("2024-10-01") && is_complete("2024-10-02"));
        // the devices of these nights are known to be among those of 1 and 3 October
        assert!(!is_complete("2024-09-30") && !is_complete("2024-10-03"));
        let dates = Dating::Column(DayColumn::Date("date".to_owned()), Span::Unit(Unit::Date));
        assert!(dates.is_complete(Some(date("2024-10-03")), &days));
        let night = Some((date("2024-10-02"), date("2024-10-03")));
        assert!(!scope("2024-10-01", "2024-10-02").is_released(night));
    }

    #[test]
    fn months_and_weeks_of_the_dates_are_read() {
        let days = scope("2024-10-02", "2024-10-02");
        // the month from Tuesday to Thursday, and the weeks at its ends
        assert_eq!(days.read(), Some((date("2024-09-30"), date("2024-11-03"))));
        assert!(days.is_wholly_read(Some((date("2024-10-01"), date("2024-10-31")))));
        assert!(!days.is_wholly_read(None));
    }
}
