//! Visits of a device on a date without the times that the network handed a phone to and fro while it lay still.

use hashbrown::HashMap;

use super::places::Places;
use super::settings::Stays;
use super::visit::Visit;
use crate::domain::site::Site;

/// Joins visits to one site with what lies between them, if the device was away for a short time and stayed
/// near; the visits are those of a date, in order of time.
pub fn without_flicker(visits: &mut Vec<Visit>, stays: &Stays, places: &Places) {
    if visits.len() < 3 {
        return;
    }
    let next = next_at_same_site(visits);
    let mut kept = 0;
    let mut at = 0;
    while at < visits.len() {
        let mut grown = visits[at];
        // where the last visit is that it took in
        let mut end = at;
        while let Some(back) = next[end].map(|back| back as usize)
            && let Some(events) = taken_in(&grown, &visits[end + 1..=back], stays, places)
        {
            grown.last_us = visits[back].last_us;
            grown.events = events;
            end = back;
        }
        visits[kept] = grown;
        kept += 1;
        at = end + 1;
    }
    visits.truncate(kept);
}

/// For each visit, the next one at the same site.
fn next_at_same_site(visits: &[Visit]) -> Vec<Option<u32>> {
    let mut next = vec![None; visits.len()];
    let mut known: HashMap<Site, u32> = HashMap::new();
    for (number, visit) in visits.iter().enumerate().rev() {
        next[number] = known.insert(visit.site, number as u32);
    }
    next
}

/// The events of a visit after it took in others, of which the last one is the return to its site; `None` if it
/// does not take them in.
fn taken_in(visit: &Visit, others: &[Visit], stays: &Stays, places: &Places) -> Option<u32> {
    let (back, between) = others.split_last()?;
    let away = between.first()?;
    if back.first_us - away.first_us > stays.flicker_us() {
        return None;
    }
    let mut before_us = visit.last_us;
    let mut events = visit.events.checked_add(back.events)?;
    for other in between {
        let gap = (other.first_us - before_us).max(other.longest_gap_us);
        if gap > stays.max_gap_us() || !places.is_near(visit.site, other.site, stays.flicker_m) {
            return None;
        }
        before_us = other.last_us;
        events = events.checked_add(other.events)?;
    }
    (back.first_us - before_us <= stays.max_gap_us()).then_some(events)
}
