//! Views over hourly presence that the program computes itself: user by user, in one pass over the sorted files
//! of a date, where the engine would hash and join all of their rows. The SQL of these views stays their
//! definition: it is what servers and clusters run, what computes them over files that are not sorted, and
//! what the computations are tested against.

mod clock;
mod columns;
mod devices;
mod night_places;
mod od_pairs;
mod planned_places;
mod present_places;
#[cfg(test)]
mod tests;
mod user_rows;
mod workday_sites;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::Result;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchIterator};
use arrow::datatypes::SchemaRef;
use chrono::NaiveDate;
use tokio_util::sync::CancellationToken;

use super::rows::contract_schema;
use super::table_files::TableFiles;
use crate::domain::tables::Table;
use crate::runtime::cancellation::{self, Cancelled};
use crate::runtime::parallel::{Tasks, cores, on_all_cores};
use crate::views::{PresenceRules, Registry, View};
use crate::warehouse::Rows;
use clock::Clock;
use devices::Devices;
use night_places::NightPlaces;
use od_pairs::OdPairs;
use planned_places::PlannedPlaces;
use present_places::PresentPlaces;
use user_rows::{DateRows, Seen, UserRange, each_user, ranges};
use workday_sites::WorkdaySites;

/// Files from which only the engine can compute a view: their rows are in another order, or have other types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unsuitable;

impl fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the files of hourly presence are not sorted by user")
    }
}

impl std::error::Error for Unsuitable {}

/// What a view has for a period, from one user after the other.
trait Computation: Sized + Send {
    /// It needs the times of events.
    const WITH_TIMES: bool;

    /// Adds a user with rows that count.
    fn add(&mut self, user: &str, rows: &[Seen]);

    /// The parts for consecutive ranges of users with what depends on all users, in order.
    fn combined(parts: Vec<Self>) -> Vec<Self> {
        parts
    }

    /// The columns of the rows.
    fn columns(self, plan: &PlannedPlaces) -> Vec<ArrayRef>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    DevicesPerDate,
    NightPlaces,
    OdPairsPerDay,
    PresentPlaces,
    WorkdaySites,
}

/// A view that the program can compute itself.
#[derive(Debug, Clone)]
pub struct PresenceView {
    kind: Kind,
    schema: SchemaRef,
    rules: PresenceRules,
}

/// A period of a view: its first date, and the first and the last date that its rows depend on.
pub type DatedPeriod = (NaiveDate, (NaiveDate, NaiveDate));

/// What a thread computes: a period for a range of users.
struct Task {
    period: usize,
    start: NaiveDate,
    dates: Vec<(i32, Vec<PathBuf>)>,
    users: UserRange,
}

impl PresenceView {
    /// `None` for any other view, and if the SQL of the view, or of one that it reads, is not that of the program.
    pub fn of(views: &Registry, view: &View) -> Option<Self> {
        let kind = match view.view.as_str() {
            "devices_per_date" => Kind::DevicesPerDate,
            "night_places" => Kind::NightPlaces,
            "od_pairs_per_day" => Kind::OdPairsPerDay,
            "present_places" => Kind::PresentPlaces,
            "workday_sites" => Kind::WorkdaySites,
            _ => return None,
        };
        let schema = contract_schema(view.columns.as_ref()?);
        let rules = views.presence_rules().clone();
        views.is_shipped(view).then_some(PresenceView { kind, schema, rules })
    }

