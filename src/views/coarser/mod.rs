//! Coarser forms of views: the same numbers by larger areas, and by longer periods.
//!
//! A number of devices of a region or a week is not the sum of those of its LAUs or dates, since a device may be in
//! several. So it is counted anew from rows of single users; only numbers of which no device is in two are added up.

mod links;
mod sources;
mod view_of_level;

use super::growth::Unit;
use super::registry::Registry;
use super::view::View;
use crate::config::{Areas, ReleasePeriod};
pub use sources::{
    FLOW_BALANCE, PRESENT_PER_LAU, Source, TRIP_DISTANCES, TRIPS_OD, UserRows, is_related,
    users_per_lau,
};
use sources::{source_by_period, why_of_date};
use view_of_level::view_of_level;
pub use view_of_level::with_forms_of_level;

/// The area and the period of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Level {
    pub areas: Areas,
    pub period: ReleasePeriod,
}

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

    /// True for a key that a view has at this level: larger areas have no name of a LAU, and longer periods no hour.
    pub fn has_key(self, name: &str) -> bool {
        let is_lost = self.areas != Areas::Lau && name == LAU_NAME
            || self.period != ReleasePeriod::Day && name == HOUR;
        !is_lost
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
const HOUR: &str = "hour";
/// Describes a LAU, and no larger area.
const LAU_NAME: &str = "lau_name";

/// True for a key with LAUs.
pub fn is_area(key: &str) -> bool {
    key == LAU_ID || key.ends_with("_lau_id")
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
    let missing = |what: &str| {
        let reason = match why_of_date(&view.view).filter(|_| is_by_period) {
            Some(reason) => reason.to_owned(),
            None => format!(
                "its numbers of {what} are not the sums of those that it has, because a device may be in several, and the \
                 rows of single users behind it are not known"
            ),
        };
        Form::Missing(reason)
    };
    let asked = if is_by_period { level.period } else { ReleasePeriod::Day };
    let known = source_by_period(&view.view, asked).filter(|_| !registry.replaces_builtin(view));
    let Some(source) = known else {
        return match is_by_period {
            true => missing(&format!("a {}", level.period.name())),
            false => missing("larger areas"),
        };
    };
    let areas = has_areas.then_some(level.areas);
    let period = is_short.then_some(level.period).filter(|_| columns.contains(&DATE));
    let of_view = Level { areas: areas.unwrap_or_default(), period: period.unwrap_or_default() };
    Form::Coarser(Box::new(Coarser {
        view: view_of_level(view, of_view, source, registry),
        of: view.view.clone(),
        areas,
        period,
        source,
    }))
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
    use super::super::publication::Link;
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
            users.contains_linked(name, &links[0], Level::FINEST).unwrap().to_string()
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
    fn trips_add_up_and_have_no_hour_in_longer_periods() {
        let trips = form("trips_od", Areas::Nuts3, ReleasePeriod::Week);
        let publication = &trips.view.publication;
        assert_eq!(publication.keys.as_ref().unwrap().columns, ["week", "from_nuts3", "to_nuts3"]);
        assert_eq!(
            links(&publication.sums)[0],
            "trips = flow_balance_nuts3_week.inflow by week, to_nuts3 as nuts3 where from_nuts3 <> to_nuts3"
        );
        assert_eq!(
            links(&publication.linked),
            [
                "devices nearly in od_pairs_per_day_nuts3_week.devices by week, from_nuts3, to_nuts3",
                "devices nearly in agg_users_per_lau_per_day_nuts3_week.user_count by week, from_nuts3 as nuts3",
                "devices nearly in agg_users_per_lau_per_day_nuts3_week.user_count by week, to_nuts3 as nuts3",
                "devices nearly in users_per_week.user_count by week",
            ]
        );
        let by =
            "by week(date) as week, nuts3(from_lau_id) as from_nuts3, nuts3(to_lau_id) as to_nuts3";
        assert_eq!(
            links(&trips.contains(Level::FINEST)),
            [
                format!("trips = trips_od_nuts3_week.trips {by}"),
                format!("devices seen in trips_od_nuts3_week.devices {by}"),
            ]
        );
        let flows = form("flow_balance", Areas::Nuts3, ReleasePeriod::Week);
        let registry = registry();
        let of_laus = &registry.by_sql_name("trips_od").unwrap().publication;
        assert_eq!(
            flows.contains_linked("trips_od", &of_laus.sums[0], Level::FINEST).unwrap().to_string(),
            "trips = flow_balance_nuts3_week.inflow by week(date) as week, nuts3(to_lau_id) as nuts3 where from_lau_id \
             <> nuts3(to_lau_id)"
        );
        assert_eq!(
            links(&flows.contains(Level::FINEST)),
            ["outflow + within = flow_balance_nuts3_week.trips by week(date) as week"]
        );
        let distances = form("trip_distances", Areas::Nuts3, ReleasePeriod::Week);
        assert_eq!(distances.view.view, "trip_distances_week");
        let sums = links(&distances.view.publication.sums);
        assert!(
            sums.contains(&"trips = flow_balance_nuts3_week.trips by week".to_owned()),
            "{sums:?}"
        );
    }

    #[test]
    fn present_devices_are_counted_anew_by_larger_areas_and_not_by_longer_periods() {
        let present = form("present_per_lau", Areas::Nuts3, ReleasePeriod::Day);
        let publication = &present.view.publication;
        assert_eq!(publication.keys.as_ref().unwrap().columns, ["date", "hour", "nuts3", "role"]);
        let sums = links(&publication.sums);
        assert_eq!(sums[0], "devices = present_coverage.located by date, hour");
        assert_eq!(
            sums[1],
            "devices nearly <= agg_users_per_lau_per_day_nuts3.user_count by date_of_hours(hour) as date, nuts3 each \
             hour"
        );
        assert_eq!(
            sums[6],
            "devices nearly <= residents_per_lau_nuts3.workers by anchor_window(date) as window_start, nuts3 each hour \
             beside commuters_nuts3.devices by anchor_window(date) as window_start, nuts3 as home_nuts3, nuts3 as \
             work_nuts3 where role = 'worker'"
        );
        assert_eq!(sums.len(), 7);
        assert_eq!(
            links(&publication.linked),
            [
                "devices nearly in residents_per_lau_nuts3.residents by anchor_window(date) as window_start, nuts3 \
                 where role = 'resident'",
                "devices nearly in residents_per_lau_nuts3.workers by anchor_window(date) as window_start, nuts3 \
                 where role = 'worker'",
                "devices nearly in trips_per_device_nuts3.seen by date_of_hours(hour) as date, nuts3 as home_nuts3 \
                 where role = 'resident'",
                "devices nearly in overnight_stays_nuts3.devices by night_of_hours(hour) as night, nuts3 as home_nuts3, \
                 nuts3 as night_nuts3 where role = 'resident'",
            ]
        );
        assert_eq!(
            links(&present.contains(Level::FINEST)),
            [
                "devices <= present_per_lau_nuts3.devices by date, hour, nuts3(lau_id) as nuts3, role where role = \
                 'resident'"
            ]
        );
        let registry = registry();
        for view in ["present_per_lau", "present_coverage"] {
            let view = registry.by_sql_name(view).unwrap();
            let level = Level { areas: Areas::Nuts3, period: ReleasePeriod::Week };
            let Form::Missing(reason) = form_of(view, level, &registry) else { panic!("{view:?}") };
            assert!(reason.contains("a full hour, which is of one date"), "{reason}");
        }
        let coverage = registry.by_sql_name("present_coverage").unwrap();
        let regions = Level { areas: Areas::Nuts3, period: ReleasePeriod::Day };
        assert_eq!(form_of(coverage, regions, &registry), Form::Itself);
    }

    #[test]
    fn present_devices_of_laus_are_among_those_of_areas_and_weeks() {
        let users = form("agg_users_per_lau_per_day", Areas::Nuts3, ReleasePeriod::Week);
        let registry = registry();
        let publication = &registry.by_sql_name("present_per_lau").unwrap().publication;
        let link = |form: &Coarser, link| {
            form.contains_linked("present_per_lau", link, Level::FINEST).unwrap().to_string()
        };
        assert_eq!(
            link(&users, &publication.sums[1]),
            "devices nearly <= agg_users_per_lau_per_day_nuts3_week.user_count by week(date_of_hours(hour)) as week, \
             nuts3(lau_id) as nuts3 each hour"
        );
        // those of several LAUs have no device in common
        let homes = form("residents_per_lau", Areas::Nuts3, ReleasePeriod::Day);
        assert_eq!(
            link(&homes, &publication.linked[0]),
            "devices nearly <= residents_per_lau_nuts3.residents by anchor_window(date) as window_start, \
             nuts3(lau_id) as nuts3 each hour where role = 'resident'"
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
