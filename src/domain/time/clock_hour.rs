//! Clock hours, of which two can have the same label when the clocks go back.

use super::{LocalDate, LocalHour, MICROS_PER_HOUR};

/// A clock hour of local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockHour {
    pub hour: LocalHour,
    /// The clocks show the hour for the second time.
    pub repeated: bool,
}

impl ClockHour {
    /// The public time stamp of the hour, local µs: its start, or one microsecond later if it is
    /// repeated, so that the two hours stay apart and in order.
    #[inline]
    pub fn label_us(self) -> i64 {
        self.hour.start_us() + i64::from(self.repeated)
    }

    /// The hour with this public time stamp, local µs.
    #[inline]
    pub fn from_label_us(label_us: i64) -> Self {
        let repeated = label_us.rem_euclid(MICROS_PER_HOUR) != 0;
        ClockHour { hour: LocalHour::of(label_us), repeated }
    }
}

/// A clock hour of a span of dates, as a number that orders as time does: twice the clock hours since
/// the start of the first date, plus one if the hour is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct SpanHour(u32);

impl SpanHour {
    /// Numbers that a date takes.
    const PER_DATE: u32 = 48;

    /// `clock_hours` since the start of the first date.
    #[inline]
    pub fn new(clock_hours: u32, repeated: bool) -> Self {
        SpanHour(2 * clock_hours + u32::from(repeated))
    }

    /// The hour with this number.
    #[inline]
    pub fn from_number(number: u32) -> Self {
        SpanHour(number)
    }

    #[inline]
    pub fn number(self) -> u32 {
        self.0
    }

    #[inline]
    pub fn clock_hours(self) -> u32 {
        self.0 / 2
    }

    #[inline]
    pub fn repeated(self) -> bool {
        self.0 % 2 == 1
    }

    /// The date within the span, from 0.
    #[inline]
    pub fn date(self) -> u32 {
        self.0 / Self::PER_DATE
    }

    /// The same hour in a span that begins with its date.
    #[inline]
    pub fn of_date(self) -> Self {
        SpanHour(self.0 % Self::PER_DATE)
    }

    /// The hour on the calendar, in a span that begins with `first`.
    #[inline]
    pub fn since(self, first: LocalDate) -> ClockHour {
        let hour = LocalHour(first.first_hour().0 + i64::from(self.clock_hours()));
        ClockHour { hour, repeated: self.repeated() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_of_a_repeated_hour_is_a_microsecond_later() {
        let hour = SpanHour::new(27, true).since(LocalDate(-1));
        assert_eq!(hour, ClockHour { hour: LocalHour(3), repeated: true });
        assert_eq!(hour.label_us(), 3 * MICROS_PER_HOUR + 1);
        assert_eq!(ClockHour::from_label_us(hour.label_us()), hour);
        let first = ClockHour { repeated: false, ..hour };
        assert_eq!(ClockHour::from_label_us(first.label_us()), first);
    }

    #[test]
    fn numbers_order_as_time_does() {
        let hours = [(0, false), (3, false), (3, true), (4, false), (24, false)];
        let hours = hours.map(|(hours, repeated)| SpanHour::new(hours, repeated));
        assert!(hours.is_sorted());
        assert_eq!((hours[2].date(), hours[4].date()), (0, 1));
        assert_eq!(hours[4].of_date(), SpanHour::new(0, false));
    }
}
