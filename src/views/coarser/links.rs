//! Relations between the numbers of a coarser form of a view and finer numbers.

use super::super::publication::{
    Basis, Column, Condition, KeyPair, KeyValue, Link, Period, Relation,
};
use super::sources::{FLOW_BALANCE, is_related, users_per_lau};
use super::{Coarser, DATE, HOUR, LAU_ID, Level, PRESENT_PER_LAU, Source, is_area, unit};
use crate::config::{Areas, ReleasePeriod};

/// Counts by window or by night of devices that live, work or sleep in an area, where they are seen: view, columns, the
/// key with the window or the night, and the one with the area.
const SEEN: [(&str, &[&str], &str, &str); 4] = [
    ("residents_per_lau", &["residents", "workers"], WINDOW, LAU_ID),
    ("commuters", &["devices"], WINDOW, "home_lau_id"),
    ("commuters", &["devices"], WINDOW, "work_lau_id"),
    ("overnight_stays", &["devices"], "night", "night_lau_id"),
];
const WINDOW: &str = "window_start";

impl Coarser {
    /// The level with the finest areas or period where it does not matter.
    pub fn level(&self) -> Level {
        let finest = Level::FINEST;
        Level {
            areas: self.areas.unwrap_or(finest.areas),
            period: self.period.unwrap_or(finest.period),
        }
    }

    /// The relations between a finer form of the view and this one: what the finer one counts is in the number of the
    /// area and the period that hold it, and sums add up.
    pub fn contains(&self, finer: Level) -> Vec<Link> {
        let level = self.level();
        // trips into another part of an area are within it, so that flows into and out of areas do not add up
        let is_split = self.of == FLOW_BALANCE && finer.areas != level.areas;
        let mut links = Vec::new();
        if let Source::Counted(_) = self.source {
            links.push(self.residents(finer));
            return links;
        }
        for measure in self.view.publication.counts.iter().flatten() {
            let relation = match (&measure.basis, self.source) {
                (Basis::From(_), _) => continue,
                (basis, _) if basis.is_sum() && is_split => continue,
                (basis, _) if basis.is_sum() => Relation::Equal,
                (_, Source::Users(_)) => Relation::SeenIn,
                (_, Source::Counted(_) | Source::Disjoint) => Relation::Equal,
            };
            let by = self.by_of(finer);
            links.push(self.link(vec![measure.column.clone()], relation, &measure.column, by));
        }
        if is_split {
            let mut by = self.by_of(finer);
            by.retain(|pair| pair.theirs == level.key(DATE));
            let counts = ["outflow", "within"].map(str::to_owned);
            links.push(self.link(counts.into(), Relation::Equal, "trips", by));
        }
        links.retain(|_| is_related(&self.of));
        links
    }

    /// Devices that live in a place live in the area that holds it. The other roles in a place may be others in the area.
    fn residents(&self, finer: Level) -> Link {
        let condition = Condition {
            column: "role".to_owned(),
            is_negated: false,
            equals: KeyValue::Text("resident".to_owned()),
        };
        let by = self.by_of(finer);
        let link = self.link(vec!["devices".to_owned()], Relation::Within, "devices", by);
        Link { condition: Some(condition), ..link }
    }

    /// The keys of the row of this form that holds the row of a finer one.
    pub fn by_of(&self, finer: Level) -> Vec<KeyPair> {
        let level = self.level();
        let held = |base: &String| KeyPair {
            ours: held(KeyValue::Column(finer.key(base)), base, finer, level),
            theirs: level.key(base),
        };
        self.bases().iter().map(held).collect()
    }

    fn link(
        &self,
        counts: Vec<String>,
        relation: Relation,
        column: &str,
        by: Vec<KeyPair>,
    ) -> Link {
        Link {
            counts,
            times: None,
            relation,
            is_near: false,
            to: Column { view: Some(self.view.view.clone()), column: column.to_owned() },
            by,
            each: Vec::new(),
            beside: None,
            condition: None,
        }
    }

    /// The relations of counts by window or by night in the view `of`, whose areas are those of the level `finer`, with
    /// the devices that are seen in an area in a week or a month. They hold nearly always: a site may have cells of
    /// several LAUs.
    pub fn contains_seen(&self, of: &str, finer: Level) -> Vec<Link> {
        let level = self.level();
        if self.of != users_per_lau().0 || finer.areas > level.areas {
            return Vec::new();
        }
        let link = |(_, counts, time, area): &(&str, &[&str], &str, &str)| {
            let time = match (*time, level.period) {
                (_, ReleasePeriod::Day) => return None,
                (WINDOW, ReleasePeriod::Week) => {
                    KeyValue::Period(Period::WeekOfWindow, WINDOW.to_owned())
                }
                (WINDOW, ReleasePeriod::Month) => {
                    KeyValue::Period(Period::MonthOfWindow, WINDOW.to_owned())
                }
                (night, ReleasePeriod::Week) => {
                    KeyValue::Period(Period::WeekOfNight, night.to_owned())
                }
                (night, ReleasePeriod::Month) => {
                    KeyValue::Period(Period::MonthOfNight, night.to_owned())
                }
            };
            let area = held(KeyValue::Column(finer.key(area)), area, finer, level);
            let by = vec![
                KeyPair { ours: time, theirs: level.key(DATE) },
                KeyPair { ours: area, theirs: level.key(LAU_ID) },
            ];
            let counts = counts.iter().map(|count| (*count).to_owned()).collect();
            let link = self.link(counts, Relation::In, "user_count", by);
            Some(Link { is_near: true, ..link })
        };
        SEEN.iter().filter(|(view, ..)| *view == of).filter_map(link).collect()
    }

