//! What earlier releases have shown.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use chrono::NaiveDate;

use super::dating::Scope;
use super::numbers::Shown;
use super::table::{Role, Table};
use crate::datasets::published::Store;
use crate::errors::UsageError;
use crate::views::Registry;
use crate::views::coarser::{Coarser, Level, is_area, unit};

/// The numbers of earlier releases about dates that are looked at.
#[derive(Debug, Default)]
pub struct History {
    pub shown: Shown,
    /// The IDs of the releases.
    pub releases: Vec<String>,
    /// By SQL name of a view: the first dates of the periods of which numbers were shown, and the newest release with
    /// some.
    views: BTreeMap<String, (BTreeSet<NaiveDate>, String)>,
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
            for row in store.read_ledger(&published, id)? {
                let (starts, newest) = history.views.entry(row.view.clone()).or_default();
                starts.extend(row.period);
                newest.clone_from(id);
                let place = (row.view, row.key, row.measure);
                history.shown.entry(place).or_default().insert(row.value);
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
            let Some(level) = level_of(&table.view, coarser, registry) else { continue };
            for (view, (starts, id)) in &self.views {
                let Some(earlier) = level_of(view, coarser, registry) else { continue };
                if level.is_within(earlier) || earlier.is_within(level) {
                    continue;
                }
                let overlaps = |start: &NaiveDate| {
                    let end = unit(earlier.period).end(*start);
                    periods.iter().any(|(first, last)| first <= &end && last >= start)
                };
                if starts.iter().any(overlaps) {
                    return Err(anyhow!(UsageError(format!(
                        "the release is refused: the release {id} has numbers by {} and {} of the same dates, and this one \
                         would have them by {} and {}. Neither lie in the others, so that it is not known what their \
                         differences tell; choose other values of --areas and --period, or other dates",
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

/// The areas and the period of a view that has both; `None` for others.
fn level_of(view: &str, coarser: &[Coarser], registry: &Registry) -> Option<Level> {
    if let Some(coarser) = coarser.iter().find(|coarser| coarser.view.view == view) {
        return coarser.areas.zip(coarser.period).map(|_| coarser.level());
    }
    let keys = registry.by_sql_name(view)?.publication.keys.as_ref()?;
    let has = |is_wanted: &dyn Fn(&str) -> bool| keys.columns.iter().any(|key| is_wanted(key));
    (has(&is_area) && has(&|key| key == "date")).then_some(Level::FINEST)
}
