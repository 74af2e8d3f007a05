//! Looks at a release folder as an attacker does, who has nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, RecordBatch};

use super::manifest::{MANIFEST, Manifest, ManifestView, SUMS};
use super::period::AnchorWindows;
use super::read::anchor_windows_of;
use super::relations::{Containers, Related, relations, stated};
use super::table::{Number, Role, Row, Table};
use crate::domain::numbers::counted;
use crate::formats::table;
use crate::progress::Progress;
use crate::publication::{Outsider, Thresholds, Zeros};
use crate::storage::inputs::InputFile;
use crate::storage::sha256::of_bytes;
use crate::views::publication::{Basis, Relation};

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
    let (related, _) = relations(&tables, stated(&tables), &containers)?;
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
        are_complete: false,
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
                if declared.basis != Basis::Devices {
                    continue;
                }
                for (row, of_row) in table.rows.iter().enumerate() {
                    let number = Number { table: table_number, row, measure };
                    let cell = match of_row.numbers[measure] {
                        Some(value) => attack.outsider.known(value),
                        None => attack.outsider.unknown(floor),
                    };
                    attack.cells.insert(number, cell);
                    if of_row.numbers[measure].is_none() {
                        attack.want(number, cell, floor as f64);
                    }
                }
            }
        }
        attack
    }

    fn want(&mut self, number: Number, cell: usize, floor: f64) {
        let table = &self.tables[number.table];
        let name = super::problem::name(table, number);
        let kind = format!("{}.{}", table.view, table.measures[number.measure].column);
        self.wanted.push(Known { kind, name, cell, floor, is_difference: false });
    }

    fn relate(&mut self, related: &Related) {
        let cell = |number: &Number| self.cells.get(number).copied();
        let Some(whole) = cell(&related.whole) else { return };
        let parts: Vec<usize> = related.parts.iter().filter_map(cell).collect();
        let Some(first) = related.parts.first().filter(|_| !parts.is_empty()) else { return };
        let has_all_rows = self.tables[first.table].keys.are_complete;
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
            super::problem::name(other, related.whole),
            super::problem::name(own, *part),
            if parts.len() > 1 { " and others" } else { "" }
        );
        self.wanted.push(Known { kind, name, cell: rest, floor: 0.0, is_difference: true });
    }

    fn carry_out(mut self) -> Audited {
        const TOLERANCE: f64 = 1e-6;
        self.outsider.narrow();
        let few = self.thresholds.min_devices.saturating_sub(1) as f64;
        let mut kinds: BTreeMap<String, KindOfNumber> = BTreeMap::new();
        let mut faults = BTreeSet::new();
        for Known { kind, name, cell, floor, is_difference } in &self.wanted {
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
            if let Some(high) = high.filter(|high| is_fault(low, *high, *floor, few)) {
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
