//! Looks at a release folder as an attacker does, who has nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, RecordBatch};

use super::manifest::{MANIFEST, Manifest, ManifestView, SUMS};
use super::numbers::bases;
use super::period::AnchorWindows;
use super::read::anchor_windows_of;
use super::relations::{Containers, Related, relations, stated};
use super::table::{Number, Role, Row, Table};
use super::totals::totals;
use crate::domain::numbers::counted;
use crate::formats::table;
use crate::progress::Progress;
use crate::publication::{Outsider, Thresholds, Zeros};
use crate::storage::inputs::InputFile;
use crate::storage::sha256::of_bytes;
use crate::views::publication::{Basis, Relation, RowsOf};

/// What can be derived.
#[derive(Debug)]
pub struct Audited {
    /// The kinds of numbers, with the narrowest interval of each.
    pub kinds: Vec<KindOfNumber>,
    /// What is known too well.
    pub faults: Vec<String>,
}

/// The withheld counts of a column, or differences of counts.
#[derive(Debug, Clone, PartialEq)]
pub struct KindOfNumber {
    pub name: String,
    pub numbers: u64,
    /// The narrowest interval of those that may be small.
    pub narrowest: Option<(f64, Option<f64>)>,
}

/// What is known of a number: it is in an interval.
struct Known {
    kind: String,
    name: String,
    cell: usize,
    /// The least value that a withheld number of the kind can have.
    floor: f64,
    /// Differences of published numbers are known exactly and need not be withheld.
    is_difference: bool,
    /// It is made by devices, and at least as large as their number.
    is_sum: bool,
}

/// Derives what an outsider can from the folder alone.
///
/// # Errors
/// A folder that is no release, or whose files were changed.
pub fn audit(folder: &Path, progress: &Progress) -> Result<Audited> {
    let manifest = Manifest::read(folder)?;
    verify(folder, &manifest)?;
    let bar = progress.spinner("audit", "reading the release");
    let mut tables = Vec::new();
    let mut windows = AnchorWindows::new();
    for (sql_name, view) in &manifest.views {
        let rows = read(folder, view)?;
        if sql_name == "anchor_windows" {
            windows = anchor_windows_of(&rows)?;
        }
        tables.push(table_of(sql_name, view, &rows)?);
    }
    let containers = Containers { windows, ..Containers::default() };
    tables.extend(totals(&tables, &containers));
    let follows = tables.iter().enumerate().flat_map(|(number, table)| {
        table.publication.follows.iter().map(move |link| (number, link))
    });
    let (related, _) = relations(&tables, stated(&tables).chain(follows), &containers)?;
    let mut attack = Attack::new(&tables, manifest.thresholds);
    related.iter().for_each(|related| attack.relate(related));
    bar.message("deriving withheld numbers");
    let audited = attack.carry_out();
    bar.finish();
    Ok(audited)
}

/// Compares the files with the sums.
fn verify(folder: &Path, manifest: &Manifest) -> Result<()> {
    for (name, expected) in &manifest.files {
        let path = folder.join(name);
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if of_bytes(&bytes) != *expected {
            bail!(
                "{} was changed after the release; its sum is not the one in {MANIFEST}",
                path.display()
            );
        }
    }
    let known = |name: &String| {
        manifest.files.contains_key(name) || [MANIFEST, SUMS].contains(&name.as_str())
    };
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !known(&name) {
            bail!("{} does not belong to the release", folder.join(name).display());
        }
    }
    Ok(())
}

fn read(folder: &Path, view: &ManifestView) -> Result<RecordBatch> {
    let name = view.files.iter().find(|name| name.ends_with(".parquet"));
    let path = folder
        .join(name.with_context(|| format!("{MANIFEST} names no Parquet file of {}", view.name))?);
    InputFile::local(path.clone())
        .and_then(|file| table::read(&file))
        .with_context(|| format!("cannot read {}", path.display()))
}

