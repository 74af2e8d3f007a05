//! Where devices spend their nights. Each night follows from the seed, the device and the date alone, so
//! that days can be generated one by one.

use super::super::random::{mix, unit};
use super::device::{Device, Kind};
use super::network::Network;

/// Days in which a resident has at most one holiday; it lies within them.
const HOLIDAY_SPAN_DAYS: i32 = 28;
const HOLIDAY_SHARE: f64 = 0.2;
const HOLIDAY_NIGHTS: std::ops::RangeInclusive<i32> = 3..=10;
/// Share of holidays abroad.
const ABROAD_SHARE: f64 = 0.4;
/// Share of weekends in the second home of those who have one.
const SECOND_HOME_WEEKENDS: f64 = 0.5;
/// Share of other nights away from home.
const ELSEWHERE_SHARE: f64 = 0.015;
/// Days in which a foreign device comes at most once. With up to three nights a visit it has fewer than ten
/// nights in any month.
const VISIT_SPAN_DAYS: i32 = 14;
const VISIT_SHARE: f64 = 0.8;
const MAX_VISIT_NIGHTS: i32 = 3;

/// Why a device spends a night where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Home,
    NightWork,
    SecondHome,
    Holiday,
    /// Abroad, on holiday.
    Abroad,
    Elsewhere,
    /// A foreign device in the country.
    Visit,
    /// A foreign device abroad.
    Absent,
}

impl Reason {
    /// As in the ground truth.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Home => "home",
            Reason::NightWork => "night_work",
            Reason::SecondHome => "second_home",
            Reason::Holiday => "holiday",
            Reason::Abroad => "abroad",
            Reason::Elsewhere => "elsewhere",
            Reason::Visit => "visit",
            Reason::Absent => "absent",
        }
    }
}

/// The night that begins on the evening of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Night {
    /// `None` outside the country.
    pub site: Option<u32>,
    pub reason: Reason,
}

/// Monday is 0; `day` is counted from 1970-01-01.
pub fn weekday(day: i32) -> i32 {
    (day - 4).rem_euclid(7)
}

pub fn is_working_day(day: i32) -> bool {
    weekday(day) < 5
}

/// Where a device is for the night of `day`, counted from 1970-01-01. Who works at night is at this place
/// in the afternoons instead.
pub fn night(seed: u64, number: u32, device: &Device, network: &Network, day: i32) -> Night {
    let hash = |purpose: u64, of: i32| mix(mix(seed, purpose, 0xca1e), number.into(), of as u64);
    match device.kind {
        Kind::Still => Night { site: device.home, reason: Reason::Home },
        Kind::Foreign => visit(hash, network, day),
        Kind::Resident => resident_night(hash, device, network, day),
    }
}

fn resident_night(
    hash: impl Fn(u64, i32) -> u64,
    device: &Device,
    network: &Network,
    day: i32,
) -> Night {
    let span = day.div_euclid(HOLIDAY_SPAN_DAYS);
    if unit(hash(1, span)) < HOLIDAY_SHARE {
        let (shortest, longest) = (*HOLIDAY_NIGHTS.start(), *HOLIDAY_NIGHTS.end());
        let nights = shortest + below(hash(2, span), longest - shortest + 1);
        let first = below(hash(3, span), HOLIDAY_SPAN_DAYS - nights);
        if (first..first + nights).contains(&day.rem_euclid(HOLIDAY_SPAN_DAYS)) {
            if unit(hash(4, span)) < ABROAD_SHARE {
                return Night { site: None, reason: Reason::Abroad };
            }
            return Night { site: any(hash(5, span), network), reason: Reason::Holiday };
        }
    }
    let weekend = matches!(weekday(day), 4 | 5);
    let week = (day - 4).div_euclid(7);
    if let Some(site) = device.second_home.filter(|_| weekend)
        && unit(hash(6, week)) < SECOND_HOME_WEEKENDS
    {
        return Night { site: Some(site), reason: Reason::SecondHome };
    }
    if !device.works_at_night() && unit(hash(7, day)) < ELSEWHERE_SHARE {
        return Night { site: any(hash(8, day), network), reason: Reason::Elsewhere };
    }
    Night { site: device.home, reason: Reason::Home }
}

fn visit(hash: impl Fn(u64, i32) -> u64, network: &Network, day: i32) -> Night {
    // visits of all devices would else begin in the same spans
    let day = day + below(hash(11, 0), VISIT_SPAN_DAYS);
    let span = day.div_euclid(VISIT_SPAN_DAYS);
    let nights = 1 + below(hash(12, span), MAX_VISIT_NIGHTS);
    let first = below(hash(13, span), VISIT_SPAN_DAYS - nights);
    let here = (first..first + nights).contains(&day.rem_euclid(VISIT_SPAN_DAYS));
    if here && unit(hash(14, span)) < VISIT_SHARE {
        // visitors change their place every second night
        let nights_here = day.rem_euclid(VISIT_SPAN_DAYS) - first;
        let place = hash(15, 2 * span + nights_here / 2);
        return Night { site: any(place, network), reason: Reason::Visit };
    }
    Night { site: None, reason: Reason::Absent }
}

fn below(hash: u64, end: i32) -> i32 {
    (hash % end.max(1) as u64) as i32
}

fn any(hash: u64, network: &Network) -> Option<u32> {
    let sites = network.in_main_country();
    sites.get((hash % sites.len().max(1) as u64) as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_are_counted_from_monday() {
        // 2024-10-01 is day 19,997 since 1970, a Tuesday
        assert_eq!((19_996..20_003).map(weekday).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
        assert!(is_working_day(20_000) && !is_working_day(20_001));
    }
}
