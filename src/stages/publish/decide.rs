//! Decides which numbers of a release are withheld.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::choose::{Chosen, Classified, choose};
use super::clock::Clock;
use super::coarser_relations;
use super::coarser_rows::Origin;
use super::coarser_tables::{self, SmallAreas};
use super::coverage::Coverage;
use super::dating::{Dating, Scope};
use super::flow_levels;
use super::history::History;
use super::largest::Largest;
use super::nuts::Nuts;
use super::period::Periods;
use super::problem::{Built, Knowledge, build};
use super::read;
use super::relations::Containers;
use super::released_rows::{ReleasedRows, released_rows};
use super::report::{GateReport, ReasonRow, report};
use super::table::{Role, Table};
use super::totals::totals;
use super::{Request, Settings};
use crate::config::Areas;
use crate::datasets::published::Store;
use crate::errors::UsageError;
use crate::progress::StageBar;
use crate::publication::{Gate, Refused, Suppression};
use crate::views::coarser::{Coarser, with_forms_of_level};
use crate::views::{Growth, Registry, Unit};
use crate::warehouse::Warehouse;

/// Times that it is decided anew because a difference of shown numbers counts few devices.
const ROUNDS: usize = 20;

/// A view of a release, with the rows that are shown.
#[derive(Debug)]
pub struct ReleasedView<'a> {
    pub classified: Classified<'a>,
    pub table: Table,
    pub rows: ReleasedRows,
    /// The numbers that are shown: first date of the period, key in the ledger, measure, value.
    pub shown: Vec<(Option<NaiveDate>, String, String, u64)>,
}

/// What was decided.
#[derive(Debug)]
pub struct Decision<'a> {
    pub views: Vec<ReleasedView<'a>>,
    pub gate_report: GateReport,
    pub reasons: Vec<ReasonRow>,
    pub notes: Vec<String>,
    /// Rows that were read.
    pub rows_in: u64,
    /// Sum of the NUTS codes that areas were made with.
    pub nuts: Option<String>,
    /// The dates of the release with events.
    pub dates: BTreeSet<NaiveDate>,
}

