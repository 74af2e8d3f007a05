//! What there is to do: which dates the inputs touch, and which of these are made already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use chrono::{NaiveDate, Utc};
use sha2::{Digest, Sha256};

use super::plan;
use super::plan::RowGroup;
use crate::cell_plan::PlannedCells;
use crate::checks::Code;
use crate::config::Config;
use crate::datasets::manifest::{CompletedDate, Manifest, RecordedInput};
use crate::domain::ids::hex;
use crate::domain::time::{LocalDate, LocalHour, MICROS_PER_HOUR};
use crate::events::input;
use crate::events::input::EventInput;
use crate::runtime::parallel::{Tasks, on_all_cores};
use crate::storage::inputs::{InputFile, fingerprint, folder_date};

/// Where time stamps have no zone, the clocks on Earth show times from this far behind UTC to this far
/// ahead of it, hours.
const BEHIND_H: i64 = 12;
const AHEAD_H: i64 = 14;

/// The moment at which a run looks at its inputs, as local time.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Later time stamps lie in the future; no bound where that is not checked, local µs.
    pub latest_us: i64,
    /// The last date that is over for good.
    closed: LocalDate,
}

impl Now {
    pub fn of(config: &Config) -> Self {
        let now = Utc::now();
        let utc = now.timestamp_micros();
        let (earliest, latest) = match config.time.tz() {
            Some(zone) => {
                let local = now.with_timezone(&zone).naive_local().and_utc().timestamp_micros();
                (local, local)
            }
            None => (utc - BEHIND_H * MICROS_PER_HOUR, utc + AHEAD_H * MICROS_PER_HOUR),
        };
        let today = LocalHour::of(earliest).date();
        let open_days = i32::try_from(config.checks.open_days).unwrap_or(i32::MAX);
        Now {
            latest_us: if config.checks.on(Code::TimeFuture) { latest } else { i64::MAX },
            closed: LocalDate(today.0.saturating_sub(1).saturating_sub(open_days)),
        }
    }

    /// True of a date for which rows can still be expected.
    pub fn provisional(&self, date: NaiveDate) -> bool {
        LocalDate::from_calendar(date) > self.closed
    }
}

/// An input and what is known of it.
pub struct Source {
    pub input: InputFile,
    /// As an earlier run noted it, if it did not change.
    pub known: Option<RecordedInput>,
    pub file: Option<EventInput>,
    pub groups: Vec<RowGroup>,
    pub folder: Option<LocalDate>,
    /// Dates of its rows, and the date of those that have none of their own.
    pub dates: BTreeSet<NaiveDate>,
}

impl Source {
    /// Takes the opened file and lists its row groups.
    fn take(
        &mut self,
        number: usize,
        mut file: EventInput,
        config: &Config,
        now: Now,
    ) -> Result<()> {
        let zone = config.time.tz();
        self.groups = plan::row_groups(number, &mut file, zone, now.latest_us, self.folder)?;
        let days = self.groups.iter().flat_map(|g| g.days.iter().chain(&g.home));
        self.dates = days.filter_map(|day| day.calendar()).collect();
        self.file = Some(file);
        Ok(())
    }
}

/// Opens those of the sources that are not open and that are `needed`. Files whose days are not in a
/// footer are looked through on all cores.
fn open(
    sources: &mut [Source],
    needed: impl Fn(&Source) -> bool,
    config: &Config,
    now: Now,
) -> Result<()> {
    let closed = |source: &Source| source.file.is_none() && needed(source);
    let numbers: Vec<usize> = (0..sources.len()).filter(|n| closed(&sources[*n])).collect();
    let inputs = numbers.iter().map(|n| sources[*n].input.clone()).collect();
    let files = input::open(&config.columns, inputs)?;
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
                && let Err(error) = source.take(*number, file, config, now)
            {
                failures.lock().unwrap_or_else(PoisonError::into_inner).insert(*number, error);
            }
            Ok(())
        })
    })?;
    // of several the first, whichever thread met it
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.into_values().next().map_or(Ok(()), Err)
}

/// Inputs, dates and what has to be made.
pub struct Survey {
    pub sources: Vec<Source>,
    /// Marks of all dates that the inputs touch.
    pub marks: BTreeMap<NaiveDate, String>,
    /// Dates to make.
    pub open: BTreeSet<NaiveDate>,
    /// Dates that stay as they are.
    pub kept: BTreeMap<NaiveDate, CompletedDate>,
    /// Inputs of the earlier run that are gone.
    pub gone: Vec<RecordedInput>,
    /// Dates that changed and were left out.
    pub left: BTreeSet<NaiveDate>,
}

/// What decides about all dates.
pub struct Wanted<'a> {
    pub config: &'a Config,
    pub plan: Option<&'a PlannedCells>,
    pub settings: &'a str,
    /// Make everything anew.
    pub force: bool,
    /// Leave earlier dates as they are.
    pub since: Option<NaiveDate>,
    pub now: Now,
}

