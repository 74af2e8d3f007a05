//! `publish`: releases views for the public. What would tell of few devices is withheld, see
//! [`crate::publication`]; what was released is kept in a store, and compared with by later releases.
//!
//! A release appears in this order, so that it is never there in part: the tables and the ledger of the store, the
//! list of released tables, which makes them known, and the release folder. At last, files are removed that the list
//! does not name any more. Killed in between, the next run with the same input completes it.

mod alternatives;
mod attack;
mod audit;
mod audited;
mod bytes;
mod choose;
mod clock;
mod coarser_relations;
mod coarser_rows;
mod coarser_tables;
mod coverage;
mod dating;
mod decide;
mod earlier;
mod earlier_values;
mod flow_levels;
mod folder;
mod history;
mod largest;
mod left_out;
mod linked_dates;
mod manifest;
mod moved;
mod nearly;
mod numbers;
mod nuts;

mod period;
mod problem;
mod read;
mod readme;
mod relations;
mod released_rows;
mod report;
mod store;
mod table;
mod through;
mod totals;
mod unseen;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::compute::{SortColumn, lexsort_to_indices, take_record_batch};
use chrono::NaiveDate;

pub use alternatives::Alternative;
pub use attack::range;
pub use audit::audit;
pub use audited::{Audited, KindOfNumber};
pub use folder::{FileFormat, WriteFile};
pub use report::{Figures, GateReport};

use crate::config::{Config, Publish, Window};
use crate::datasets::published::Store;
use crate::domain::numbers::counted;
use crate::domain::tables::Table as WarehouseTable;
use crate::progress::{Progress, StageReport};
use crate::storage::atomic::write_file;
use crate::storage::lock;
use crate::views::Registry;
use crate::views::coarser::{self, Level};
use crate::warehouse::{Relation, Select, Warehouse};
use decide::{Decision, decide};
use nuts::{Boundaries, Nuts};
use period::NightHours;
use report::reasons_csv;
use store::{NewRelease, Places, geoparquet};

/// The settings of the stage.
#[derive(Debug, Clone)]
pub struct Settings {
    pub publish: Publish,
    pub window: Window,
    /// The file with the NUTS regions of LAUs.
    pub nuts: Option<PathBuf>,
    pub boundaries: Boundaries,
    /// The regions, once they were read.
    regions: Arc<OnceLock<Option<Nuts>>>,
    /// First clock hour of the day, and of the night.
    pub day: (u32, u32),
    /// The hours of the nights that devices spend at places.
    pub night: NightHours,
}

impl Settings {
    /// The areas and the period of the numbers.
    fn level(&self) -> Level {
        Level { areas: self.publish.areas, period: self.publish.period }
    }
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Settings {
            publish: config.publish.clone(),
            window: config.anchors.window,
            nuts: config.data.nuts.clone(),
            boundaries: Boundaries::from(config),
            regions: Arc::default(),
            day: (config.time.day_start, config.time.day_end),
            night: NightHours::from(&config.anchors),
        }
    }
}

/// What is to be released.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Names of views; without one, all that are classified.
    pub views: Vec<String>,
    /// First and last date.
    pub range: (Option<NaiveDate>, Option<NaiveDate>),
}

/// A release.
#[derive(Debug)]
pub struct Outcome {
    pub report: StageReport,
    pub id: String,
    /// The analyst's files beside the folder.
    pub beside: [PathBuf; 2],
    pub gate_report: GateReport,
}

/// What a release would withhold.
#[derive(Debug)]
pub struct Preview {
    pub gate_report: GateReport,
    /// The same of the numbers about areas alone, first as it was asked for, and then with coarser areas and periods.
    pub alternatives: Vec<Alternative>,
}

/// Decides what a release would withhold, and with `alternatives` what coarser ones would; writes nothing.
///
/// # Errors
/// As [`run`], as far as nothing is written.
pub fn dry_run(
    warehouse: &dyn Warehouse,
    registry: &Registry,
    (settings, request): (&Settings, &Request),
    alternatives: bool,
    progress: &Progress,
) -> Result<Preview> {
    let bar = progress.spinner("publish", "reading the views");
    let coarser = coarser::all(registry);
    let decision = decide(warehouse, (registry, &coarser), settings, request, &bar)?;
    decision.notes.iter().for_each(|note| progress.note(note));
    bar.finish();
    let mut found = vec![Alternative::of(settings, &decision)];
    if alternatives {
        let views = (registry, &coarser[..]);
        found.extend(alternatives::alternatives(warehouse, views, settings, request, progress)?);
    }
    Ok(Preview { gate_report: decision.gate_report, alternatives: found })
}