/// Reads the views from the warehouse, compares them with earlier releases in the store, and decides. `coarser` are
/// all coarser forms of the views.
///
/// # Errors
/// A view that cannot be published; dates without events; numbers that contradict the headers; numbers that
/// cannot be protected.
pub fn decide<'a>(
    warehouse: &dyn Warehouse,
    (registry, coarser): (&'a Registry, &'a [Coarser]),
    settings: &Settings,
    request: &Request,
    bar: &StageBar,
) -> Result<Decision<'a>> {
    let level = settings.level();
    let mut chosen = choose(registry, &request.views, level)?;
    let window = Growth::by(Unit::Window).with_window(settings.window).unit;
    let dates = read::dates(warehouse, registry)?;
    let scope = Scope::new(dates.clone(), request.range, window);
    if !scope.has_dates() {
        return Err(no_dates(&dates));
    }
    let history = History::read(&Store::new(&settings.publish.store), &scope)?;
    if request.views.is_empty() {
        leave_out_unrelated(&mut chosen, &history, (coarser, registry), &scope);
    }
    let needed = chosen.classified.iter().find(|c| read::needs_anchor_windows(c.publication));
    let windows = read::anchor_windows(warehouse, registry, &scope, needed.map(|c| c.view))?;
    // for relations with the months of windows
    let earliest = windows.values().min().map(|start| Unit::Month.start_of(*start));
    let (mut tables, mut batches, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let mut largest = Largest::default();
    let mut rows_in = 0;
    for classified in &chosen.classified {
        let Classified { view, publication } = *classified;
        bar.message(&view.name);
        let (released, judged) =
            (chosen.released.contains(&view.view), chosen.judged.contains(&view.view));
        let keys = publication.keys.as_ref().map_or(&[][..], |keys| &keys.columns);
        let Some(schema) = &view.columns else { continue };
        let dating = Dating::of(view, schema, keys);
        let rows = read::rows(warehouse, view, &dating, &scope, earliest)
            .and_then(|rows| read::complete(&rows, &dating, &scope))
            .and_then(|rows| read::sorted(view, &rows))
            .map_err(|error| view.placed(error))?;
        rows_in += rows.num_rows() as u64;
        let starts = read::periods(&rows, &dating).map_err(|error| view.placed(error))?;
        let of_level;
        let stated = match chosen.finer.contains(&view.view) {
            true => publication,
            false => {
                of_level = with_forms_of_level(view, level, registry);
                &of_level
            }
        };
        let table = Table::new(view, stated, &rows, |row| {
            let period = starts[row].map(|start| dating.period(start));
            let role = match scope.is_released(period) {
                true if released => Role::Released,
                true if judged => Role::Judged,
                _ => Role::Context,
            };
            (period, role)
        })?;
        if released || judged || history.has(&view.view) {
            largest.read(warehouse, registry, view, publication, &scope)?;
        }
        tables.push(table);
        batches.push(rows);
        kept.push(*classified);
    }
    let coverage = Coverage::read(warehouse)?;
    // what is released, and what was
    let mut forms: Vec<&Coarser> = coarser
        .iter()
        .filter(|form| {
            let name = &form.view.view;
            chosen.released.contains(name) || history.has(name)
        })
        .collect();
    let computed =
        flow_levels::computed(coarser, &forms, &history, |view| chosen.released.contains(view));
    forms.extend(&computed);
    forms.extend(flow_levels::behind(coarser, &forms));
    forms.extend(coarser_relations::between(coarser, &forms));
    let has_areas = |form: &&Coarser| form.areas.is_some_and(|areas| areas != Areas::Lau);
    let nuts = match forms.iter().any(has_areas) {
        true => read_nuts(warehouse, settings)?,
        false => Nuts::default(),
    };
    history.refuse_other_nuts(nuts.sum().as_deref())?;
    let read_dates = scope.read_dates();
    let origin = Origin { nuts: &nuts, day: settings.day, dates: &read_dates };
    for form in &forms {
        bar.message(&form.view.name);
        let role = match chosen.released.contains(&form.view.view) {
            true => Role::Released,
            false if computed.contains(form) => Role::Total,
            false => Role::Context,
        };
        let form_and_role = (*form, role);
        let dates = (&scope, &origin);
        let (table, rows) =
            coarser_tables::table(warehouse, registry, form_and_role, dates, &mut largest)?;
        rows_in += rows.num_rows() as u64;
        tables.push(table);
        batches.push(rows);
        kept.push(Classified { view: &form.view, publication: &form.view.publication });
    }
    bar.message("comparing with earlier releases");
    history.refuse_crossing(&tables, coarser, registry)?;
    let small = settings.publish.min_area_devices;
    let small = SmallAreas::read(warehouse, level.areas, small, &origin)?;
    let sum = nuts.sum().filter(|_| level.areas != Areas::Lau);
    let clock = Clock::of(&tables, Some(settings.day));
    let periods = Periods { windows, night: settings.night, clock, window, dates };
    let containers = Containers { periods, nuts };
    let mut further = coarser_relations::relations(&tables, (coarser, &forms), &history);
    // what nobody sees and nobody saw is only compared with what is released in its place
    if !chosen.finer.is_empty() && !chosen.finer.iter().any(|view| history.has(view)) {
        coarser_tables::refuse_contradictions(&tables, &further.direct, &containers)?;
        let is_kept: Vec<bool> = tables.iter().map(|t| !chosen.finer.contains(&t.view)).collect();
        tables = kept_of(tables, &is_kept);
        batches = kept_of(batches, &is_kept);
        kept = kept_of(kept, &is_kept);
        further = coarser_relations::relations(&tables, (coarser, &forms), &history);
    }
    let origin = Origin { nuts: &containers.nuts, day: settings.day, dates: &read_dates };
    further.extend(flow_levels::add(
        &mut tables,
        &forms,
        warehouse,
        (&origin, &containers),
        (&history, &mut largest),
    )?);
    tables.extend(totals(&tables, &containers));
    let is_wholly_read = |period| scope.is_wholly_read(period);
    let mut built = build(
        &tables,
        &Knowledge {
            thresholds: settings.publish.thresholds(),
            containers: &containers,
            further: &further,
            is_of_small_area: &|table, row| small.has(table, row),
            largest: &largest,
            shown: &history.shown,
            was_released: &|view, period| history.has_period(view, period, scope.dates_of(period)),
            is_wholly_read: &is_wholly_read,
        },
    )?;
    bar.message("deciding what is withheld");
    let suppression = protect(&mut built, request, &history)?;
    let (gate_report, reasons) = report(&tables, &built, &suppression, &coverage);
    let decided = Decided { tables: &tables, built: &built, suppression: &suppression };
    let views = decided.views(&kept, &batches, &chosen.released, (&containers, &coverage))?;
    // views without numbers are no release
    let mut counted = views.iter().filter(|view| !view.table.measures.is_empty()).peekable();
    let has_periods = counted.peek().is_none() || counted.any(|v| !v.rows.starts.is_empty());
    if !has_periods || views.iter().all(|view| view.rows.rows.num_rows() == 0) {
        bail!(UsageError(format!(
            "no row can be released{}: the periods do not lie within the dates as a whole; choose more dates, or leave out \
             --from and --to",
            match &request.views[..] {
                [] => String::new(),
                names => format!(" of {}", names.join(", ")),
            }
        )));
    }
    let (notes, dates) = (chosen.notes, scope.released_dates());
    Ok(Decision { views, gate_report, reasons, notes, rows_in, nuts: sum, dates })
}

/// Leaves views out that an earlier release has in another form with which their numbers are not related.
fn leave_out_unrelated(
    chosen: &mut Chosen,
    history: &History,
    (coarser, registry): (&[Coarser], &Registry),
    scope: &Scope,
) {
    while let Some((view, id)) = history.unrelated(&chosen.released, (coarser, registry), scope) {
        let view = view.to_owned();
        chosen.notes.push(format!(
            "{view} is left out: the release {id} has it with other areas and the same dates, and it is not known what \
             the differences of its numbers tell"
        ));
        chosen.released.remove(&view);
    }
}