    /// The rows for each of some periods, in order; `None` if only the engine can compute them. The files must
    /// be intact. Memory follows the rows of the result, and not the files.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn rows(&self, files: &TableFiles, periods: &[DatedPeriod]) -> Result<Option<Vec<Rows>>> {
        let Some(plan) = files.table(Table::CellPlan) else { return Ok(None) };
        let computed =
            PlannedPlaces::read(&plan.path).and_then(|plan| self.batches(files, &plan, periods));
        match computed {
            Ok(batches) => Ok(Some(batches.into_iter().map(|rows| self.reader(rows)).collect())),
            Err(error) if error.is::<Unsuitable>() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn reader(&self, batches: Vec<RecordBatch>) -> Rows {
        Box::new(RecordBatchIterator::new(batches.into_iter().map(Ok), self.schema.clone()))
    }

    fn batches(
        &self,
        files: &TableFiles,
        plan: &PlannedPlaces,
        periods: &[DatedPeriod],
    ) -> Result<Vec<Vec<RecordBatch>>> {
        let (rules, day) = (&self.rules, |date: NaiveDate| date.to_epoch_days());
        let clock = || Clock::from(rules.clock_changes());
        let columns = match self.kind {
            Kind::DevicesPerDate => {
                each_period(files, plan, periods, |date| Some(Devices::on(day(date))))
            }
            Kind::NightPlaces => {
                let night = |date| Some(NightPlaces::of(day(date), rules.night));
                each_period(files, plan, periods, night)
            }
            Kind::WorkdaySites => {
                let sites =
                    |date| rules.is_workday(date).then(|| WorkdaySites::on(day(date), rules.work));
                each_period(files, plan, periods, sites)
            }
            Kind::OdPairsPerDay => {
                let clock = clock();
                let pairs = |date| {
                    let repeated = clock.hours_of(date).into_iter().filter(|h| h.is_repeated());
                    Some(OdPairs::on(day(date), repeated.map(|hour| hour.label_us).collect()))
                };
                each_period(files, plan, periods, pairs)
            }
            Kind::PresentPlaces => {
                let clock = clock();
                let places = |date: NaiveDate| {
                    let before = date.pred_opt().map(|d| clock.hours_of(d)).unwrap_or_default();
                    let hours = clock.hours_of(date);
                    Some(PresentPlaces::on(day(date), &before, &hours, rules.present_s))
                };
                each_period(files, plan, periods, places)
            }
        };
        let batch = |columns| Ok(RecordBatch::try_new(self.schema.clone(), columns)?);
        let of_period = |parts: Vec<Vec<ArrayRef>>| parts.into_iter().map(batch).collect();
        columns?.into_iter().map(of_period).collect()
    }
}

/// The columns of the rows for each period, in parts for consecutive ranges of users. `start` begins the
/// computation for a period; there is none for a period without rows.
fn each_period<C: Computation>(
    files: &TableFiles,
    plan: &PlannedPlaces,
    periods: &[DatedPeriod],
    start: impl Fn(NaiveDate) -> Option<C> + Sync,
) -> Result<Vec<Vec<Vec<ArrayRef>>>> {
    let tasks = tasks(files, periods)?;
    let queue = Tasks::new(&tasks);
    let token = cancellation::current();
    let done = on_all_cores(tasks.len(), || {
        let mut parts = Vec::new();
        queue.each(|task| {
            if token.as_ref().is_some_and(CancellationToken::is_cancelled) {
                return Err(Cancelled.into());
            }
            if let Some(computation) = start(task.start) {
                let users = task.users.from.clone();
                parts.push(((task.period, users), run(task, plan, computation)?));
            }
            Ok(())
        })?;
        Ok(parts)
    })?;
    let parts: BTreeMap<(usize, Option<String>), C> = done.into_iter().flatten().collect();
    let mut by_period: Vec<Vec<C>> = Vec::new();
    by_period.resize_with(periods.len(), Vec::new);
    for ((period, _), part) in parts {
        by_period[period].push(part);
    }
    let columns = |parts: Vec<C>| C::combined(parts).into_iter().map(|p| p.columns(plan)).collect();
    Ok(by_period.into_iter().map(columns).collect())
}

fn tasks(files: &TableFiles, periods: &[DatedPeriod]) -> Result<Vec<Task>> {
    let mut tasks = Vec::new();
    for (period, (start, reads)) in periods.iter().enumerate() {
        let mut dates: BTreeMap<i32, Vec<PathBuf>> = BTreeMap::new();
        for (date, file) in files.presence_of(Some(*reads)) {
            dates.entry(date.to_epoch_days()).or_default().push(file.path.clone());
        }
        // users are divided among the cores if there are fewer periods than these
        let longest = dates.values().max_by_key(|files| files.len());
        let users = match longest {
            Some(files) if periods.len() < cores() => ranges(files)?,
            _ => vec![UserRange::default()],
        };
        let dates: Vec<(i32, Vec<PathBuf>)> = dates.into_iter().collect();
        tasks.extend(users.into_iter().map(|users| Task {
            period,
            start: *start,
            dates: dates.clone(),
            users,
        }));
    }
    Ok(tasks)
}

fn run<C: Computation>(task: &Task, plan: &PlannedPlaces, mut computation: C) -> Result<C> {
    let open = |(day, files): &(i32, Vec<PathBuf>)| {
        DateRows::open((*day, files.clone()), plan, &task.users, C::WITH_TIMES)
    };
    let mut dates = task.dates.iter().map(open).collect::<Result<Vec<_>>>()?;
    each_user(&mut dates, |user, rows| computation.add(user, rows))?;
    Ok(computation)
}