/// The rows of a view as an outsider has them.
fn table_of(sql_name: &str, view: &ManifestView, rows: &RecordBatch) -> Result<Table> {
    let publication = view.publication()?;
    let keys = publication.keys.clone().unwrap_or_else(|| crate::views::publication::Keys {
        columns: Vec::new(),
        rows: RowsOf::Devices,
    });
    let measures = publication.counts.clone().unwrap_or_default();
    let column = |name: &String| {
        rows.column_by_name(name)
            .with_context(|| format!("the rows of {} have no column {name}", view.name))
    };
    let columns = keys.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
    let of_measures = measures.iter().map(|measure| column(&measure.column));
    let of_measures = of_measures.collect::<Result<Vec<_>>>()?;
    let text = |column: &dyn Array, row| -> Result<Option<String>> {
        Ok(match column.is_null(row) {
            true => None,
            false => Some(arrow::util::display::array_value_to_string(column, row)?),
        })
    };
    let mut all = Vec::with_capacity(rows.num_rows());
    for row in 0..rows.num_rows() {
        let values = columns.iter().map(|column| text(column, row));
        let numbers = of_measures
            .iter()
            .map(|column| Ok(text(column, row)?.and_then(|number| number.parse().ok())));
        all.push(Row {
            keys: values.collect::<Result<_>>()?,
            period: None,
            role: Role::Released,
            numbers: numbers.collect::<Result<_>>()?,
        });
    }
    let is_time = columns.iter().map(|column| {
        use arrow::datatypes::DataType;
        matches!(column.data_type(), DataType::Date32 | DataType::Timestamp(_, _))
    });
    Ok(Table {
        view: sql_name.to_owned(),
        identity: view
            .identity
            .iter()
            .filter_map(|name| keys.columns.iter().position(|k| k == name))
            .collect(),
        is_time: is_time.collect(),
        is_amount: of_measures.iter().map(|column| column.data_type().is_floating()).collect(),
        is_total: false,
        publication,
        keys,
        measures,
        rows: all,
    })
}

struct Attack<'a> {
    tables: &'a [Table],
    thresholds: Thresholds,
    outsider: Outsider,
    cells: HashMap<Number, usize>,
    wanted: Vec<Known>,
}

impl<'a> Attack<'a> {
    /// Counts are known, or unknown where they are null in tables with a row for every key.
    fn new(tables: &'a [Table], thresholds: Thresholds) -> Self {
        let mut attack = Attack {
            tables,
            thresholds,
            outsider: Outsider::default(),
            cells: HashMap::new(),
            wanted: Vec::new(),
        };
        let floor = match thresholds.zeros {
            Zeros::Show => 1,
            Zeros::Hide => 0,
        };
        for (table_number, table) in tables.iter().enumerate() {
            for (measure, declared) in table.measures.iter().enumerate() {
                let is_sum = declared.basis.is_sum();
                if matches!(declared.basis, Basis::From(_)) || table.is_amount[measure] {
                    continue;
                }
                for (row, of_row) in table.rows.iter().enumerate() {
                    let number = Number { table: table_number, row, measure };
                    let cell = match of_row.numbers[measure] {
                        _ if table.is_total => attack.outsider.unknown(0),
                        Some(value) => attack.outsider.known(value),
                        None => attack.outsider.unknown(floor),
                    };
                    attack.cells.insert(number, cell);
                    if table.is_total || of_row.numbers[measure].is_none() {
                        let floor = if table.is_total { 0.0 } else { floor as f64 };
                        attack.want(number, cell, floor, is_sum);
                    }
                }
            }
        }
        attack.relate_sums();
        attack
    }

    /// Each device adds one at least to a sum.
    fn relate_sums(&mut self) {
        let tables = self.tables;
        for (table_number, table) in tables.iter().enumerate().filter(|(_, t)| !t.is_total) {
            for (measure, declared) in table.measures.iter().enumerate() {
                let Basis::Over(of) = &declared.basis else { continue };
                for (row, devices) in bases(tables, table_number, of).into_iter().enumerate() {
                    let sum = self.cells.get(&Number { table: table_number, row, measure });
                    let devices = devices.and_then(|devices| self.cells.get(&devices));
                    if let (Some(sum), Some(devices)) = (sum, devices) {
                        self.outsider.at_least(*sum, &[*devices]);
                    }
                }
            }
        }
    }

    fn want(&mut self, number: Number, cell: usize, floor: f64, is_sum: bool) {
        let table = &self.tables[number.table];
        let name = super::numbers::name(table, number);
        let kind = format!("{}.{}", table.view, table.measures[number.measure].column);
        let is_difference = table.is_total;
        self.wanted.push(Known { kind, name, cell, floor, is_difference, is_sum });
    }

    fn relate(&mut self, related: &Related) {
        let cell = |number: &Number| self.cells.get(number).copied();
        let Some(whole) = cell(&related.whole) else { return };
        let parts: Vec<usize> = related.parts.iter().filter_map(cell).collect();
        let Some(first) = related.parts.first().filter(|_| !parts.is_empty()) else { return };
        let has_all_rows = self.tables[first.table].keys.are_complete();
        if !related.times.is_empty() {
            let parts = related.parts.iter().zip(&related.times);
            let parts: Vec<(usize, u64)> =
                parts.filter_map(|(part, times)| Some((cell(part)?, times.least))).collect();
            // rows that were left out may add more
            return self.outsider.at_least_times(whole, &parts);
        }
        if related.is_near && !self.may_be_true(whole, &parts) {
            return;
        }
        match related.relation {
            Relation::Equal if has_all_rows => self.outsider.equal(whole, &parts),
            // rows that were left out are the rest
            Relation::Equal | Relation::Within => self.rest(related, whole, &parts),
            Relation::In | Relation::SeenIn => {
                for part in &parts {
                    self.rest(related, whole, &[*part]);
                }
                if related.relation == Relation::SeenIn && has_all_rows {
                    self.outsider.at_most(whole, &parts);
                }
            }
        }
    }

