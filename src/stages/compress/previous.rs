//! The outputs of the previous run, as far as they are intact.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use chrono::NaiveDate;

use super::settings::Settings;
use crate::datasets::day_record::{self, RecordFiles};
use crate::datasets::file_list;
use crate::datasets::manifest::Manifest;
use crate::domain::numbers::counted;

/// The previous run.
#[derive(Debug, Default)]
pub struct Previous {
    /// With the dates whose files are intact; `None` before the first run.
    pub manifest: Option<Manifest>,
    /// What is wrong with the files of all other dates.
    pub damaged: BTreeMap<NaiveDate, String>,
    /// False for a manifest without lists of files, which an earlier version of the program wrote.
    has_lists: bool,
}

impl Previous {
    /// Compares the files of the previous run with its manifest. `since` is the first date that may be
    /// computed again.
    ///
    /// # Errors
    /// A folder that cannot be listed; a damaged date before `since`, which would be lost.
    pub fn read(settings: &Settings, since: Option<NaiveDate>, target: &Path) -> Result<Self> {
        let Some(mut manifest) = Manifest::read_unverified(target) else {
            return Ok(Previous::default());
        };
        let mut damaged = BTreeMap::new();
        for (date, differences) in manifest.differences(target)? {
            damaged.insert(date, file_list::describe(&differences).unwrap_or_default());
        }
        for (date, differences) in manifest.differences_of_visits(&settings.data.visits())? {
            let text = || file_list::describe(&differences).unwrap_or_default();
            damaged.entry(date).or_insert_with(text);
        }
        let folder = settings.data.day_records();
        for (date, completed) in &manifest.dates {
            let is_known =
                |files: &RecordFiles| files.are_in(&folder, *date, &completed.fingerprint);
            if completed.record.as_ref().is_some_and(is_known) {
                continue;
            }
            let head = day_record::head(&folder, *date);
            if head.is_none_or(|head| head.fingerprint != completed.fingerprint) {
                let [record, _] = day_record::paths(&folder, *date);
                let text = || format!("{} or its users are missing or changed", record.display());
                damaged.entry(*date).or_insert_with(text);
            }
        }
        if let Some(since) = since
            && let Some((date, text)) = damaged.range(..since).next()
        {
            bail!(
                "{text}; {date} has to be computed again, so run without --since or with an earlier date (if its events are no longer there, restore the file first)"
            );
        }
        manifest.dates.retain(|date, _| !damaged.contains_key(date));
        let has_lists = manifest.has_lists();
        Ok(Previous { manifest: Some(manifest), damaged, has_lists })
    }

    /// True if nothing has to be repaired or completed.
    pub fn is_intact(&self) -> bool {
        self.damaged.is_empty() && self.has_lists
    }

    /// Messages to the user about repairs.
    pub fn messages(&self) -> Vec<String> {
        let Some(first) = self.damaged.values().next() else { return Vec::new() };
        let dates = counted(self.damaged.len() as u64, "date");
        vec![format!("{dates} computed again because of damaged outputs: {first}")]
    }
}
