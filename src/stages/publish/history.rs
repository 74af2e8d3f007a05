//! What earlier releases have shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use chrono::NaiveDate;

use super::dating::Scope;
use super::numbers::Shown;
use super::table::{Role, Table};
use crate::config::{Areas, ReleasePeriod};
use crate::datasets::published::Store;
use crate::errors::UsageError;
use crate::views::Registry;
use crate::views::coarser::{Coarser, Level, PRESENT_PER_LAU, is_area, is_related, unit};

/// The numbers of earlier releases about dates that are looked at.
#[derive(Debug, Default)]
pub struct History {
    pub shown: Shown,
    /// The IDs of the releases.
    pub releases: Vec<String>,
    /// By SQL name of a view: the first dates of the periods of which numbers were shown, and the newest release with
    /// some.
    views: BTreeMap<String, (BTreeSet<NaiveDate>, String)>,
    /// By SQL name of a view: the dates with events of the releases with it.
    released: BTreeMap<String, Vec<Arc<BTreeSet<NaiveDate>>>>,
    /// The sums of the lists of NUTS codes, by release.
    nuts: BTreeMap<String, String>,
}

impl History {
    /// # Errors
    /// A store that cannot be read.
    pub fn read(store: &Store, scope: &Scope) -> Result<Self> {
        let mut history = History::default();
        let Some(published) = store.read()? else { return Ok(history) };
        for id in &published.releases {
            let release = store.read_release(&published, id)?;
            let period = release.first.zip(release.last);
            if !scope.is_touched(period) {
                continue;
            }
            let dates = Arc::new(release.dates);
            for view in release.views.keys() {
                history.released.entry(view.clone()).or_default().push(Arc::clone(&dates));
            }
            for row in store.read_ledger(&published, id)? {
                let (starts, newest) = history.views.entry(row.view.clone()).or_default();
                starts.extend(row.period);
                newest.clone_from(id);
                let place = (row.view, row.key, row.measure);
                let values = history.shown.entry(place).or_default();
                values.insert(row.value, Arc::clone(&dates));
            }
            history.nuts.extend(release.nuts.map(|sum| (id.clone(), sum)));
            history.releases.push(id.clone());
        }
        Ok(history)
    }

    /// True if numbers of a view were shown.
    pub fn has(&self, view: &str) -> bool {
        self.views.contains_key(view)
    }

    /// True if numbers of a view and of a period, first and last date, were shown or withheld. `dates` are those of the
    /// period with events.
    pub fn has_period(
        &self,
        view: &str,
        period: Option<(NaiveDate, NaiveDate)>,
        mut dates: impl Iterator<Item = NaiveDate>,
    ) -> bool {
        let Some((start, _)) = period else { return self.has(view) };
        let starts = self.views.get(view).map(|(starts, _)| starts);
        if starts.is_some_and(|starts| starts.contains(&start)) {
            return true;
        }
        // it may be that nothing was shown
        let Some(first) = dates.next() else { return false };
        let dates: Vec<NaiveDate> = dates.collect();
        let releases = self.released.get(view).into_iter().flatten();
        let mut releases = releases.filter(|released| released.contains(&first));
        releases.any(|released| dates.iter().all(|date| released.contains(date)))
    }

    /// Refuses NUTS codes that are not those of earlier releases, whose areas then were others.
    ///
    /// # Errors
    /// [`UsageError`] with the release.
    pub fn refuse_other_nuts(&self, sum: Option<&str>) -> Result<()> {
        let other = self.nuts.iter().find(|(_, earlier)| Some(earlier.as_str()) != sum);
        match (other, sum) {
            (Some((id, _)), Some(_)) => Err(anyhow!(UsageError(format!(
                "the release is refused: the release {id} of the same dates was made with other NUTS codes, so that it is \
                 not known what the differences of its numbers tell; use the file data.nuts of then, or other dates"
            )))),
            _ => Ok(()),
        }
    }

