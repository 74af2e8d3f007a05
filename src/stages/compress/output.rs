//! The outputs of a run under construction: compressed events, records of dates, quarantine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use hashbrown::HashMap;

use super::combine::{Combined, DayRows};
use super::days;
use super::days::Found;
use super::findings::{Findings, Place, SetAside};
use super::judge::Day;
use super::parts;
use super::plan::Batch;
use super::quarantine;
use super::survey::{Now, Source, Survey};
use super::tally::Tally;
use crate::checks::{Code, Disposition};
use crate::config::Config;
use crate::datasets::day_record::{self, DayRecord, FileRecord};
use crate::datasets::manifest::{CompletedDate, Manifest, RecordedInput};
use crate::domain::numbers::counted;
use crate::domain::time::LocalDate;
use crate::storage::atomic::{AtomicFolder, adopt};

/// Folders that get their names at the end.
pub struct Output {
    events: AtomicFolder,
    days: AtomicFolder,
    quarantine: Option<AtomicFolder>,
    marks: BTreeMap<NaiveDate, String>,
    made: BTreeMap<NaiveDate, CompletedDate>,
    /// Rows by file and date, of the dates that were made.
    rows: BTreeMap<(usize, NaiveDate), u64>,
    undated: BTreeMap<usize, FileRecord>,
}

/// The manifest with those dates alone that have a record.
pub fn with_records(mut manifest: Manifest, config: &Config) -> Manifest {
    let folder = config.data.day_records();
    manifest
        .dates
        .retain(|date, made| day_record::has_fingerprint(&folder, *date, &made.fingerprint));
    manifest
}

impl Survey {
    /// True where nothing has to be done.
    pub fn is_done(&self, before: &Manifest, now: Now) -> bool {
        let same = |(date, made): (&NaiveDate, &CompletedDate)| {
            before.dates.get(date) == Some(made) && made.provisional == now.provisional(*date)
        };
        self.open.is_empty()
            && self.kept.len() == before.dates.len()
            && self.kept.iter().all(same)
            && self.gone.is_empty()
            && self.sources.iter().all(|source| source.known.is_some())
    }

    /// What a person should know about the extent of the run.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(first) = self.gone.first() {
            remarks.push(format!(
                "{} of the run before gone, the first is {}; their dates were made anew",
                counted(self.gone.len() as u64, "file"),
                first.path.display()
            ));
        }
        if let Some(first) = self.left.first() {
            remarks.push(format!(
                "{} changed and left as before, the first is {first}",
                counted(self.left.len() as u64, "date")
            ));
        }
        if !self.kept.is_empty() {
            let made = counted(self.open.len() as u64, "date");
            remarks.push(format!(
                "{made} made, {} unchanged",
                counted((self.kept.len() - self.left.len().min(self.kept.len())) as u64, "date")
            ));
        }
        remarks
    }
}

