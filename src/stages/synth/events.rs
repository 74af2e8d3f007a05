//! Events of a day, in time order, cut into slices that can be made independently.

use rand::RngExt;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

/// Seconds of a day; synthetic days have 24 hours, as local wall time without a zone has.
const DAY_S: u64 = 86_400;

/// Relative number of events in each clock hour: fairly flat, somewhat fewer by day.
const HOURLY: [u64; 24] = [
    177, 177, 177, 177, 177, 172, 168, 166, 166, 165, 164, 163, 164, 165, 164, 163, 162, 162, 165,
    176, 177, 177, 177, 177,
];

/// Events in one file, roughly.
pub const EVENTS_PER_FILE: u64 = 2_500_000;

/// Part of one clock hour with its exact number of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// First second, since midnight.
    pub from_s: u64,
    /// Second after the last.
    pub to_s: u64,
    pub events: u64,
}

/// Cuts a day of exactly `events` events into slices of equal time, one a file.
pub fn slices(events: u64) -> Vec<Vec<Segment>> {
    let count = events.div_ceil(EVENTS_PER_FILE).clamp(1, DAY_S);
    (0..count)
        .map(|i| {
            let (start, end) = (DAY_S * i / count, DAY_S * (i + 1) / count);
            let mut segments = Vec::new();
            let mut from_s = start;
            while from_s < end {
                let to_s = end.min((from_s / 3_600 + 1) * 3_600);
                let events = events_before(events, to_s) - events_before(events, from_s);
                segments.push(Segment { from_s, to_s, events });
                from_s = to_s;
            }
            segments
        })
        .collect()
}

/// How many of the day's events lie before a second. Rounded here and nowhere else, so that
/// segments add up to the day exactly.
fn events_before(events: u64, second: u64) -> u64 {
    let hour = (second / 3_600) as usize;
    let whole: u64 = HOURLY[..hour].iter().sum::<u64>() * 3_600;
    let begun = HOURLY.get(hour).map_or(0, |weight| weight * (second % 3_600));
    let day: u64 = HOURLY.iter().sum::<u64>() * 3_600;
    (u128::from(events) * u128::from(whole + begun) / u128::from(day)) as u64
}

/// Calls `event(second, user)` for every event of a segment in time order. Each event falls on a
/// random second and a random user, which makes the counts of users and hours Poisson-like for
/// the exact total; counting the seconds first spares sorting. A user has no two events in one
/// second, unless there are more events than users.
///
/// # Errors
/// The first error of `event`.
pub fn draw<E>(
    segment: Segment,
    users: u32,
    rng: &mut ChaCha8Rng,
    mut event: impl FnMut(u32, u32) -> Result<(), E>,
) -> Result<(), E> {
    let seconds = (segment.to_s - segment.from_s) as u32;
    let mut per_second = vec![0u32; seconds as usize];
    for _ in 0..segment.events {
        per_second[rng.random_range(0..seconds) as usize] += 1;
    }
    for (second, &count) in (segment.from_s as u32..).zip(&per_second) {
        let (mut left, all) = (count as usize, users as usize);
        while left > 0 {
            for user in sample(rng, all, left.min(all)) {
                event(second, user as u32)?;
            }
            left = left.saturating_sub(all);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cover_the_day_and_add_up_to_the_exact_total() {
        for events in [1, 7, 1_000, 2_500_000, 2_500_001, 40_700_000, 41_000_003] {
            let segments: Vec<Segment> = slices(events).into_iter().flatten().collect();
            assert_eq!(segments.iter().map(|s| s.events).sum::<u64>(), events);
            assert_eq!(segments[0].from_s, 0);
            assert_eq!(segments[segments.len() - 1].to_s, 86_400);
            assert!(segments.windows(2).all(|w| w[0].to_s == w[1].from_s));
            assert!(segments.iter().all(|s| s.from_s / 3_600 == (s.to_s - 1) / 3_600));
        }
    }

    #[test]
    fn a_full_day_has_1_6_to_1_8_million_events_an_hour() {
        for hour in 0..24u64 {
            let from = events_before(40_700_000, hour * 3_600);
            let events = events_before(40_700_000, (hour + 1) * 3_600) - from;
            assert!((1_600_000..=1_800_000).contains(&events), "{hour}: {events}");
        }
    }

    #[test]
    fn a_file_holds_about_two_and_a_half_million_events() {
        let files = slices(40_700_000);
        assert_eq!(files.len(), 17);
        for file in files {
            let events: u64 = file.iter().map(|s| s.events).sum();
            assert!((2_200_000..2_700_000).contains(&events), "{events}");
        }
    }
}
