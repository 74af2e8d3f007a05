//! Events of a day in order of time, divided into slices that are generated independently.

use rand::RngExt;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

/// Seconds of a day; synthetic days have 24 hours, because local time without a zone has no clock
/// changes.
const DAY_S: u64 = 86_400;

/// Relative number of events in each clock hour: nearly uniform, slightly lower by day.
const HOURLY: [u64; 24] = [
    177, 177, 177, 177, 177, 172, 168, 166, 166, 165, 164, 163, 164, 165, 164, 163, 162, 162, 165,
    176, 177, 177, 177, 177,
];

/// Approximate number of events per file.
pub const EVENTS_PER_FILE: u64 = 2_500_000;

/// A part of one clock hour with its exact number of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// First second, since midnight.
    pub from_s: u64,
    /// End, exclusive.
    pub to_s: u64,
    pub events: u64,
}

/// Divides a day of exactly `events` events into slices of equal duration, one per file.
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

/// Number of events of the day before a second. This is the only place that rounds, so the segments
/// add up to the day exactly.
fn events_before(events: u64, second: u64) -> u64 {
    let hour = (second / 3_600) as usize;
    let whole: u64 = HOURLY[..hour].iter().sum::<u64>() * 3_600;
    let begun = HOURLY.get(hour).map_or(0, |weight| weight * (second % 3_600));
    let day: u64 = HOURLY.iter().sum::<u64>() * 3_600;
    (u128::from(events) * u128::from(whole + begun) / u128::from(day)) as u64
}

/// Calls `event(second, user)` for every event of a segment in order of time. Each event has a random
/// second and a random user, so counts per user are approximately Poisson-distributed. Seconds are
/// counted first, so no sorting is needed. A user has at most one event per second, unless there are
/// more events than users.
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
    fn full_day_has_1_6_to_1_8_million_events_per_hour() {
        for hour in 0..24u64 {
            let from = events_before(40_700_000, hour * 3_600);
            let events = events_before(40_700_000, (hour + 1) * 3_600) - from;
            assert!((1_600_000..=1_800_000).contains(&events), "{hour}: {events}");
        }
    }

    #[test]
    fn file_has_about_two_and_a_half_million_events() {
        let files = slices(40_700_000);
        assert_eq!(files.len(), 17);
        for file in files {
            let events: u64 = file.iter().map(|s| s.events).sum();
            assert!((2_200_000..2_700_000).contains(&events), "{events}");
        }
    }
}