    /// False if numbers that are known contradict that one contains the others.
    fn may_be_true(&self, whole: usize, parts: &[usize]) -> bool {
        let least: f64 = parts.iter().map(|part| self.outsider.bounds(*part).0).sum();
        self.outsider.bounds(whole).1.is_none_or(|high| least <= high)
    }

    /// The devices of a number that are not in its parts are a number too.
    fn rest(&mut self, related: &Related, whole: usize, parts: &[usize]) {
        let rest = self.outsider.unknown(0);
        let all: Vec<usize> = parts.iter().copied().chain([rest]).collect();
        self.outsider.equal(whole, &all);
        let part = related.parts.iter().find(|part| self.cells.get(*part) == parts.first());
        let Some(part) = part else { return };
        let (own, other) = (&self.tables[part.table], &self.tables[related.whole.table]);
        let kind = format!(
            "{}.{} without {}.{}",
            other.view,
            other.measures[related.whole.measure].column,
            own.view,
            own.measures[part.measure].column
        );
        let name = format!(
            "{} without {}{}",
            super::numbers::name(other, related.whole),
            super::numbers::name(own, *part),
            if parts.len() > 1 { " and others" } else { "" }
        );
        let is_sum = other.measures[related.whole.measure].basis.is_sum();
        self.wanted.push(Known { kind, name, cell: rest, floor: 0.0, is_difference: true, is_sum });
    }

    fn carry_out(mut self) -> Audited {
        const TOLERANCE: f64 = 1e-6;
        self.outsider.narrow();
        let few = self.thresholds.min_devices.saturating_sub(1) as f64;
        let mut kinds: BTreeMap<String, KindOfNumber> = BTreeMap::new();
        let mut faults = BTreeSet::new();
        for Known { kind, name, cell, floor, is_difference, is_sum } in &self.wanted {
            let (low, high) = self.outsider.bounds(*cell);
            let is_exact = high.is_some_and(|high| high - low < TOLERANCE);
            // a difference of zero, or of many devices, tells of nobody
            if *is_difference && is_exact && (low < TOLERANCE || low > few + TOLERANCE) {
                continue;
            }
            let (low, high) = match is_exact {
                true => (low, high),
                false => self.outsider.derived(*cell),
            };
            let entry = kinds.entry(kind.clone()).or_insert_with(|| KindOfNumber {
                name: kind.clone(),
                numbers: 0,
                narrowest: None,
            });
            entry.numbers += 1;
            let may_be_small = low <= few + TOLERANCE;
            let width =
                |bounds: (f64, Option<f64>)| bounds.1.map_or(f64::INFINITY, |high| high - bounds.0);
            if may_be_small && entry.narrowest.is_none_or(|known| width((low, high)) < width(known))
            {
                entry.narrowest = Some((low, high));
            }
            let is_fault = |high: &f64| match is_sum {
                // those who make few trips are few
                true => *high > TOLERANCE && *high < few - TOLERANCE,
                false => is_fault(low, *high, *floor, few),
            };
            if let Some(high) = high.filter(is_fault) {
                faults.insert(format!("{name} is {}", range(low, Some(high))));
            }
        }
        Audited { kinds: kinds.into_values().collect(), faults: faults.into_iter().collect() }
    }
}

/// True if a number must be small, and is known to be less than the smallest number that may be shown, or more than
/// the least possible. That a number is zero may be known.
fn is_fault(low: f64, high: f64, floor: f64, few: f64) -> bool {
    const TOLERANCE: f64 = 1e-6;
    let is_zero = high < TOLERANCE;
    let is_small = high < few + 1.0 - TOLERANCE;
    let is_narrow = high < few - TOLERANCE || low > floor.max(1.0) + TOLERANCE;
    is_small && is_narrow && !is_zero
}

/// An interval as text.
pub fn range(low: f64, high: Option<f64>) -> String {
    match high {
        Some(high) if (high - low).abs() < 1e-6 => format!("{low:.0}"),
        Some(high) => format!("{low:.0} to {high:.0}"),
        None => format!("{low:.0} or more"),
    }
}

impl Audited {
    /// The number of numbers that were looked at, as text.
    pub fn sentence(&self) -> String {
        let numbers = self.kinds.iter().map(|kind| kind.numbers).sum();
        format!("{} that are withheld, or differences of others", counted(numbers, "number"))
    }
}
