//! What an outsider derives from the numbers of a release, and from what its manifest says about them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::audited::{Audited, KindOfNumber};
use super::numbers::{bases, name as name_of, value};
use super::relations::{Related, target};
use super::table::{Number, Role, Table};
use crate::publication::{Outsider, Thresholds, Zeros};
use crate::views::publication::{Basis, Relation};

/// Numbers that differ by less are the same.
const TOLERANCE: f64 = 1e-6;

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
    /// Its row is not there, so that it may be zero unless something else says that it is not.
    is_left_out: bool,
}

/// What an outsider derives from tables.
pub struct Attack<'a> {
    tables: &'a [Table],
    thresholds: Thresholds,
    outsider: Outsider,
    cells: HashMap<Number, usize>,
    wanted: Vec<Known>,
    /// What is known too well without deriving anything: changes by few devices, and numbers that are shown although
    /// they are computed from others that are withheld.
    evident: Vec<String>,
}

impl<'a> Attack<'a> {
    /// Counts are known, or unknown where they are null in tables with a row for every key. `evident` is what is known
    /// too well already.
    pub fn new(tables: &'a [Table], thresholds: Thresholds, evident: Vec<String>) -> Self {
        let mut attack = Attack {
            tables,
            thresholds,
            outsider: Outsider::default(),
            cells: HashMap::new(),
            wanted: Vec::new(),
            evident,
        };
        let floor = match thresholds.zeros {
            Zeros::Show => 1,
            Zeros::Hide => 0,
        };
        for (table_number, table) in tables.iter().enumerate() {
            for (measure, declared) in table.measures.iter().enumerate() {
                let is_sum = declared.basis.is_sum();
                if declared.basis.is_computed() || table.is_amount[measure] {
                    continue;
                }
                for (row, of_row) in table.rows.iter().enumerate() {
                    let number = Number { table: table_number, row, measure };
                    let cell = match of_row.numbers[measure] {
                        _ if table.is_total || of_row.role == Role::Context => {
                            attack.outsider.unknown(0)
                        }
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
        attack.find_derived();
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

    /// Finds numbers that are shown although one is withheld from which they are computed.
    fn find_derived(&mut self) {
        let tables = self.tables;
        for (own, table) in tables.iter().enumerate().filter(|(_, table)| !table.is_total) {
            for (measure, declared) in table.measures.iter().enumerate() {
                let Basis::From(columns) = &declared.basis else { continue };
                // a view that is not in the release shows nothing
                let columns = columns.iter().filter(|column| target(tables, own, column).is_some());
                for base in columns.map(|column| bases(tables, own, column)) {
                    for (row, base) in base.into_iter().enumerate() {
                        let is_withheld = base.is_none_or(|base| value(tables, base).is_none());
                        if table.rows[row].numbers[measure].is_some() && is_withheld {
                            let name = name_of(table, Number { table: own, row, measure });
                            self.evident.push(format!(
                                "{name} is shown, although a number is withheld from which it is computed"
                            ));
                        }
                    }
                }
            }
        }
    }

    fn want(&mut self, number: Number, cell: usize, floor: f64, is_sum: bool) {
        let table = &self.tables[number.table];
        let name = name_of(table, number);
        let kind = format!("{}.{}", table.view, table.measures[number.measure].column);
        let is_difference = table.is_total;
        let is_left_out = table.rows[number.row].role == Role::Context;
        let floor = if is_left_out { 0.0 } else { floor };
        self.wanted.push(Known { kind, name, cell, floor, is_difference, is_sum, is_left_out });
    }

    /// Adds what a relation tells.
    pub fn relate(&mut self, related: &Related) {
        let cell = |number: &Number| self.cells.get(number).copied();
        let Some(whole) = cell(&related.whole) else { return };
        let parts = related.parts.iter().chain(&related.beside);
        let parts: Vec<usize> = parts.filter_map(cell).collect();
        let Some(first) = related.parts.first().filter(|_| !parts.is_empty()) else { return };
        let has_all_rows = self.tables[first.table].keys.are_complete();
        if !related.times.is_empty() {
            let parts = related.parts.iter().zip(&related.times);
            let parts: Vec<(usize, u64)> =
                parts.filter_map(|(part, times)| Some((cell(part)?, times.least))).collect();
            self.outsider.at_least_times(whole, &parts);
            // rows that were left out may add more
            if has_all_rows {
                let most = related.parts.iter().zip(&related.times);
                let most: Vec<(usize, u64)> =
                    most.filter_map(|(part, times)| Some((cell(part)?, times.most))).collect();
                self.outsider.at_most_times(whole, &most);
            }
            return;
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
        let is_left_out =
            |number: &&Number| self.tables[number.table].rows[number.row].role == Role::Context;
        let cell = |number: &Number| self.cells.get(number).copied();
        let unknown: Vec<usize> =
            related.parts.iter().filter(is_left_out).filter_map(cell).collect();
        let (unknown, parts): (Vec<usize>, Vec<usize>) =
            parts.iter().copied().partition(|part| unknown.contains(part));
        let part = related.parts.iter().find(|part| cell(part) == parts.first().copied());
        // whether there are numbers that are left out is not known, nor what is left of such a number
        let Some(part) = part.filter(|_| !is_left_out(&&related.whole)) else {
            let all: Vec<usize> = parts.into_iter().chain(unknown).collect();
            return self.outsider.at_least(whole, &all);
        };
        let rest = self.outsider.unknown(0);
        let all: Vec<usize> = parts.iter().copied().chain([rest]).collect();
        self.outsider.equal(whole, &all);
        if !unknown.is_empty() {
            self.outsider.at_least(rest, &unknown);
        }
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
            name_of(other, related.whole),
            name_of(own, *part),
            if parts.len() > 1 { " and others" } else { "" }
        );
        let is_sum = other.measures[related.whole.measure].basis.is_sum();
        self.wanted.push(Known {
            kind,
            name,
            cell: rest,
            floor: 0.0,
            is_difference: true,
            is_sum,
            is_left_out: false,
        });
    }

    /// Derives what follows.
    pub fn carry_out(mut self) -> Audited {
        self.outsider.narrow();
        let few = self.thresholds.min_devices.saturating_sub(1) as f64;
        let open = self.wanted.iter().map(|known| known.cell);
        let open: Vec<usize> = open.filter(|cell| !is_exact(self.outsider.bounds(*cell))).collect();
        let mut derived = self.outsider.derived(&open).into_iter();
        let mut kinds: BTreeMap<String, KindOfNumber> = BTreeMap::new();
        let mut faults: BTreeSet<String> = self.evident.drain(..).collect();
        for Known { kind, name, cell, floor, is_difference, is_sum, is_left_out } in &self.wanted {
            let (low, high) = self.outsider.bounds(*cell);
            let is_exact = is_exact((low, high));
            // a difference of zero, or of many devices, tells of nobody
            if *is_difference && is_exact && (low < TOLERANCE || low > few + TOLERANCE) {
                continue;
            }
            let (low, high) =
                if is_exact { (low, high) } else { derived.next().unwrap_or((low, high)) };
            if *is_left_out && low < 1.0 - TOLERANCE {
                continue;
            }
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

/// True for bounds that leave one value.
fn is_exact((low, high): (f64, Option<f64>)) -> bool {
    high.is_some_and(|high| high - low < TOLERANCE)
}

/// True if a number must be small, and is known to be less than the smallest number that may be shown, or more than
/// the least possible. That a number is zero may be known.
fn is_fault(low: f64, high: f64, floor: f64, few: f64) -> bool {
    let is_zero = high < TOLERANCE;
    let is_small = high < few + 1.0 - TOLERANCE;
    let is_narrow = high < few - TOLERANCE || low > floor.max(1.0) + TOLERANCE;
    is_small && is_narrow && !is_zero
}

/// An interval as text.
pub fn range(low: f64, high: Option<f64>) -> String {
    match high {
        Some(high) if (high - low).abs() < TOLERANCE => format!("{low:.0}"),
        Some(high) => format!("{low:.0} to {high:.0}"),
        None => format!("{low:.0} or more"),
    }
}
