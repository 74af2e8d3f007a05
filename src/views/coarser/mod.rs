//! Coarser forms of views: the same numbers by larger areas, and by longer periods.
//!
//! A number of devices of a region or a week is not the sum of those of its LAUs or dates, since a device may be in
//! several. So it is counted anew from rows of single users; only numbers of which no device is in two are added up.

mod view_of_level;

use super::growth::Unit;
use super::publication::{Column, KeyPair, KeyValue, Link, Measure, Period, Relation};
use super::registry::Registry;
use super::view::View;
use crate::config::{Areas, ReleasePeriod};
use view_of_level::view_of_level;

/// The area and the period of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Level {
    pub areas: Areas,
    pub period: ReleasePeriod,
}

/// How the numbers of coarser areas and periods follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A SELECT of rows of single users with the keys of the view, and for each number 1, or 0 where the device does
    /// not count.
    Users(&'static str),
    /// The rows of the view: no device is in two rows of a period, so that areas add up.
    Disjoint,
}

const SOURCES: [(&str, Source); 6] = [
    (
        "agg_users_per_lau_per_day",
        Source::Users(include_str!("../../../sql/publish/agg_users_per_lau_per_day.sql")),
    ),
    (
        "view_users_per_lau_day_night",
        Source::Users(include_str!("../../../sql/publish/view_users_per_lau_day_night.sql")),
    ),
    ("od_pairs_per_day", Source::Users(include_str!("../../../sql/publish/od_pairs_per_day.sql"))),
    ("residents_per_lau", Source::Disjoint),
    ("commuters", Source::Disjoint),
    ("overnight_stays", Source::Disjoint),
];

/// Views with devices by date, which are contained in those of weeks and months.
const BY_DATE: [&str; 2] = ["users_per_day", "devices_per_date"];

/// What a view is at a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// It has neither areas nor dates that become coarser.
    Itself,
    Coarser(Box<Coarser>),
    /// Why no correct numbers are known.
    Missing(String),
}

/// A coarser form of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coarser {
    /// As it is released.
    pub view: View,
    /// SQL name of the view that it is a form of.
    pub of: String,
    /// The level, as far as it matters.
    pub areas: Option<Areas>,
    pub period: Option<ReleasePeriod>,
    pub source: Source,
}

impl Level {
    /// The level of the views themselves.
    pub const FINEST: Level = Level { areas: Areas::Lau, period: ReleasePeriod::Day };

    /// All levels.
    pub fn all() -> impl Iterator<Item = Level> {
        let of = |areas| ReleasePeriod::ALL.into_iter().map(move |period| Level { areas, period });
        Areas::ALL.into_iter().flat_map(of)
    }

    /// True if each area and period lies in one of the other level. A week may belong to two months.
    pub fn is_within(self, other: Level) -> bool {
        let is_week_in_month =
            self.period == ReleasePeriod::Week && other.period == ReleasePeriod::Month;
        self.areas <= other.areas && self.period <= other.period && !is_week_in_month
    }

    /// A key of a view at this level: LAUs become areas, and dates periods.
    pub fn key(self, name: &str) -> String {
        if self.areas != Areas::Lau && is_area(name) {
            return format!("{}{}", name.trim_end_matches(LAU_ID), self.areas.name());
        }
        match self.period {
            ReleasePeriod::Day => name.to_owned(),
            period if name == DATE => period.name().to_owned(),
            _ => name.to_owned(),
        }
    }
}

/// The length of a period.
pub fn unit(period: ReleasePeriod) -> Unit {
    match period {
        ReleasePeriod::Day => Unit::Date,
        ReleasePeriod::Week => Unit::Week,
        ReleasePeriod::Month => Unit::Month,
    }
}

const LAU_ID: &str = "lau_id";
const DATE: &str = "date";
/// Describes a LAU, and no larger area.
const LAU_NAME: &str = "lau_name";

/// True for a key with LAUs.
pub fn is_area(key: &str) -> bool {
    key == LAU_ID || key.ends_with("_lau_id")
}

impl Coarser {
    /// The level with the finest areas or period where it does not matter.
    pub fn level(&self) -> Level {
        let finest = Level::FINEST;
        Level {
            areas: self.areas.unwrap_or(finest.areas),
            period: self.period.unwrap_or(finest.period),
        }
    }

    /// The relation between a finer form of the view, with its SQL name, and this one: what the finer one counts is in
    /// the number of the area and the period that hold it.
    pub fn contains(&self, finer: Level) -> Vec<Link> {
        let level = self.level();
        let relation = match self.source {
            Source::Users(_) => Relation::SeenIn,
            Source::Disjoint => Relation::Equal,
        };
        let measures = self.view.publication.counts.iter().flatten();
        let link = |measure: &Measure| Link {
            counts: vec![measure.column.clone()],
            times: None,
            relation,
            is_near: false,
            to: Column { view: Some(self.view.view.clone()), column: measure.column.clone() },
            by: self.keys_of(|base| held(KeyValue::Column(finer.key(base)), base, finer, level)),
            each: Vec::new(),
            condition: None,
        };
        measures.map(link).collect()
    }

