//! The definitions by hand, and what holds for any events.

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;
use crate::domain::site::Site;
use crate::domain::time::{Clock, DayShift, EventTimeView, LocalDate, MICROS_PER_HOUR};

const DATE: &str = "2024-10-02";
const DAY_US: i64 = 24 * MICROS_PER_HOUR;

/// Settings and sites; sites are letters.
struct Case {
    stays: Stays,
    trips: Trips,
    zone: Option<Tz>,
    sites: Vec<(char, Site)>,
}

/// A site so many kilometres north of `A`.
fn north(km: f64) -> Site {
    Site::of(59.0 + km / 111.194_93, 24.0)
}

impl Case {
    fn new(sites: &[(char, f64)]) -> Self {
        let sites = sites.iter().map(|(name, km)| (*name, north(*km))).collect();
        Case { stays: Stays::default(), trips: Trips::default(), zone: None, sites }
    }

    fn site(&self, name: char) -> Site {
        self.sites.iter().find(|(known, _)| *known == name).unwrap().1
    }

    fn name(&self, site: Option<Site>) -> char {
        let Some(site) = site else { return '-' };
        self.sites.iter().find(|(_, known)| *known == site).unwrap().0
    }

    /// The rows of a date, from events such as `A 2024-10-02 08:10` or, in UTC, with `Z` at their end.
    fn rows(&self, date: &str, events: &[&str]) -> (Vec<Segment>, Vec<Trip>, Dates) {
        let date = LocalDate::from_calendar(date.parse().unwrap());
        let dates = Dates::around(date, |date| DayShift::of(self.zone, date));
        let mut clock = Clock::new(self.zone).tracking_repeats();
        let mut builders: Vec<VisitBuilder> =
            (0..3).map(|_| VisitBuilder::new(self.stays.stored_gap_us())).collect();
        for event in events {
            let (name, time) = event.split_at(2);
            let form = if time.len() > 17 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M" };
            let time = NaiveDateTime::parse_from_str(time.trim_end_matches('Z'), form).unwrap();
            let us = time.and_utc().timestamp_micros();
            let EventTimeView::Local { us, repeated } = clock.event_time(us).view() else {
                panic!()
            };
            let day = us.div_euclid(DAY_US) as i32;
            let Some(number) = dates.days().iter().position(|d| d.date.0 == day) else { continue };
            let shift = DayShift::of(self.zone, LocalDate(day));
            let us = shift.elapsed_us(us.rem_euclid(DAY_US), repeated);
            builders[number].add(self.site(name.chars().next().unwrap()), us, us, 1);
        }
        let (segments, trips) =
            self.compute(&dates, [0, 1, 2].map(|day: usize| builders[day].visits()));
        (segments, trips, dates)
    }

    fn compute(&self, dates: &Dates, visits: [&[Visit]; 3]) -> (Vec<Segment>, Vec<Trip>) {
        let cells = self.sites.iter().map(|(_, site)| (*site, Some("EE_1")));
        let places = Places::new(cells, self.stays.flicker_neighbours as usize);
        let mut timeline = Timeline::default();
        let stops = timeline.find(dates, visits, [&places; 3], &self.stays);
        let (mut rows, mut found) = (Vec::new(), Vec::new());
        segments(stops, dates, &mut rows);
        trips(stops, &self.trips, &mut found);
        (rows, found)
    }

    /// The segments of a date as text, such as `stay A 08:05-09:25 2`; `+` marks those that continue.
    fn segments_of(&self, date: &str, events: &[&str]) -> Vec<String> {
        let (rows, _, dates) = self.rows(date, events);
        let text = |row: &Segment| {
            let time = |us: i64| time(&dates, us);
            let (start, end) = (time(row.start_us), time(row.end_us));
            let sign = if row.continues { "+" } else { "" };
            let (state, site) = (row.state.name(), self.name(row.site));
            format!("{sign}{state} {site} {start}-{end} {}", row.events)
        };
        rows.iter().map(text).collect()
    }