/// Releases views into the folder `dir` and into the store.
///
/// # Errors
/// A folder that holds something else; a view that cannot be published; numbers that contradict the headers, or that
/// cannot be protected, with the reason; a folder that is not writable.
pub fn run(
    warehouse: &dyn Warehouse,
    registry: &Registry,
    (settings, request): (&Settings, &Request),
    dir: &Path,
    write_rows: WriteFile,
    progress: &Progress,
) -> Result<Outcome> {
    let started = Instant::now();
    folder::refuse_other(dir)?;
    let store = Store::new(&settings.publish.store);
    let _lock = lock::to_write(store.folder())?;
    let bar = progress.spinner("publish", "reading the views");
    let coarser = coarser::all(registry);
    let decision = decide(warehouse, (registry, &coarser), settings, request, &bar)?;
    let Decision { views, gate_report, reasons, mut notes, rows_in, nuts, dates } = decision;
    bar.message("writing the release");
    let lau = places(warehouse, WarehouseTable::Lau, "lau_id")?;
    let cells = match settings.publish.cells {
        true => Some(places(warehouse, WarehouseTable::CellPlan, "cell_id")?),
        false => None,
    };
    let new_folder =
        folder::write(dir, &views, cells.as_ref(), (settings, request), &dates, write_rows)?;
    let of_places = Places {
        lau: Some(geoparquet(&lau, 3035, &[])?),
        cells: cells.map(|cells| geoparquet(&cells, 4326, &["Point"])).transpose()?,
    };
    let release =
        NewRelease::new(&views, &new_folder.files, (of_places, nuts, dates), (settings, request))?;
    let is_there = folder::is_there(dir, &new_folder.files)?;
    let listed = store.read()?.map(|published| published.releases).unwrap_or_default();
    let is_known = listed.contains(&release.id);
    if !is_known {
        release.write(&store, &views)?;
        release.publish(&store, &views, settings)?;
    }
    let beside = [beside(dir, "gate_report.csv")?, beside(dir, "reasons.csv")?];
    write_file(&beside[0], gate_report.csv().as_bytes())?;
    write_file(&beside[1], reasons_csv(&reasons).as_bytes())?;
    if !is_there {
        new_folder.folder.commit()?;
    }
    store::remove_unnamed(&store)?;
    bar.finish();
    let rows_out = views.iter().map(|view| view.rows.rows.num_rows() as u64).sum();
    if is_known && is_there {
        notes.push(format!("{} holds this release already", dir.display()));
    }
    notes.iter().for_each(|note| progress.note(note));
    let report = StageReport {
        stage: "publish",
        rows_in,
        rows_out,
        elapsed: started.elapsed(),
        skipped: is_known && is_there,
        ..StageReport::default()
    };
    Ok(Outcome { report, id: release.id, beside, gate_report })
}

/// What a release has and withholds, as a sentence.
pub fn sentence(figures: Figures) -> String {
    format!(
        "{}, of which {} withheld for their own sake and {} so that those cannot be derived ({:.2} % of the value)",
        counted(figures.cells, "number"),
        figures.primary,
        figures.secondary,
        100.0 * figures.lost_share()
    )
}

/// A table of places in the order of its keys.
fn places(warehouse: &dyn Warehouse, table: WarehouseTable, key: &str) -> Result<RecordBatch> {
    let rows = read::collect(warehouse.select(&Select::all(Relation::Table(table)))?)?;
    let column = rows
        .column_by_name(key)
        .with_context(|| format!("the table {} has no {key}; run `mobility load`", table.name()))?;
    let others = rows.columns().iter().filter(|other| !other.data_type().is_binary());
    let columns: Vec<SortColumn> = std::iter::once(column)
        .chain(others)
        .map(|values| SortColumn { values: values.clone(), options: None })
        .collect();
    Ok(take_record_batch(&rows, &lexsort_to_indices(&columns, None)?)?)
}

/// A file of the analyst beside the release folder.
fn beside(dir: &Path, what: &str) -> Result<PathBuf> {
    let name = dir
        .file_name()
        .with_context(|| format!("{} has no name; name a folder for the release", dir.display()))?;
    let mut name = name.to_os_string();
    name.push(format!(".{what}"));
    Ok(dir.with_file_name(name))
}