    /// The relation between counts of another view `of` and this one, where these are in a number of a finer form of this
    /// view, which is at the level `finer`.
    pub fn contains_linked(&self, of: &str, link: &Link, finer: Level) -> Option<Link> {
        let level = self.level();
        let publication = &self.view.publication;
        let total = publication.totals.iter().find(|total| total.to.column == link.to.column);
        let counted = total.map_or(&link.to.column, |total| &total.counts[0]);
        let measure = publication.counts.iter().flatten().find(|m| m.column == *counted)?;
        let is_sum = measure.basis.is_sum();
        if !is_related(&self.of) && total.is_none() {
            return None;
        }
        // a link by few keys is about several rows, unless it is a total by these
        let bases: Vec<String> = match total {
            Some(total) => total.by.iter().map(|pair| self.base(&pair.theirs)).collect(),
            None => self.bases(),
        };
        let by = bases.iter().map(|base| {
            let name = finer.key(base);
            let pair = link.by.iter().find(|pair| pair.theirs == name)?;
            let ours = held(pair.ours.clone(), base, finer, level);
            Some(KeyPair { ours, theirs: level.key(base) })
        });
        let by = by.collect::<Option<Vec<_>>>()?;
        let is_split = self.of == FLOW_BALANCE && total.is_none() && finer.areas != level.areas;
        let condition = match &link.condition {
            Some(condition) if is_sum && finer.areas != level.areas => {
                Some(between_areas(condition, finer, level)?)
            }
            // what flows into and out of an area is known of trips with both ends alone
            None if is_split => return None,
            condition => condition.clone(),
        };
        let is_disjoint = matches!(link.relation, Relation::Equal | Relation::Within);
        let is_same_total =
            total.is_some() && finer.period == level.period && !bases.iter().any(|b| is_area(b));
        let relation = match self.source {
            _ if is_sum || is_same_total => link.relation,
            Source::Disjoint if is_disjoint => Relation::Within,
            // a device is in one place at each hour
            _ if of == PRESENT_PER_LAU => Relation::Within,
            _ => Relation::In,
        };
        let each = match relation {
            _ if of == PRESENT_PER_LAU => vec![HOUR.to_owned()],
            Relation::Equal | Relation::Within => link.each.clone(),
            Relation::In | Relation::SeenIn => Vec::new(),
        };
        let to = Column { view: Some(self.view.view.clone()), column: link.to.column.clone() };
        Some(Link { relation, to, by, each, beside: None, condition, ..link.clone() })
    }

    /// The keys of the view that tell its rows apart, as they are called in its finest form.
    fn bases(&self) -> Vec<String> {
        self.view.order.iter().map(|order| self.base(&order.column)).collect()
    }

    /// The name of a key in the finest form of the view.
    fn base(&self, column: &str) -> String {
        let level = self.level();
        match column {
            column if self.period.is_some() && column == level.period.name() => DATE.to_owned(),
            column if level.areas != Areas::Lau && column.ends_with(level.areas.name()) => {
                format!("{}{LAU_ID}", column.trim_end_matches(level.areas.name()))
            }
            column => column.to_owned(),
        }
    }
}

/// A condition on two LAUs as one on the larger areas that hold them; `None` for one on anything else.
fn between_areas(condition: &Condition, finer: Level, level: Level) -> Option<Condition> {
    let is_of_finer =
        |key: &str| is_area(key) || finer.areas != Areas::Lau && key.ends_with(finer.areas.name());
    match &condition.equals {
        KeyValue::Column(other) if is_of_finer(&condition.column) && is_of_finer(other) => {
            let equals = KeyValue::Area(level.areas, other.clone());
            Some(Condition { equals, ..condition.clone() })
        }
        _ => None,
    }
}

/// The value of a key at a level from that of a finer one; `base` is its name at the finest level.
fn held(value: KeyValue, base: &str, finer: Level, level: Level) -> KeyValue {
    let period = match level.period {
        ReleasePeriod::Week => Period::Week,
        ReleasePeriod::Month => Period::Month,
        ReleasePeriod::Day => Period::Date,
    };
    match value {
        KeyValue::Column(column) if is_area(base) && finer.areas != level.areas => {
            KeyValue::Area(level.areas, column)
        }
        KeyValue::Column(column) if base == DATE && finer.period != level.period => {
            KeyValue::Period(period, column)
        }
        KeyValue::Period(inner, column) if base == DATE && finer.period != level.period => {
            KeyValue::Longer(period, inner, column)
        }
        KeyValue::Text(text) if base == DATE => KeyValue::Text(start_of(level.period, &text)),
        value => value,
    }
}

/// The first date of the period of a date, as text.
fn start_of(period: ReleasePeriod, text: &str) -> String {
    match text.parse() {
        Ok(date) => unit(period).start_of(date).to_string(),
        Err(_) => text.to_owned(),
    }
}