    /// The relation between counts of another view and this one, where these are in a number of the finest form of
    /// this view.
    pub fn contains_linked(&self, link: &Link) -> Option<Link> {
        let level = self.level();
        let ours = |base: &str| link.by.iter().find(|pair| pair.theirs == base).map(|p| &p.ours);
        // a link by few keys is about several rows
        if self.bases().iter().any(|base| ours(base).is_none()) {
            return None;
        }
        let by = self.keys_of(|base| {
            held(
                ours(base).cloned().unwrap_or(KeyValue::Text(String::new())),
                base,
                Level::FINEST,
                level,
            )
        });
        let to = Column { view: Some(self.view.view.clone()), column: link.to.column.clone() };
        Some(Link { relation: Relation::In, to, by, each: Vec::new(), ..link.clone() })
    }

    /// The keys of the view that tell its rows apart, as they are called in its finest form.
    fn bases(&self) -> Vec<String> {
        let level = self.level();
        let order = self.view.order.iter().map(|order| order.column.as_str());
        order
            .map(|column| match column {
                column if self.period.is_some() && column == level.period.name() => DATE.to_owned(),
                column if level.areas != Areas::Lau && column.ends_with(level.areas.name()) => {
                    format!("{}{LAU_ID}", column.trim_end_matches(level.areas.name()))
                }
                column => column.to_owned(),
            })
            .collect()
    }

