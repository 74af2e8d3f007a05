//! What earlier releases have shown.

use anyhow::Result;

use super::dating::Scope;
use super::problem::Shown;
use crate::datasets::published::Store;

/// The numbers of earlier releases about dates that are looked at.
#[derive(Debug, Default)]
pub struct History {
    pub shown: Shown,
    /// The IDs of the releases.
    pub releases: Vec<String>,
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
                let place = (row.view, row.key, row.measure);
                history.shown.entry(place).or_default().insert(row.value);
            }
            history.releases.push(id.clone());
        }
        Ok(history)
    }
}
