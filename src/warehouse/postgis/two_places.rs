//! The column `two_places` of `mobility_presence`, which holds two values in one integer.

/// What a row of hourly presence states beyond its counts of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TwoPlaces {
    /// Events of users at two places at once.
    pub events: i32,
    /// The clocks show the hour for the second time, after they went back.
    pub in_repeated_hour: bool,
}

impl TwoPlaces {
    /// The stored integer: the number of events, or -1 minus that number in a repeated hour.
    /// `sql/postgis/relations.sql` and `sql/postgis/ids_as_numbers.sql` decode it.
    pub fn encode(self) -> i32 {
        if self.in_repeated_hour { -1 - self.events } else { self.events }
    }
}

#[cfg(test)]
mod tests {
    use super::TwoPlaces;

    #[test]
    fn repeated_hours_are_negative_and_distinct_from_first_hours() {
        let encoded = |events, in_repeated_hour| TwoPlaces { events, in_repeated_hour }.encode();
        assert_eq!([encoded(0, false), encoded(7, false)], [0, 7]);
        assert_eq!([encoded(0, true), encoded(7, true)], [-1, -8]);
        assert_eq!(encoded(i32::MAX, true), i32::MIN);
    }
}