/// Looks at the inputs. `before` is what an earlier run left, with sound dates alone.
///
/// # Errors
/// The first file that cannot be used.
pub fn survey(
    inputs: Vec<InputFile>,
    before: Option<&Manifest>,
    wanted: &Wanted,
) -> Result<Survey> {
    let Wanted { config, now, .. } = *wanted;
    let same_settings = before.filter(|b| b.settings == wanted.settings);
    let known: BTreeMap<_, _> =
        same_settings.iter().flat_map(|b| &b.inputs).map(|i| (i.path.as_path(), i)).collect();
    let mut sources = Vec::new();
    for input in inputs {
        let known =
            known.get(input.location.as_path()).filter(|k| k.is_unchanged(&input) && !wanted.force);
        let folder = folder_date(input.location.as_path()).map(LocalDate::from_calendar);
        sources.push(Source {
            input,
            known: known.map(|k| (*k).clone()),
            file: None,
            groups: Vec::new(),
            folder,
            dates: known.map(|k| k.dates.keys().copied().collect()).unwrap_or_default(),
        });
    }
    open(&mut sources, |source| source.known.is_none(), config, now)?;
    let marks = marks(&sources, wanted);
    let mut kept = BTreeMap::new();
    let mut made_anew = BTreeSet::new();
    let mut left = BTreeSet::new();
    for (date, mark) in &marks {
        let made = before.and_then(|b| b.dates.get(date)).filter(|_| !wanted.force);
        match made {
            Some(made) if made.fingerprint == *mark => {
                kept.insert(*date, made.clone());
            }
            _ if wanted.since.is_some_and(|since| *date < since) => {
                left.insert(*date);
                let earlier = before.and_then(|b| b.dates.get(date));
                kept.extend(earlier.map(|made| (*date, made.clone())));
            }
            _ => {
                made_anew.insert(*date);
            }
        }
    }
    open(&mut sources, |source| !source.dates.is_disjoint(&made_anew), config, now)?;
    let there: BTreeSet<_> = sources.iter().map(|s| s.input.location.as_path()).collect();
    let gone = before.iter().flat_map(|b| &b.inputs).filter(|i| !there.contains(i.path.as_path()));
    let gone = gone.cloned().collect();
    // dates of files that are gone go too, unless they are to be left alone
    if let (Some(since), Some(before)) = (wanted.since, before) {
        let orphans = before.dates.iter().filter(|(d, _)| **d < since && !marks.contains_key(d));
        for (date, made) in orphans {
            kept.insert(*date, made.clone());
            left.insert(*date);
        }
    }
    Ok(Survey { sources, marks, open: made_anew, kept, gone, left })
}

/// For each date a text that changes with the inputs that touch it, the settings and the cell plan of
/// that date.
fn marks(sources: &[Source], wanted: &Wanted) -> BTreeMap<NaiveDate, String> {
    let mut inputs: BTreeMap<NaiveDate, Vec<InputFile>> = BTreeMap::new();
    for source in sources {
        for date in &source.dates {
            inputs.entry(*date).or_default().push(source.input.clone());
        }
    }
    let mut plans = PlanMarks::new(wanted.plan);
    let mark = |(date, inputs): (NaiveDate, Vec<InputFile>)| {
        let settings = format!("{} {}", wanted.settings, plans.of(date));
        (date, fingerprint(&inputs, &settings))
    };
    inputs.into_iter().map(mark).collect()
}

/// Marks of the cell plan by date; dates between two changes of the plan share one.
struct PlanMarks<'a> {
    plan: Option<&'a PlannedCells>,
    changes: Vec<i32>,
    known: BTreeMap<usize, String>,
}

impl<'a> PlanMarks<'a> {
    fn new(plan: Option<&'a PlannedCells>) -> Self {
        let versions = plan.iter().flat_map(|p| &p.cells).flat_map(|(_, versions)| versions);
        let ends = versions.flat_map(|v| [v.start, v.end.map(|end| end.saturating_add(1))]);
        let changes: BTreeSet<i32> = ends.flatten().collect();
        PlanMarks { plan, changes: changes.into_iter().collect(), known: BTreeMap::new() }
    }

    fn of(&mut self, date: NaiveDate) -> String {
        let Some(plan) = self.plan else { return String::new() };
        let day = LocalDate::from_calendar(date).0;
        let since = self.changes.partition_point(|change| *change <= day);
        self.known.entry(since).or_insert_with(|| mark_of_plan(plan, day)).clone()
    }
}

fn mark_of_plan(plan: &PlannedCells, day: i32) -> String {
    let mut hash = Sha256::new();
    for (id, versions) in &plan.cells {
        let valid = versions.iter().find(|v| {
            v.start.is_none_or(|start| start <= day) && v.end.is_none_or(|end| day <= end)
        });
        hash.update(id);
        match valid {
            Some(v) => {
                hash.update([1]);
                hash.update(v.lat.to_bits().to_le_bytes());
                hash.update(v.lon.to_bits().to_le_bytes());
            }
            None => hash.update([0]),
        }
    }
    for id in &plan.bad_coordinates {
        hash.update([2]);
        hash.update(id);
    }
    hex(&hash.finalize())
}