impl Output {
    /// Makes the folders, with what stays as it is.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn create(config: &Config, survey: &Survey) -> Result<Self> {
        let data = &config.data;
        let (events, days) = (data.compressed_events(), data.day_records());
        let output = Output {
            events: AtomicFolder::create(&events)?,
            days: AtomicFolder::create(&days)?,
            quarantine: match config.checks.quarantine {
                true => Some(AtomicFolder::create(&data.quarantine())?),
                false => None,
            },
            marks: survey.marks.clone(),
            made: survey.kept.clone(),
            rows: BTreeMap::new(),
            undated: BTreeMap::new(),
        };
        for date in survey.kept.keys() {
            let name = format!("date={date}");
            adopt_folder(&events.join(&name), &output.events.path().join(&name))?;
            for path in day_record::paths(&days, *date) {
                let name = path.file_name().unwrap_or_default();
                adopt(&path, &output.days.path().join(name))?;
            }
            if let Some(folder) = &output.quarantine {
                let name = quarantine::folder_name(Some(*date));
                adopt_folder(&data.quarantine().join(&name), &folder.path().join(&name))?;
            }
        }
        Ok(output)
    }

    /// Writes a part of a date; returns its bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn part(
        &self,
        date: LocalDate,
        number: usize,
        combined: &Combined,
        rows: &DayRows,
        batch: &Batch,
    ) -> Result<u64> {
        let (path, mark) = self.place(date, number)?;
        parts::write(&path, combined, rows, batch.first.first_hour(), mark)
            .context("is the disk full?")
    }

    /// Takes a file of rows of a date, written by another program, as a part; returns its rows and
    /// bytes.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn adopt(&self, date: LocalDate, number: usize, file: &Path) -> Result<(u64, u64)> {
        let (path, mark) = self.place(date, number)?;
        parts::adopt(file, &path, mark)
    }

    /// Where a part goes, and the mark of its date.
    fn place(&self, date: LocalDate, number: usize) -> Result<(PathBuf, &str)> {
        let folder = self.events.path().join(format!("date={date}"));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let mark = date.calendar().and_then(|date| self.marks.get(&date));
        let mark = mark.with_context(|| format!("{date} was not expected"))?;
        Ok((folder.join(format!("part-{number:05}.parquet")), mark))
    }

    /// Notes what a batch found on each of its dates.
    ///
    /// # Errors
    /// Numbers of rows that contradict each other; a folder that cannot be written.
    #[expect(clippy::too_many_arguments)]
    pub fn note(
        &mut self,
        batch: &Batch,
        rows: HashMap<Place, u64>,
        findings: &Findings,
        (tallies, cells): (&BTreeMap<u32, Tally>, &[String]),
        of_batch: &[Day],
        now: Now,
        survey: &Survey,
    ) -> Result<()> {
        let mut found = Found::by_date(rows, findings);
        if batch.of_no_date {
            let undated = found.remove(&None).unwrap_or_default();
            for (file, record) in undated.rows.keys().zip(undated.files(&survey.sources)) {
                self.undated.insert(*file as usize, record);
            }
        }
        let empty = Tally::default();
        for (number, day) in (0..).zip(of_batch) {
            let Some(date) = day.date.calendar() else { continue };
            let tally = tallies.get(&number).unwrap_or(&empty);
            let found = found.remove(&Some(date)).unwrap_or_default();
            let files = found.files(&survey.sources);
            let rejected = rejected(&files);
            let all: u64 = found.rows.values().sum();
            if tally.events + rejected != all {
                bail!(
                    "{date}: {all} rows read, but {} counted and {rejected} rejected",
                    tally.events
                );
            }
            for (file, rows) in &found.rows {
                self.rows.insert((*file as usize, date), *rows);
            }
            let mark = self.marks.get(&date).cloned().unwrap_or_default();
            let provisional = now.provisional(date);
            let made = CompletedDate {
                fingerprint: mark.clone(),
                rows: tally.rows,
                rejected,
                provisional,
            };
            self.made.insert(date, made);
            let record = days::record(date, mark, provisional, &day.shift, files, (tally, cells));
            day_record::write(self.days.path(), &record, tally.digests.clone())?;
        }
        self.keep(findings, survey)
    }

    /// Writes rejected rows, where they are kept.
    fn keep(&self, findings: &Findings, survey: &Survey) -> Result<()> {
        let Some(folder) = &self.quarantine else { return Ok(()) };
        let path = |source: &Source| source.input.location.text();
        let files: Vec<String> = survey.sources.iter().map(path).collect();
        let mut by_date: BTreeMap<Option<LocalDate>, Vec<SetAside>> = BTreeMap::new();
        for row in &findings.rows {
            by_date.entry(row.date).or_default().push(*row);
        }
        for (date, rows) in by_date {
            quarantine::write(folder.path(), date.and_then(LocalDate::calendar), rows, &files)?;
        }
        Ok(())
    }

    /// The manifest of the run.
    ///
    /// # Errors
    /// A file whose rows were not all accounted for; a record that cannot be written.
    pub fn finish(
        &self,
        survey: &Survey,
        settings: String,
        now: Now,
        notes: Vec<String>,
    ) -> Result<Manifest> {
        let mut manifest = Manifest::new(settings);
        let mut undated = Vec::new();
        for (number, source) in survey.sources.iter().enumerate() {
            let input = self.input(number, source, survey)?;
            manifest.rows_in += input.rows;
            undated.extend(self.undated.get(&number).cloned().or_else(|| of_known(&input, source)));
            manifest.inputs.push(input);
        }
        day_record::write_undated(self.days.path(), &undated)?;
        manifest.dates = self.made.clone();
        for (date, made) in &mut manifest.dates {
            let provisional = now.provisional(*date);
            if made.provisional != provisional {
                made.provisional = provisional;
                self.restate(*date, provisional)?;
            }
        }
        let of_dates: u64 = manifest.dates.values().map(|made| made.rejected).sum();
        manifest.rows_rejected = of_dates + rejected(&undated);
        manifest.notes = notes;
        Ok(manifest)
    }

    /// What is to be remembered of an input.
    fn input(&self, number: usize, source: &Source, survey: &Survey) -> Result<RecordedInput> {
        let mut input = match &source.known {
            Some(known) => known.clone(),
            None => RecordedInput::from_listing(&source.input),
        };
        if source.file.is_none() {
            return Ok(input);
        }
        input.rows = source.groups.iter().map(|group| group.rows).sum();
        let ranges = || source.groups.iter().filter_map(|group| group.range_us);
        input.first = ranges().map(|(first, _)| first).min().and_then(wall_time);
        input.last = ranges().map(|(_, last)| last).max().and_then(wall_time);
        for date in &source.dates {
            let rows = self.rows.get(&(number, *date)).copied();
            let made = survey.open.contains(date);
            let known = input.dates.get(date).copied().unwrap_or_default();
            input.dates.insert(*date, rows.unwrap_or(if made { 0 } else { known }));
        }
        if let Some(record) = self.undated.get(&number) {
            input.undated = record.codes.clone();
        }
        let accounted = input.dates.values().sum::<u64>() + input.undated.values().sum::<u64>();
        if accounted != input.rows && source.dates.is_disjoint(&survey.left) {
            bail!(
                "events file {}: {} rows, but {accounted} accounted for",
                input.path.display(),
                input.rows
            );
        }
        Ok(input)
    }

    /// Writes the record of a date again, with another word on whether it is provisional.
    fn restate(&self, date: NaiveDate, provisional: bool) -> Result<()> {
        let [path, _] = day_record::paths(self.days.path(), date);
        let context = || format!("{}", path.display());
        let text = std::fs::read(&path).with_context(context)?;
        let record: DayRecord = serde_json::from_slice(&text).with_context(context)?;
        let text = serde_json::to_vec_pretty(&DayRecord { provisional, ..record })?;
        // the file is a link to that of the earlier output, which has to stay as it is
        std::fs::remove_file(&path).with_context(context)?;
        std::fs::write(&path, text).with_context(context)
    }

    /// Puts everything in its place.
    ///
    /// # Errors
    /// When renaming fails; a second run then makes the dates that do not fit the manifest.
    pub fn commit(self, manifest: &Manifest, target: &Path) -> Result<()> {
        self.events.commit()?;
        self.days.commit()?;
        if let Some(folder) = self.quarantine {
            folder.commit()?;
        }
        manifest.write(target)
    }
}

/// Rows without a date of an input that an earlier run read.
fn of_known(input: &RecordedInput, source: &Source) -> Option<FileRecord> {
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

/// Links the files of a folder into another; a folder that is not there has none.
fn adopt_folder(from: &Path, to: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(from) else { return Ok(()) };
    std::fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", from.display()))?;
        adopt(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
