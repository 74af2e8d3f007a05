//! The records of the earlier run: what they were made from, and the key of their digests of users.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use chrono::NaiveDate;

use crate::datasets::day_record;
use crate::datasets::day_record::{DigestKey, RecordHead};
use crate::datasets::manifest::{CompletedDate, Manifest};
use crate::domain::numbers::counted;

pub struct DayRecords {
    folder: PathBuf,
    heads: BTreeMap<NaiveDate, RecordHead>,
}

impl DayRecords {
    /// Reads the records of the dates of a manifest.
    pub fn of(manifest: Option<&Manifest>, folder: &Path) -> Self {
        let dates = manifest.iter().flat_map(|manifest| &manifest.dates);
        let head = |(date, completed): (&NaiveDate, &CompletedDate)| {
            let mark = &completed.fingerprint;
            let known = completed.record.as_ref().filter(|files| files.are_in(folder, *date, mark));
            let head = match known {
                Some(files) => {
                    RecordHead { fingerprint: mark.clone(), users_key: files.users_key.clone() }
                }
                None => day_record::head(folder, *date)?,
            };
            Some((*date, head))
        };
        DayRecords { folder: folder.to_owned(), heads: dates.filter_map(head).collect() }
    }

    /// False for a record of an earlier version of the program, whose digests have no key.
    pub fn has_key(&self, date: NaiveDate) -> bool {
        self.key_of(date).is_some()
    }

    fn key_of(&self, date: NaiveDate) -> Option<&str> {
        self.heads.get(&date)?.users_key.as_deref()
    }

    /// The key of the records that are kept; `None` if there is no key yet. Digests under different keys
    /// cannot be compared, so every record needs the same.
    ///
    /// # Errors
    /// A key that is missing or is not that of the records, with the remedy.
    pub fn key<'a>(
        &self,
        file: &Path,
        kept: impl Iterator<Item = &'a NaiveDate>,
    ) -> Result<Option<DigestKey>> {
        let key = DigestKey::read(file)?;
        let id = key.as_ref().map(DigestKey::id);
        let foreign = kept.filter(|date| self.key_of(**date).is_some_and(|of| Some(of) != id));
        let count = foreign.count() as u64;
        if count > 0 {
            let what = match &key {
                Some(_) => "is not the key with which",
                None => "is missing, with which",
            };
            bail!(
                "{} {what} the users in {} of {} were digested, so users of new dates could not be \
                 compared with them; restore it from a backup, or run `mobility compress --force`, \
                 which computes every date again under one key",
                file.display(),
                counted(count, "record"),
                self.folder.display()
            );
        }
        Ok(key)
    }
}
