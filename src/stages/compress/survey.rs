//! Which dates the inputs have rows of, and which of these have to be computed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use chrono::NaiveDate;

use super::as_of::AsOf;
use super::batches;
use super::batches::RowGroup;
use super::plan_fingerprints::PlanFingerprints;
use super::settings::Settings;
use crate::cell_plan::PlannedCells;
use crate::datasets::manifest::{CompletedDate, Manifest, RecordedInput};
use crate::domain::numbers::counted;
use crate::domain::time::LocalDate;
use crate::events;
use crate::events::EventFile;
use crate::runtime::parallel::{Tasks, on_all_cores};
use crate::storage::inputs::{InputFile, fingerprint, folder_date};

/// An input with its row groups and dates.
pub struct SurveyedInput {
    pub input: InputFile,
    /// What the earlier run recorded of it, if it did not change.
    pub recorded: Option<RecordedInput>,
    pub file: Option<EventFile>,
    pub groups: Vec<RowGroup>,
    pub folder: Option<LocalDate>,
    /// Dates of its rows, including the fallback date.
    pub dates: BTreeSet<NaiveDate>,
}

impl SurveyedInput {
    /// Lists the row groups of the opened file.
    fn set_file(
        &mut self,
        number: usize,
        mut file: EventFile,
        settings: &Settings,
        as_of: AsOf,
    ) -> Result<()> {
        let zone = settings.time.tz();
        self.groups = batches::row_groups(number, &mut file, zone, as_of.latest_us, self.folder)?;
        let dates = self.groups.iter().flat_map(|g| g.dates.iter().chain(&g.fallback_date));
        self.dates = dates.filter_map(|date| date.calendar()).collect();
        self.file = Some(file);
        Ok(())
    }
}

/// Opens the files of the inputs that are `needed` and not open yet. Files with dates that are not
/// evident from the footer are scanned on all cores.
fn open(
    sources: &mut [SurveyedInput],
    needed: impl Fn(&SurveyedInput) -> bool,
    settings: &Settings,
    as_of: AsOf,
) -> Result<()> {
    let closed = |source: &SurveyedInput| source.file.is_none() && needed(source);
    let numbers: Vec<usize> = (0..sources.len()).filter(|n| closed(&sources[*n])).collect();
    let inputs = numbers.iter().map(|n| sources[*n].input.clone()).collect();
    let files = events::open(settings.columns, inputs)?;
    let mut waiting = numbers.into_iter().zip(files).peekable();
    let mut tasks = Vec::new();
    for (number, source) in sources.iter_mut().enumerate() {
        if let Some((_, file)) = waiting.next_if(|(next, _)| *next == number) {
            tasks.push((number, Mutex::new(Some((source, file)))));
        }
    }
    let failures = Mutex::new(BTreeMap::new());
    let in_turn = Tasks::new(&tasks);
    on_all_cores(tasks.len(), || {
        in_turn.each(|(number, task)| {
            let task = task.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some((source, file)) = task
                && let Err(error) = source.set_file(*number, file, settings, as_of)
            {
                failures.lock().unwrap_or_else(PoisonError::into_inner).insert(*number, error);
            }
            Ok(())
        })
    })?;
    // the first by input, whichever thread met it first
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.into_values().next().map_or(Ok(()), Err)
}

/// The inputs, and which dates have to be computed.
pub struct Survey {
    pub inputs: Vec<SurveyedInput>,
    /// Fingerprints of all dates of the inputs.
    pub fingerprints: BTreeMap<NaiveDate, String>,
    /// Dates to compute.
    pub pending: BTreeSet<NaiveDate>,
    /// Dates that stay as they are.
    pub kept: BTreeMap<NaiveDate, CompletedDate>,
    /// Inputs of the earlier run that no longer exist.
    pub removed: Vec<RecordedInput>,
    /// Dates that changed but are too early to be computed again.
    pub skipped: BTreeSet<NaiveDate>,
    /// Dates of the inputs before the boundary of retention.
    pub purged: BTreeSet<NaiveDate>,
    /// The first date that was not purged.
    pub retained_from: Option<NaiveDate>,
}

impl Survey {
    /// True if nothing has to be done.
    pub fn is_done(&self, before: &Manifest, as_of: AsOf) -> bool {
        let same = |(date, completed): (&NaiveDate, &CompletedDate)| {
            before.dates.get(date) == Some(completed)
                && completed.provisional == as_of.is_provisional(*date)
        };
        self.pending.is_empty()
            && self.kept.len() == before.dates.len()
            && self.kept.iter().all(same)
            && self.removed.is_empty()
            && self.inputs.iter().all(|input| input.recorded.is_some())
    }

