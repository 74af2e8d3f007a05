//! The outputs of a run until they are committed: compressed events, records of dates, quarantine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::StringArray;
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use hashbrown::HashMap;

use super::as_of::AsOf;
use super::batches::Batch;
use super::date_counts;
use super::date_counts::DateCounts;
use super::date_totals::DateTotals;
use super::day_records::DayRecords;
use super::findings::{FileDate, Findings};
use super::presence_file::PresenceFile;
use super::presence_files;
use super::quarantine;
use super::settings::Settings;
use super::survey::{Survey, SurveyedInput};
use super::visits_file::VisitsFile;
use crate::checks::sequence::CheckedDate;
use crate::checks::{Code, Disposition};
use crate::datasets::day_record::{self, DayRecord, DigestKey, FileRecord, RecordFiles};
use crate::datasets::manifest::{CompletedDate, Manifest, RecordedInput};
use crate::domain::time::LocalDate;
use crate::storage::folder_update::FolderUpdate;

/// What changes in the folders, which is moved into them at the end. Dates that stay as they are cost nothing.
pub struct Output {
    events: FolderUpdate,
    days: FolderUpdate,
    visits: FolderUpdate,
    quarantine: Option<FolderUpdate>,
    fingerprints: BTreeMap<NaiveDate, String>,
    /// Dates that are not computed.
    kept: BTreeSet<NaiveDate>,
    completed: BTreeMap<NaiveDate, CompletedDate>,
    /// Rows by file and date, of the dates that were computed.
    rows: BTreeMap<(usize, NaiveDate), u64>,
    undated: BTreeMap<usize, FileRecord>,
    /// Id of the key of the digests of users.
    key_id: String,
}