    fn trips_of(&self, date: &str, events: &[&str]) -> Vec<String> {
        let (_, rows, dates) = self.rows(date, events);
        let text = |trip: &Trip| {
            let (from, to) = (self.name(Some(trip.from)), self.name(Some(trip.to)));
            format!(
                "{from}{to} {}-{}",
                time(&dates, trip.departed_us),
                time(&dates, trip.arrived_us)
            )
        };
        rows.iter().map(text).collect()
    }

    fn segments(&self, events: &[&str]) -> Vec<String> {
        self.segments_of(DATE, &on(DATE, events))
    }

    fn trips(&self, events: &[&str]) -> Vec<String> {
        self.trips_of(DATE, &on(DATE, events))
    }
}

/// Clock time, with a sign on the dates beside.
fn time(dates: &Dates, us: i64) -> String {
    let wall = dates.wall_us(us) - dates.days()[Dates::OWN].date.first_hour().start_us();
    let day = match wall.div_euclid(DAY_US) {
        -1 => "<",
        0 => "",
        _ if wall == DAY_US => return "24:00".to_owned(),
        _ => ">",
    };
    let minutes = wall.rem_euclid(DAY_US) / 60_000_000;
    format!("{day}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// `A 08:10` as `A 2024-10-02 08:10`.
fn on(date: &str, events: &[&str]) -> Vec<&'static str> {
    let dated =
        |event: &&str| -> &'static str { format!("{} {date} {}", &event[..1], &event[2..]).leak() };
    events.iter().map(dated).collect()
}

#[test]
fn two_events_are_a_stay_with_pads_between_unknown_times() {
    let case = Case::new(&[('A', 0.0)]);
    let expected = ["unknown - 00:00-08:05 0", "stay A 08:05-09:25 2", "unknown - 09:25-24:00 0"];
    assert_eq!(case.segments(&["A 08:10", "A 09:20"]), expected);
}

#[test]
fn short_gap_between_sites_is_a_move_and_a_trip() {
    let case = Case::new(&[('A', 0.0), ('B', 8.0)]);
    let events = ["A 07:00", "A 08:00", "B 08:40", "B 09:30"];
    let expected = [
        "unknown - 00:00-06:55 0",
        "stay A 06:55-08:00 2",
        "move - 08:00-08:40 0",
        "stay B 08:40-09:35 2",
        "unknown - 09:35-24:00 0",
    ];
    assert_eq!(case.segments(&events), expected);
    assert_eq!(case.trips(&events), ["AB 08:00-08:40"]);
}

#[test]
fn short_way_to_a_near_site_and_back_is_part_of_the_stay() {
    let case = Case::new(&[('A', 0.0), ('B', 2.0)]);
    let events = ["A 12:00", "A 12:05", "B 12:07", "A 12:09", "A 12:20"];
    let expected = ["unknown - 00:00-11:55 0", "stay A 11:55-12:25 5", "unknown - 12:25-24:00 0"];
    assert_eq!(case.segments(&events), expected);
}

#[test]
fn time_away_counts_from_the_first_event_elsewhere() {
    let case = Case::new(&[('A', 0.0), ('B', 2.0)]);
    // 30 minutes away after an hour without events
    let still = ["A 10:00", "A 11:00", "B 12:00", "A 12:30", "A 12:50"];
    assert_eq!(case.segments(&still)[1], "stay A 09:55-12:55 5");
    let away = ["A 10:00", "A 11:00", "B 12:00", "A 12:31", "A 12:50"];
    assert_eq!(
        case.trips(&["A 10:00", "A 11:00", "B 12:00", "B 12:31", "A 12:40", "A 12:56"]),
        ["AB 11:00-12:00", "BA 12:31-12:40"]
    );
    assert_eq!(case.segments(&away)[3], "pass B 12:00-12:00 1");
}

#[test]
fn far_site_is_flicker_only_among_the_nearest() {
    let sites = [('A', 0.0), ('B', 15.0), ('C', 14.0), ('D', 16.0)];
    let events = ["A 12:00", "B 12:07", "A 12:20"];
    let mut case = Case::new(&sites);
    case.stays.flicker_neighbours = 2;
    assert_eq!(case.segments(&events)[1], "stay A 11:55-12:25 3");
    case.stays.flicker_neighbours = 1;
    assert_eq!(case.segments(&events).len(), 7);
    assert_eq!(case.segments(&["A 12:00", "D 12:07", "B 12:08", "A 12:20"]).len(), 9);
}

#[test]
fn grown_visit_takes_in_more() {
    let case = Case::new(&[('A', 0.0), ('B', 2.0), ('C', 3.0)]);
    let events = ["A 12:00", "B 12:20", "A 12:40", "C 13:00", "B 13:10", "A 13:20", "C 13:30"];
    let expected = "stay A 11:55-13:20 6";
    assert_eq!(case.segments(&events)[1], expected);
    // at the end of the way back, nothing lies between
    assert_eq!(case.segments(&["A 08:00", "A 11:00"]).len(), 5);
}

#[test]
fn gap_longer_than_allowed_is_no_flicker_and_no_move() {
    let mut case = Case::new(&[('A', 0.0), ('B', 2.0)]);
    case.stays.flicker_s = 20_000;
    let events = ["A 08:00", "B 10:00", "A 12:00"];
    assert_eq!(case.segments(&events)[1], "stay A 07:55-12:05 3");
    let events = ["A 08:00", "B 10:00", "A 12:01"];
    assert_eq!(
        case.segments(&events)[1..4],
        ["pass A 07:55-08:00 1", "move - 08:00-10:00 0", "pass B 10:00-10:05 1"]
    );
    // a night that is part of what lies between is too long a gap, too
    case.stays.flicker_s = 40_000;
    let events = ["A 01:00", "B 02:00", "B 06:00", "A 07:00"];
    assert_eq!(case.segments(&events).len(), 7);
}

#[test]
fn night_gap_is_part_of_a_visit_if_it_lies_within_the_night() {
    let case = Case::new(&[('A', 0.0)]);
    assert_eq!(case.segments(&["A 01:00", "A 09:00"])[1], "stay A 00:55-09:05 2");
    assert_eq!(case.segments(&["A 01:01", "A 09:01"]).len(), 5);
    assert_eq!(case.segments(&["A 00:00", "A 08:30"]).len(), 4);
    let night = ["A 2024-10-02 23:00", "A 2024-10-03 07:00"];
    assert_eq!(case.segments_of(DATE, &night), ["unknown - 00:00-22:55 0", "stay A 22:55-24:00 1"]);
    assert_eq!(
        case.segments_of("2024-10-03", &night),
        ["+stay A 00:00-07:05 1", "unknown - 07:05-24:00 0"]
    );
    let early = ["A 2024-10-02 22:59", "A 2024-10-03 06:59"];
    assert_eq!(
        case.segments_of("2024-10-03", &early),
        ["+unknown - 00:00-06:54 0", "pass A 06:54-07:04 1", "unknown - 07:04-24:00 0"]
    );
}

#[test]
fn pads_reach_at_most_to_the_middle_of_unknown_time() {
    let mut case = Case::new(&[('A', 0.0), ('B', 8.0)]);
    case.stays.max_gap_s = 300;
    let segments = case.segments(&["A 08:00", "B 08:06"]);
    assert_eq!(
        segments,
        [
            "unknown - 00:00-07:55 0",
            "pass A 07:55-08:03 1",
            "pass B 08:03-08:11 1",
            "unknown - 08:11-24:00 0"
        ]
    );
}

#[test]
fn move_and_pad_over_midnight_are_cut_and_continue() {
    let case = Case::new(&[('A', 0.0), ('B', 8.0)]);
    let events =
        ["A 2024-10-02 23:00", "A 2024-10-02 23:50", "B 2024-10-03 00:20", "B 2024-10-03 01:00"];
    assert_eq!(case.segments_of(DATE, &events)[2], "move - 23:50-24:00 0");
    assert_eq!(
        case.segments_of("2024-10-03", &events)[..2],
        ["+move - 00:00-00:20 0", "stay B 00:20-01:05 2"]
    );
    assert_eq!(case.trips_of(DATE, &events), ["AB 23:50->00:20"]);
    assert!(case.trips_of("2024-10-03", &events).is_empty());
    let padded = ["A 2024-10-02 23:58", "B 2024-10-03 06:00"];
    assert_eq!(
        case.segments_of(DATE, &padded),
        ["unknown - 00:00-23:53 0", "pass A 23:53-24:00 1"]
    );
    assert_eq!(
        case.segments_of("2024-10-03", &padded)[..2],
        ["+pass A 00:00-00:03 0", "unknown - 00:03-05:55 0"]
    );
}

#[test]
fn parts_of_a_visit_on_two_dates_are_one_stay() {
    let case = Case::new(&[('A', 0.0), ('B', 8.0), ('C', 16.0)]);
    // 8 minutes before midnight and 8 after it
    let events = [
        "B 2024-10-02 23:00",
        "B 2024-10-02 23:20",
        "A 2024-10-02 23:52",
        "A 2024-10-03 00:08",
        "C 2024-10-03 00:30",
        "C 2024-10-03 01:30",
    ];
    assert_eq!(case.segments_of(DATE, &events)[3], "stay A 23:52-24:00 1");
    assert_eq!(case.segments_of("2024-10-03", &events)[0], "+stay A 00:00-00:08 1");
    assert_eq!(case.trips_of(DATE, &events), ["BA 23:20-23:52"]);
    assert_eq!(case.trips_of("2024-10-03", &events), ["AC 00:08-00:30"]);
}

#[test]
fn missing_date_is_never_bridged() {
    let case = Case::new(&[('A', 0.0)]);
    let events = ["A 2024-10-01 23:59", "A 2024-10-03 00:01"];
    assert!(case.segments_of(DATE, &events).is_empty());
    assert_eq!(
        case.segments_of("2024-10-03", &events),
        ["pass A 00:00-00:06 1", "unknown - 00:06-24:00 0"]
    );
    // the same month a year later
    let years = ["A 2023-10-02 12:00", "A 2024-10-02 12:10"];
    assert_eq!(case.segments_of(DATE, &years)[1], "pass A 12:05-12:15 1");
}

#[test]
fn single_event_between_two_moves_keeps_its_row() {
    let case = Case::new(&[('A', 0.0), ('B', 8.0), ('C', 16.0)]);
    let events = ["A 08:00", "A 08:30", "B 09:00", "C 09:30", "C 10:00"];
    assert_eq!(
        case.segments(&events)[2..5],
        ["move - 08:30-09:00 0", "pass B 09:00-09:00 1", "move - 09:00-09:30 0"]
    );
    assert_eq!(case.trips(&events), ["AC 08:30-09:30"]);
}

#[test]
fn trips_are_neither_too_short_nor_too_long_nor_over_unknown_time() {
    let mut case = Case::new(&[('A', 0.0), ('B', 1.1), ('C', 0.9), ('D', 30.0)]);
    case.stays.flicker_s = 0;
    assert_eq!(case.trips(&["A 08:00", "A 08:30", "B 09:00", "B 09:30"]), ["AB 08:30-09:00"]);
    assert!(case.trips(&["A 08:00", "A 08:30", "C 09:00", "C 09:30"]).is_empty());
    // from the last stay, though that is near the one before
    let events = ["A 08:00", "A 08:30", "C 09:00", "C 09:30", "D 10:00", "D 10:30"];
    assert_eq!(case.trips(&events), ["CD 09:30-10:00"]);
    assert!(case.trips(&["A 08:00", "A 08:30", "D 11:00", "D 11:30"]).is_empty());
    // a pass on the way, with unknown time after it
    let events = ["A 08:00", "A 08:30", "B 09:00", "D 12:00", "D 12:30"];
    assert!(case.trips(&events).is_empty());
    let passes = ["A 05:00", "A 05:30", "B 07:00", "C 08:30", "B 10:00", "D 11:30", "D 12:00"];
    assert_eq!(case.trips(&passes), ["AD 05:30-11:30"]);
    case.trips.max_hours = 5;
    assert!(case.trips(&passes).is_empty());
}

#[test]
fn gaps_are_time_that_passed_when_the_clocks_change() {
    let mut case = Case::new(&[('A', 0.0), ('B', 8.0)]);
    case.zone = Some(chrono_tz::Europe::Tallinn);
    // 02:30 and 04:29 by the clock, but 2 hours and 59 minutes apart
    let events = ["A 2024-10-26 23:30:00Z", "B 2024-10-27 02:29:00Z"];
    assert_eq!(
        case.segments_of("2024-10-27", &events),
        [
            "unknown - 00:00-02:25 0",
            "pass A 02:25-02:35 1",
            "unknown - 02:35-04:24 0",
            "pass B 04:24-04:34 1",
            "unknown - 04:34-24:00 0"
        ]
    );
    // both 03:30 by the clock
    let events = ["A 2024-10-27 00:30:00Z", "A 2024-10-27 01:30:00Z"];
    let (rows, _, _) = case.rows("2024-10-27", &events);
    assert_eq!(rows[1].end_us - rows[1].start_us, 70 * 60 * 1_000_000);
    // 02:30 and 05:00 by the clock, an hour and a half apart
    let events = ["A 2025-03-30 00:30:00Z", "B 2025-03-30 02:00:00Z"];
    assert_eq!(case.segments_of("2025-03-30", &events)[2], "move - 02:30-05:00 0");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn segments_cover_a_date_with_events_exactly(
        steps in prop::collection::vec((0usize..5, 1i64..9_000), 1..60),
        start in 0i64..72 * 3_600,
        date in prop::sample::select(vec!["2024-10-02", "2024-10-27", "2025-03-30"]),
        pad_s in prop::sample::select(vec![0u32, 300, 40_000]),
    ) {
        let names = [('A', 0.0), ('B', 2.0), ('C', 4.5), ('D', 20.0), ('E', 60.0)];
        let mut case = Case::new(&names);
        case.zone = Some(chrono_tz::Europe::Tallinn);
        case.stays.pad_s = pad_s;
        case.stays.flicker_neighbours = 1;
        let date = LocalDate::from_calendar(date.parse().unwrap());
        let dates = Dates::around(date, |date| DayShift::of(case.zone, date));
        let mut builders = [(); 3].map(|()| VisitBuilder::new(case.stays.stored_gap_us()));
        let mut us = dates.start_us(0) + start * 1_000_000;
        let mut events = [0; 3];
        for (site, seconds) in steps {
            us += seconds * 1_000_000;
            if us >= dates.end_us(2) {
                break;
            }
            let day = (0..3).rfind(|day| us >= dates.start_us(*day)).unwrap();
            let of_day = us - dates.start_us(day);
            builders[day].add(case.site(names[site].0), of_day, of_day, 1);
            events[day] += 1;
        }
        let visits = [0, 1, 2].map(|day: usize| builders[day].visits());
        let (rows, trips) = case.compute(&dates, visits);
        prop_assert_eq!(rows.is_empty(), events[1] == 0);
        if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            prop_assert_eq!((first.start_us, last.end_us), (0, dates.end_us(1)));
        }
        for pair in rows.windows(2) {
            prop_assert_eq!(pair[0].end_us, pair[1].start_us);
            prop_assert!(!pair[1].continues);
        }
        for row in &rows {
            prop_assert_eq!(row.site.is_some(), matches!(row.state, State::Stay | State::Pass));
            prop_assert!(row.start_us < row.end_us || row.state == State::Pass);
        }
        let seen: u32 = rows.iter().map(|row| row.events).sum();
        // an event at midnight that ends a visit has no row
        prop_assert!(seen == events[1] || seen + 1 == events[1]);
        for trip in trips {
            let leaves = |row: &Segment| row.state == State::Stay && row.end_us == trip.departed_us;
            prop_assert!(trip.departed_us == 0 || rows.iter().any(leaves));
            prop_assert!(trip.metres >= 1_000.0 && trip.arrived_us >= trip.departed_us);
        }
    }
}