    /// Of these views, the one whose numbers are not related to those of another form of the same view that an earlier
    /// release has of the same dates, and that release.
    pub fn unrelated<'a>(
        &self,
        views: &'a BTreeSet<String>,
        (coarser, registry): (&[Coarser], &Registry),
        scope: &Scope,
    ) -> Option<(&'a str, &str)> {
        views.iter().find_map(|view| {
            let (of, level) =
                level_of(view, coarser, registry).filter(|(of, _)| !is_related(of))?;
            let is_other = |(name, (starts, _)): &(&String, &(BTreeSet<NaiveDate>, String))| {
                let other = level_of(name, coarser, registry);
                let is_there = |start: &NaiveDate| scope.is_released(Some((*start, *start)));
                other.is_some_and(|(other, of_other)| other == of && of_other != level)
                    && starts.iter().any(is_there)
            };
            let (_, (_, id)) = self.views.iter().find(is_other)?;
            Some((view.as_str(), id.as_str()))
        })
    }

    /// Refuses areas and periods that neither hold those of earlier releases of the same dates nor lie in them.
    ///
    /// # Errors
    /// [`UsageError`] with the release.
    pub fn refuse_crossing(
        &self,
        tables: &[Table],
        coarser: &[Coarser],
        registry: &Registry,
    ) -> Result<()> {
        for table in tables {
            let periods: Vec<_> = table
                .rows
                .iter()
                .filter(|row| row.role == Role::Released)
                .filter_map(|row| row.period)
                .collect();
            let Some((of, level)) = level_of(&table.view, coarser, registry) else { continue };
            for (view, (starts, id)) in &self.views {
                let Some((other, earlier)) = level_of(view, coarser, registry) else { continue };
                let is_of_other_classes = of == other && level != earlier && !is_related(of);
                let (level, earlier) = comparable(level, earlier);
                let is_known = level.is_within(earlier) || earlier.is_within(level);
                if is_known && !is_of_other_classes {
                    continue;
                }
                let reason = match is_of_other_classes {
                    true => format!(
                        "The {} of {of} in an area do not follow from those in its parts",
                        if of == PRESENT_PER_LAU { "roles" } else { "classes" }
                    ),
                    false => "Neither lie in the others".to_owned(),
                };
                let overlaps = |start: &NaiveDate| {
                    let end = unit(earlier.period).end(*start);
                    periods.iter().any(|(first, last)| first <= &end && last >= start)
                };
                if starts.iter().any(overlaps) {
                    return Err(anyhow!(UsageError(format!(
                        "the release is refused: the release {id} has numbers by {} and {} of the same dates, and this one \
                         would have them by {} and {}. {reason}, so that it is not known what their differences tell; \
                         choose other values of --areas and --period, or other dates",
                        earlier.areas.name(),
                        earlier.period.name(),
                        level.areas.name(),
                        level.period.name()
                    ))));
                }
            }
        }
        Ok(())
    }
}

/// A level at which areas may not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ViewLevel {
    areas: Option<Areas>,
    period: ReleasePeriod,
}

/// Levels that can be compared: where areas do not matter, they are those of the other one.
fn comparable(level: ViewLevel, other: ViewLevel) -> (Level, Level) {
    let areas =
        |level: ViewLevel, other: ViewLevel| level.areas.or(other.areas).unwrap_or_default();
    let of = |level: ViewLevel, other: ViewLevel| Level {
        areas: areas(level, other),
        period: level.period,
    };
    (of(level, other), of(other, level))
}

/// The finest form of a view, and its level; `None` for views without dates, weeks or months that become coarser.
fn level_of<'a>(
    view: &'a str,
    coarser: &'a [Coarser],
    registry: &Registry,
) -> Option<(&'a str, ViewLevel)> {
    if let Some(coarser) = coarser.iter().find(|coarser| coarser.view.view == view) {
        let level = ViewLevel { areas: coarser.areas, period: coarser.period? };
        return Some((&coarser.of, level));
    }
    let keys = registry.by_sql_name(view)?.publication.keys.as_ref()?;
    let has = |is_wanted: &dyn Fn(&str) -> bool| keys.columns.iter().any(|key| is_wanted(key));
    let areas = has(&is_area).then_some(Areas::Lau);
    has(&|key| key == "date").then_some((view, ViewLevel { areas, period: ReleasePeriod::Day }))
}