impl Output {
    /// Creates folders for what changes.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn create(
        settings: &Settings,
        survey: &Survey,
        records: &DayRecords,
        key: &DigestKey,
    ) -> Result<Self> {
        let data = settings.data;
        let output = Output {
            events: FolderUpdate::create(&data.compressed_events())?,
            days: FolderUpdate::create(&data.day_records())?,
            visits: FolderUpdate::create(&data.visits())?,
            quarantine: match settings.checks.quarantine {
                true => Some(FolderUpdate::create(&data.quarantine())?),
                false => None,
            },
            fingerprints: survey.fingerprints.clone(),
            kept: survey.kept.keys().copied().collect(),
            completed: survey.kept.clone(),
            rows: BTreeMap::new(),
            undated: BTreeMap::new(),
            key_id: key.id().to_owned(),
        };
        for date in survey.kept.keys().filter(|date| !records.has_key(**date)) {
            day_record::copy_with_key(output.days.target(), output.days.path(), *date, key)?;
        }
        Ok(output)
    }

    /// A file of a date, for rows whose hours count from `first`; `cells` are the ids by number.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn presence_file(
        &self,
        date: LocalDate,
        number: usize,
        cells: &Arc<StringArray>,
        first: LocalDate,
    ) -> Result<PresenceFile> {
        let (path, fingerprint) = self.file(&self.events, date, number)?;
        Ok(PresenceFile::new(path, fingerprint, Arc::clone(cells), first))
    }

    /// A file of the visits of a date.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn visits_file(&self, date: LocalDate, number: usize) -> Result<VisitsFile> {
        let (path, fingerprint) = self.file(&self.visits, date, number)?;
        Ok(VisitsFile::new(path, fingerprint))
    }

    /// A folder for temporary files, which is removed with the unfinished outputs.
    pub fn scratch(&self) -> &Path {
        self.events.path()
    }

    /// Adopts a file of rows of a date that another program wrote; returns its rows and bytes.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn adopt(&self, date: LocalDate, number: usize, file: &Path) -> Result<(u64, u64)> {
        let (path, fingerprint) = self.file(&self.events, date, number)?;
        presence_files::adopt(file, &path, fingerprint)
    }

    /// The path of a file of a date, and the fingerprint of the date.
    fn file(
        &self,
        update: &FolderUpdate,
        date: LocalDate,
        number: usize,
    ) -> Result<(PathBuf, &str)> {
        let folder = update.path().join(format!("date={date}"));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let fingerprint = date.calendar().and_then(|date| self.fingerprints.get(&date));
        let fingerprint = fingerprint.with_context(|| format!("{date} was not expected"))?;
        Ok((folder.join(format!("part-{number:05}.parquet")), fingerprint))
    }

    /// Records the results of a batch for each of its dates, and takes the rejected rows out of `findings`.
    ///
    /// # Errors
    /// Row counts that do not add up; a folder that cannot be written.
    #[expect(clippy::too_many_arguments)]
    pub fn record_batch(
        &mut self,
        batch: &Batch,
        rows: HashMap<FileDate, u64>,
        findings: &mut Findings,
        (mut totals, cells): (BTreeMap<u32, DateTotals>, &[String]),
        dates: &[CheckedDate],
        as_of: AsOf,
        survey: &Survey,
    ) -> Result<()> {
        let mut counts = DateCounts::by_date(rows, findings);
        if batch.undated {
            let undated = counts.remove(&None).unwrap_or_default();
            for (file, record) in undated.rows.keys().zip(undated.files(&survey.inputs)) {
                self.undated.insert(*file as usize, record);
            }
        }
        for (number, checked) in (0..).zip(dates) {
            let Some(date) = checked.date.calendar() else { continue };
            let totals = totals.remove(&number).unwrap_or_default();
            let counts = counts.remove(&Some(date)).unwrap_or_default();
            let files = counts.files(&survey.inputs);
            let rejected = rejected(&files);
            let all: u64 = counts.rows.values().sum();
            if totals.events + rejected != all {
                bail!(
                    "{date}: {all} rows read, but {} counted and {rejected} rejected",
                    totals.events
                );
            }
            for (file, rows) in &counts.rows {
                self.rows.insert((*file as usize, date), *rows);
            }
            let fingerprint = self.fingerprints.get(&date).cloned().unwrap_or_default();
            let provisional = as_of.is_provisional(date);
            let completed = CompletedDate {
                fingerprint: fingerprint.clone(),
                rows: totals.rows,
                rejected,
                provisional,
                files: None,
                visits: None,
                record: None,
            };
            self.completed.insert(date, completed);
            let of_date = (&totals, cells);
            let mut record =
                date_counts::record(date, fingerprint, provisional, &checked.shift, files, of_date);
            record.users_key = Some(self.key_id.clone());
            day_record::write(self.days.path(), &record, totals.digests)?;
        }
        self.write_rejected(findings, survey)
    }

    /// Moves rejected rows to the quarantine, if it is on.
    fn write_rejected(&self, findings: &mut Findings, survey: &Survey) -> Result<()> {
        let mut rows = std::mem::take(&mut findings.rows);
        let Some(folder) = &self.quarantine else { return Ok(()) };
        let path = |source: &SurveyedInput| source.input.location.text();
        let files: Vec<String> = survey.inputs.iter().map(path).collect();
        rows.sort_unstable();
        for of_date in rows.chunk_by(|a, b| a.date == b.date) {
            let date = of_date[0].date.and_then(LocalDate::calendar);
            quarantine::write(folder.path(), date, of_date, &files)?;
        }
        Ok(())
    }

    /// The manifest of the run.
    ///
    /// # Errors
    /// A file with rows that are not accounted for; a record that cannot be written.
    pub fn finish(
        &self,
        survey: &Survey,
        fingerprint: String,
        as_of: AsOf,
        notes: Vec<String>,
    ) -> Result<Manifest> {
        let mut manifest = Manifest::new(fingerprint);
        let mut undated = Vec::new();
        for (number, source) in survey.inputs.iter().enumerate() {
            let input = self.input(number, source, survey)?;
            manifest.rows_in += input.rows;
            undated.extend(
                self.undated.get(&number).cloned().or_else(|| undated_of_recorded(&input, source)),
            );
            manifest.inputs.push(input);
        }
        day_record::write_undated(self.days.path(), &undated)?;
        manifest.dates = self.completed.clone();
        for (date, completed) in &mut manifest.dates {
            let provisional = as_of.is_provisional(*date);
            if completed.provisional != provisional {
                completed.provisional = provisional;
                self.set_provisional(*date, provisional)?;
            }
        }
        let of_dates: u64 = manifest.dates.values().map(|completed| completed.rejected).sum();
        manifest.rows_rejected = of_dates + rejected(&undated);
        manifest.list_files(|date| match self.kept.contains(date) {
            true => self.events.target(),
            false => self.events.path(),
        })?;
        manifest.list_visits(self.visits.path(), &self.kept)?;
        let folders = [self.days.path(), self.days.target()];
        for (date, completed) in &mut manifest.dates {
            let [new, _] = day_record::paths(self.days.path(), *date);
            if completed.record.is_none() || new.exists() {
                completed.record = Some(RecordFiles::of(folders, *date)?);
            }
        }
        manifest.notes = notes;
        Ok(manifest)
    }

    /// What the manifest records of an input.
    fn input(
        &self,
        number: usize,
        source: &SurveyedInput,
        survey: &Survey,
    ) -> Result<RecordedInput> {
        let mut input = match &source.recorded {
            Some(recorded) => recorded.clone(),
            None => RecordedInput::from_listing(&source.input),
        };
        if source.file.is_none() {
            return Ok(input);
        }
        input.rows = source.groups.iter().map(|group| group.rows).sum();
        input.bare_dates = source.groups.iter().map(|group| group.bare_dates).sum();
        let ranges = || source.groups.iter().filter_map(|group| group.range_us);
        input.first = ranges().map(|(first, _)| first).min().and_then(wall_time);
        input.last = ranges().map(|(_, last)| last).max().and_then(wall_time);
        for date in &source.dates {
            let rows = self.rows.get(&(number, *date)).copied();
            let computed = survey.pending.contains(date);
            let known = input.dates.get(date).copied().unwrap_or_default();
            input.dates.insert(*date, rows.unwrap_or(if computed { 0 } else { known }));
        }
        if let Some(record) = self.undated.get(&number) {
            input.undated = record.codes.clone();
        }
        let accounted = input.dates.values().sum::<u64>() + input.undated.values().sum::<u64>();
        let is_complete = |left_out: &BTreeSet<NaiveDate>| source.dates.is_disjoint(left_out);
        if accounted != input.rows && is_complete(&survey.skipped) && is_complete(&survey.purged) {
            bail!(
                "events file {}: {} rows, but {accounted} accounted for",
                input.path.display(),
                input.rows
            );
        }
        if let Some(from) = survey.retained_from {
            input.forget_before(from);
        }
        Ok(input)
    }

    /// Rewrites the record of a date that is now provisional, or no longer.
    fn set_provisional(&self, date: NaiveDate, provisional: bool) -> Result<()> {
        let [new, old] = [self.days.path(), self.days.target()].map(|folder| {
            let [path, _] = day_record::paths(folder, date);
            path
        });
        let path = if new.exists() { new } else { old };
        let context = || format!("{}", path.display());
        let text = std::fs::read(&path).with_context(context)?;
        let record: DayRecord = serde_json::from_slice(&text).with_context(context)?;
        day_record::write_without_users(self.days.path(), &DayRecord { provisional, ..record })
    }

    /// Changes the outputs, and then the manifest.
    ///
    /// # Errors
    /// A folder that cannot be changed; the next run then computes the dates that do not match the
    /// manifest.
    pub fn commit(self, manifest: &Manifest, target: &Path) -> Result<()> {
        let Output { events, days, visits, quarantine, kept, .. } = self;
        let is_outdated = |name: &str| date_of(name).is_some_and(|date| !kept.contains(&date));
        for update in [Some(events), Some(days), Some(visits), quarantine].into_iter().flatten() {
            update.commit(is_outdated)?;
        }
        manifest.write(target)
    }
}

/// The date of a folder with its rows, or of a file of its record.
fn date_of(name: &str) -> Option<NaiveDate> {
    let folder = || name.strip_prefix("date=");
    let record = || name.strip_suffix(".json").or_else(|| name.strip_suffix(".users"));
    folder().or_else(record)?.parse().ok()
}

/// Rows without a date of an input that the earlier run read.
fn undated_of_recorded(input: &RecordedInput, source: &SurveyedInput) -> Option<FileRecord> {
    (!input.undated.is_empty()).then(|| FileRecord {
        path: input.path.to_string_lossy().into_owned(),
        folder_date: source.folder.and_then(LocalDate::calendar),
        rows: input.undated.values().sum(),
        bytes: input.bytes,
        codes: input.undated.clone(),
    })
}

fn rejected(files: &[FileRecord]) -> u64 {
    let codes = files.iter().flat_map(|file| &file.codes);
    let rejected = |(code, _): &(&Code, &u64)| code.disposition() == Disposition::Rejected;
    codes.filter(rejected).map(|(_, rows)| rows).sum()
}

fn wall_time(us: i64) -> Option<NaiveDateTime> {
    Some(DateTime::from_timestamp_micros(us)?.naive_utc())
}