    /// Messages to the user about the extent of the run.
    pub fn messages(&self) -> Vec<String> {
        let mut messages = Vec::new();
        if let Some(first) = self.removed.first() {
            messages.push(format!(
                "{} of the previous run no longer there, the first is {}; their dates were computed again",
                counted(self.removed.len() as u64, "file"),
                first.path.display()
            ));
        }
        if let Some(first) = self.skipped.first() {
            messages.push(format!(
                "{} changed and left as before, the first is {first}",
                counted(self.skipped.len() as u64, "date")
            ));
        }
        if let Some(from) = self.retained_from.filter(|_| !self.purged.is_empty()) {
            messages.push(format!(
                "the inputs still have rows of {} before {from}, which were purged; they are left out",
                counted(self.purged.len() as u64, "date")
            ));
        }
        if !self.kept.is_empty() {
            let unchanged = self.kept.len() - self.skipped.len().min(self.kept.len());
            messages.push(format!(
                "{} compressed, {} unchanged",
                counted(self.pending.len() as u64, "date"),
                counted(unchanged as u64, "date")
            ));
        }
        messages
    }
}

/// What determines the dates to compute.
pub struct SurveyOptions<'a> {
    pub settings: Settings<'a>,
    pub plan: Option<&'a PlannedCells>,
    /// Text that changes with every setting that affects the rows.
    pub fingerprint: &'a str,
    /// Compute all dates.
    pub force: bool,
    /// Leave earlier dates unchanged.
    pub since: Option<NaiveDate>,
    /// The first date that was not purged.
    pub retained_from: Option<NaiveDate>,
    pub as_of: AsOf,
}

/// Examines the inputs. `before` is the manifest of the earlier run, with the dates whose files are
/// intact.
///
/// # Errors
/// The first file that cannot be used.
pub fn survey(
    inputs: Vec<InputFile>,
    before: Option<&Manifest>,
    options: &SurveyOptions,
) -> Result<Survey> {
    let SurveyOptions { settings, as_of, .. } = options;
    let as_of = *as_of;
    let same_settings = before.filter(|b| b.settings == options.fingerprint);
    let known: BTreeMap<_, _> =
        same_settings.iter().flat_map(|b| &b.inputs).map(|i| (i.path.as_path(), i)).collect();
    let mut sources = Vec::new();
    for input in inputs {
        let known = known
            .get(input.location.as_path())
            .filter(|k| k.is_unchanged(&input) && !options.force);
        let folder = folder_date(input.location.as_path()).map(LocalDate::from_calendar);
        sources.push(SurveyedInput {
            input,
            recorded: known.map(|k| (*k).clone()),
            file: None,
            groups: Vec::new(),
            folder,
            dates: known.map(|k| k.dates.keys().copied().collect()).unwrap_or_default(),
        });
    }
    open(&mut sources, |source| source.recorded.is_none(), settings, as_of)?;
    let mut fingerprints = fingerprints(&sources, options);
    let retained_from = options.retained_from;
    let is_purged = |date: &NaiveDate| retained_from.is_some_and(|from| *date < from);
    let purged: BTreeSet<NaiveDate> = fingerprints.keys().copied().filter(is_purged).collect();
    fingerprints.retain(|date, _| !is_purged(date));
    let mut kept = BTreeMap::new();
    let mut pending = BTreeSet::new();
    let mut skipped = BTreeSet::new();
    for (date, fingerprint) in &fingerprints {
        let completed = before.and_then(|b| b.dates.get(date)).filter(|_| !options.force);
        match completed {
            Some(completed) if completed.fingerprint == *fingerprint => {
                kept.insert(*date, completed.clone());
            }
            _ if options.since.is_some_and(|since| *date < since) => {
                skipped.insert(*date);
                let earlier = before.and_then(|b| b.dates.get(date));
                kept.extend(earlier.map(|earlier| (*date, earlier.clone())));
            }
            _ => {
                pending.insert(*date);
            }
        }
    }
    open(&mut sources, |source| !source.dates.is_disjoint(&pending), settings, as_of)?;
    let existing: BTreeSet<_> = sources.iter().map(|s| s.input.location.as_path()).collect();
    let removed =
        before.iter().flat_map(|b| &b.inputs).filter(|i| !existing.contains(i.path.as_path()));
    let removed = removed.cloned().collect();
    // dates of removed files are removed as well, unless they are too early to be computed again
    if let (Some(since), Some(before)) = (options.since, before) {
        let orphans = before
            .dates
            .iter()
            .filter(|(d, _)| **d < since && !fingerprints.contains_key(d) && !is_purged(d));
        for (date, completed) in orphans {
            kept.insert(*date, completed.clone());
            skipped.insert(*date);
        }
    }
    Ok(Survey {
        inputs: sources,
        fingerprints,
        pending,
        kept,
        removed,
        skipped,
        purged,
        retained_from,
    })
}

/// For each date, a text that changes with the inputs that have rows of it, the settings, and the cell
/// plan of that date.
fn fingerprints(sources: &[SurveyedInput], options: &SurveyOptions) -> BTreeMap<NaiveDate, String> {
    let mut inputs: BTreeMap<NaiveDate, Vec<InputFile>> = BTreeMap::new();
    for source in sources {
        for date in &source.dates {
            inputs.entry(*date).or_default().push(source.input.clone());
        }
    }
    let mut plans = PlanFingerprints::new(options.plan);
    let of_date = |(date, inputs): (NaiveDate, Vec<InputFile>)| {
        let settings = format!("{} {}", options.fingerprint, plans.of(date));
        (date, fingerprint(&inputs, &settings))
    };
    inputs.into_iter().map(of_date).collect()
}
