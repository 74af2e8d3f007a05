//! The local time of an event, or the reason why it has none, in 64 bits.

use std::ops::Range;

use super::TIMESTAMP_RANGE_US;

/// Local time of an event. Encoded in an `i64`, so that a column of event times is compared with a
/// range without decoding:
///
/// - local time in µs, as the clocks show it;
/// - the same plus 2^60 if the clocks show that time for the second time, after they went back;
/// - `i64::MIN` for a null, `i64::MIN + 1` for text that is not a date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct EventTime(i64);

/// What an [`EventTime`] stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTimeView {
    Missing,
    Unreadable,
    /// `repeated` is true in an hour that the clocks show for the second time.
    Local {
        us: i64,
        repeated: bool,
    },
}

/// Far beyond every accepted time stamp.
const REPEATED: i64 = 1 << 60;

impl EventTime {
    pub const MISSING: EventTime = EventTime(i64::MIN);
    pub const UNREADABLE: EventTime = EventTime(i64::MIN + 1);

    /// A local time, µs, whose repetition is unknown or irrelevant. Values that would read as a
    /// repeated time are kept for [`EventTime::us`] alone.
    #[inline]
    pub fn untracked(us: i64) -> Self {
        EventTime(us)
    }

    /// A local time, µs. Values that are too large to be told from a repeated time become the largest.
    #[inline]
    pub fn tracked(us: i64, repeated: bool) -> Self {
        if us > REPEATED / 2 {
            EventTime(i64::MAX)
        } else {
            EventTime(us + if repeated { REPEATED } else { 0 })
        }
    }

    /// The time, µs, if it lies in `range` and is not repeated. `range` has to lie within the accepted
    /// time stamps.
    #[inline]
    pub fn within(self, range: &Range<i64>) -> Option<i64> {
        (self.0 >= range.start && self.0 < range.end).then_some(self.0)
    }

    /// The local time, µs, of an untracked time.
    #[inline]
    pub fn us(self) -> Option<i64> {
        (self != EventTime::MISSING && self != EventTime::UNREADABLE).then_some(self.0)
    }

    /// Decodes a tracked time.
    #[inline]
    pub fn view(self) -> EventTimeView {
        match self {
            EventTime::MISSING => EventTimeView::Missing,
            EventTime::UNREADABLE => EventTimeView::Unreadable,
            EventTime(us) if us > REPEATED / 2 && us != i64::MAX => {
                EventTimeView::Local { us: us - REPEATED, repeated: true }
            }
            EventTime(us) => EventTimeView::Local { us, repeated: false },
        }
    }
}

/// True for a time stamp, local µs, from 1900 to 9999.
pub fn is_in_range(local_us: i64) -> bool {
    TIMESTAMP_RANGE_US.contains(&local_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_decoded_as_it_was_encoded() {
        for us in [TIMESTAMP_RANGE_US.start, -1, 0, 1, TIMESTAMP_RANGE_US.end - 1] {
            for repeated in [false, true] {
                let time = EventTime::tracked(us, repeated);
                assert_eq!(time.view(), EventTimeView::Local { us, repeated });
                assert_eq!(time.within(&TIMESTAMP_RANGE_US), (!repeated).then_some(us));
            }
            assert_eq!(EventTime::untracked(us).us(), Some(us));
        }
        let huge = EventTime::tracked(i64::MAX - 5, true).view();
        assert!(matches!(huge, EventTimeView::Local { us, .. } if !is_in_range(us)));
        assert_eq!(EventTime::MISSING.view(), EventTimeView::Missing);
        assert_eq!(EventTime::UNREADABLE.view(), EventTimeView::Unreadable);
        assert_eq!(EventTime::MISSING.us(), None);
        assert_eq!(EventTime::UNREADABLE.within(&TIMESTAMP_RANGE_US), None);
    }
}