fn kept_of<T>(all: Vec<T>, is_kept: &[bool]) -> Vec<T> {
    all.into_iter().zip(is_kept).filter(|(_, kept)| **kept).map(|(one, _)| one).collect()
}

/// The NUTS codes of the LAUs of the warehouse; `None` if neither a file of codes nor the boundaries state them. They are
/// read once.
pub fn find_nuts(warehouse: &dyn Warehouse, settings: &Settings) -> Result<Option<Nuts>> {
    if let Some(known) = settings.regions.get() {
        return Ok(known.clone());
    }
    let laus = coarser_tables::lau_ids(warehouse)?;
    let found = match &settings.nuts {
        Some(path) => Nuts::read(path, &laus).map(Some)?,
        None => Nuts::of_boundaries(&settings.boundaries, &laus)?,
    };
    Ok(settings.regions.get_or_init(|| found).clone())
}

fn read_nuts(warehouse: &dyn Warehouse, settings: &Settings) -> Result<Nuts> {
    find_nuts(warehouse, settings)?.ok_or_else(|| {
        let message = "areas that are larger than LAUs are needed for this release or for an earlier one that it is compared \
             with, and it is not known in which NUTS 3 region each LAU lies; name a CSV file with the columns lau_id and \
             nuts with data.nuts, or a property of the boundary files with columns.nuts";
        UsageError(message.to_owned()).into()
    })
}

/// Decides what is withheld until no difference of shown numbers counts few devices.
fn protect(built: &mut Built, request: &Request, history: &History) -> Result<Suppression> {
    let mut gate = Gate::default();
    for _ in 0..ROUNDS {
        let suppression =
            gate.suppress(&built.problem).map_err(|refused| explain(&refused, request, history))?;
        if !built.add_small_differences(&suppression)? {
            return Ok(suppression);
        }
    }
    bail!(
        "the release is refused: differences of shown numbers count few devices however many are withheld; leave out \
         views with --view, or dates with --from and --to"
    )
}

/// What was decided about the numbers of tables.
struct Decided<'a> {
    tables: &'a [Table],
    built: &'a Built,
    suppression: &'a Suppression,
}

impl Decided<'_> {
    /// The released ones of views, whose tables come first.
    fn views<'a>(
        &self,
        views: &[Classified<'a>],
        batches: &[RecordBatch],
        released: &BTreeSet<String>,
        (containers, coverage): (&Containers, &Coverage),
    ) -> Result<Vec<ReleasedView<'a>>> {
        let mut found = Vec::new();
        for (number, (classified, batch)) in views.iter().zip(batches).enumerate() {
            let table = &self.tables[number];
            if !released.contains(&table.view) {
                continue;
            }
            let decided = (self.built, self.suppression);
            let rows = released_rows(self.tables, number, batch, decided, (containers, coverage))
                .with_context(|| table.view.clone())?;
            let shown = self.shown(number, coverage);
            found.push(ReleasedView { classified: *classified, table: table.clone(), rows, shown });
        }
        Ok(found)
    }

    /// The numbers of a table that are shown.
    fn shown(
        &self,
        number: usize,
        coverage: &Coverage,
    ) -> Vec<(Option<NaiveDate>, String, String, u64)> {
        let table = &self.tables[number];
        let mut shown = Vec::new();
        let rows = table.rows.iter().enumerate();
        for (row_number, row) in rows.filter(|(_, row)| row.role == Role::Released) {
            for (measure, value) in row.numbers.iter().enumerate() {
                let place = super::table::Number { table: number, row: row_number, measure };
                let (Some(value), Some(cell)) = (*value, self.built.cell(place)) else { continue };
                let is_shown = self.suppression.withheld(cell).is_none()
                    && !coverage.is_blind(table, row, measure);
                if is_shown && table.is_kept(measure) {
                    let start = row.period.map(|(first, _)| first);
                    let measure = table.measures[measure].column.clone();
                    shown.push((start, table.ledger_key(row), measure, value));
                }
            }
        }
        shown
    }
}

fn no_dates(dates: &BTreeSet<NaiveDate>) -> anyhow::Error {
    match dates.first().zip(dates.last()) {
        Some((first, last)) => anyhow!(UsageError(format!(
            "there are no events between --from and --to; the warehouse has dates from {first} to {last}"
        ))),
        None => anyhow!("the warehouse has no events; run `mobility run-all` first"),
    }
}

/// Why a release is refused, and what can be done.
fn explain(refused: &Refused, request: &Request, history: &History) -> anyhow::Error {
    let earlier = match history.releases.is_empty() {
        true => String::new(),
        false => format!(
            " Releases that were looked at: {}; `mobility publish show ID` shows what they hold.",
            history.releases.join(", ")
        ),
    };
    let remedy = match request.views.is_empty() {
        true => " Name the views to release with --view, or other dates with --from and --to.",
        false => "",
    };
    anyhow!("the release is refused: {refused}.{earlier}{remedy}")
}