    fn keys_of(&self, ours: impl Fn(&str) -> KeyValue) -> Vec<KeyPair> {
        let level = self.level();
        let bases = self.bases();
        bases.iter().map(|base| KeyPair { ours: ours(base), theirs: level.key(base) }).collect()
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

/// The view with the devices that were seen in each LAU, and the rows behind it.
pub fn users_per_lau() -> (&'static str, Source) {
    SOURCES[0]
}

/// What a view is at a level.
pub fn form_of(view: &View, level: Level, registry: &Registry) -> Form {
    let keys = view.publication.keys.as_ref();
    let columns: Vec<&str> =
        keys.iter().flat_map(|keys| &keys.columns).map(String::as_str).collect();
    let has_areas = columns.iter().any(|key| is_area(key));
    let is_short = ["date", "night", "hour"].iter().any(|key| columns.contains(key))
        || view.snapshot.is_some();
    let is_by_area = level.areas != Areas::Lau && has_areas;
    let is_by_period = level.period != ReleasePeriod::Day && is_short;
    let counts_none = view.publication.counts.as_ref().is_none_or(Vec::is_empty);
    if counts_none || !(is_by_area || is_by_period) {
        return Form::Itself;
    }
    let source = SOURCES.iter().find(|(name, _)| *name == view.view).map(|(_, source)| *source);
    let source = source.filter(|_| !registry.replaces_builtin(view));
    let missing = |what: &str| {
        Form::Missing(format!(
            "its numbers of {what} are not the sums of those that it has, because a device may be in several, and the \
             rows of single users behind it are not known"
        ))
    };
    match source {
        Some(Source::Disjoint) if is_by_period => missing(&format!("a {}", level.period.name())),
        None if is_by_period => missing(&format!("a {}", level.period.name())),
        None => missing("larger areas"),
        Some(source) => {
            let areas = has_areas.then_some(level.areas);
            let period = is_short.then_some(level.period).filter(|_| columns.contains(&DATE));
            let coarser = Coarser {
                view: view_of_level(
                    view,
                    Level { areas: level.areas, period: period.unwrap_or_default() },
                    registry,
                ),
                of: view.view.clone(),
                areas,
                period,
                source,
            };
            Form::Coarser(Box::new(coarser))
        }
    }
}

/// All coarser forms of the views of a registry.
pub fn all(registry: &Registry) -> Vec<Coarser> {
    let mut found: Vec<Coarser> = Vec::new();
    for level in Level::all() {
        for view in registry.views() {
            if let Form::Coarser(coarser) = form_of(view, level, registry)
                && found.iter().all(|known| known.view.view != coarser.view.view)
            {
                found.push(*coarser);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn registry() -> Registry {
        Registry::read((&Config::default()).into()).unwrap()
    }

    fn form(name: &str, areas: Areas, period: ReleasePeriod) -> Coarser {
        let registry = registry();
        let view = registry.by_sql_name(name).unwrap();
        match form_of(view, Level { areas, period }, &registry) {
            Form::Coarser(form) => *form,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn links(links: &[Link]) -> Vec<String> {
        links.iter().map(Link::to_string).collect()
    }

    #[test]
    fn names_keys_and_relations_are_those_of_the_level() {
        let form = form("od_pairs_per_day", Areas::Nuts2, ReleasePeriod::Week);
        let view = &form.view;
        assert_eq!(
            (&*view.name, &*view.view),
            ("od-pairs-per-day-nuts2-week", "od_pairs_per_day_nuts2_week")
        );
        assert_eq!(
            view.publication.keys.as_ref().unwrap().columns,
            ["week", "from_nuts2", "to_nuts2"]
        );
        assert_eq!(
            links(&view.publication.sums),
            [
                "devices = agg_users_per_lau_per_day_nuts2_week.user_count by week, from_nuts2 as nuts2 where \
              from_nuts2 = to_nuts2"
            ]
        );
        assert_eq!(
            links(&view.publication.linked)[0],
            "devices in users_per_week.user_count by week where from_nuts2 = to_nuts2"
        );
        assert_eq!(
            links(&form.contains(Level::FINEST)),
            [
                "devices seen in od_pairs_per_day_nuts2_week.devices by week(date) as week, nuts2(from_lau_id) as \
              from_nuts2, nuts2(to_lau_id) as to_nuts2"
            ]
        );
        let nuts3 = Level { areas: Areas::Nuts3, period: ReleasePeriod::Day };
        assert_eq!(
            links(&form.contains(nuts3)),
            [
                "devices seen in od_pairs_per_day_nuts2_week.devices by week(date) as week, nuts2(from_nuts3) as \
              from_nuts2, nuts2(to_nuts3) as to_nuts2"
            ]
        );
    }

    #[test]
    fn numbers_of_which_no_device_is_in_two_are_added_up_by_area_alone() {
        let form = form("commuters", Areas::Nuts3, ReleasePeriod::Week);
        assert_eq!(form.view.name, "commuters-nuts3");
        assert_eq!(
            links(&form.view.publication.sums)[0],
            "devices <= residents_per_lau_nuts3.residents by window_start, home_nuts3 as nuts3"
        );
        assert_eq!(
            links(&form.contains(Level::FINEST)),
            [
                "devices = commuters_nuts3.devices by window_start, nuts3(home_lau_id) as home_nuts3, \
              nuts3(work_lau_id) as work_nuts3"
            ]
        );
        let registry = registry();
        let missing = |name: &str, areas, period| {
            let view = registry.by_sql_name(name).unwrap();
            matches!(form_of(view, Level { areas, period }, &registry), Form::Missing(_))
        };
        let (lau, nuts3) = (Areas::Lau, Areas::Nuts3);
        let (day, week) = (ReleasePeriod::Day, ReleasePeriod::Week);
        assert!(missing("overnight_stays", lau, week) && missing("users_per_day", lau, week));
        assert!(missing("unique_users_per_lau_2024_10_01", nuts3, day));
        let view = registry.by_sql_name("users_per_week").unwrap();
        assert_eq!(form_of(view, Level { areas: nuts3, period: week }, &registry), Form::Itself);
    }

    #[test]
    fn relations_of_other_views_lead_to_the_coarser_form_as_well() {
        let users = form("agg_users_per_lau_per_day", Areas::Nuts3, ReleasePeriod::Week);
        let registry = registry();
        let link = |name: &str, sums: bool| {
            let publication = &registry.by_sql_name(name).unwrap().publication;
            let links = if sums { &publication.sums } else { &publication.linked };
            users.contains_linked(&links[0]).unwrap().to_string()
        };
        assert_eq!(
            link("unique_users_per_lau_2024_10_01", true),
            "user_count in agg_users_per_lau_per_day_nuts3_week.user_count by '2024-09-30' as week, nuts3(lau_id) as \
             nuts3"
        );
        assert_eq!(
            link("view_users_per_lau_day_night", false),
            "day_users + night_users in agg_users_per_lau_per_day_nuts3_week.user_count by week(date) as week, \
             nuts3(lau_id) as nuts3"
        );
    }

    #[test]
    fn a_week_may_lie_in_two_months() {
        let level = |areas, period| Level { areas, period };
        let week = level(Areas::Lau, ReleasePeriod::Week);
        assert!(Level::FINEST.is_within(week));
        assert!(week.is_within(level(Areas::Nuts1, ReleasePeriod::Week)));
        assert!(!week.is_within(level(Areas::Nuts3, ReleasePeriod::Month)));
        let regions = level(Areas::Nuts3, ReleasePeriod::Day);
        assert!(!week.is_within(regions) && !regions.is_within(week));
    }
}
