//! What was withheld and why, for the analyst alone: to say "secondary" would tell that a number is not small.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use chrono::NaiveDate;

use super::coverage::Coverage;
use super::problem::Built;
use super::table::{Number, Role, Table};
use crate::publication::{Reason, Suppression, Withheld};

/// The numbers of a view and a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    pub cells: u64,
    pub primary: u64,
    pub secondary: u64,
    pub value: u128,
    pub lost: u128,
}

impl Figures {
    pub fn add(&mut self, other: Figures) {
        self.cells += other.cells;
        self.primary += other.primary;
        self.secondary += other.secondary;
        self.value += other.value;
        self.lost += other.lost;
    }

    /// The share of the sum of all values that is withheld.
    pub fn lost_share(&self) -> f64 {
        if self.value == 0 { 0.0 } else { self.lost as f64 / self.value as f64 }
    }
}

/// Figures by the first date of a period, which some rows do not have, and by view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateReport(pub BTreeMap<(Option<NaiveDate>, String), Figures>);

/// A number that is withheld.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReasonRow {
    pub period: Option<NaiveDate>,
    pub view: String,
    pub key: String,
    pub measure: String,
    pub reason: &'static str,
}

impl GateReport {
    /// The figures of each view over all periods.
    pub fn by_view(&self) -> BTreeMap<&str, Figures> {
        let mut all: BTreeMap<&str, Figures> = BTreeMap::new();
        for ((_, view), figures) in &self.0 {
            all.entry(view).or_default().add(*figures);
        }
        all
    }

    /// The figures of all views.
    pub fn total(&self) -> Figures {
        let mut total = Figures::default();
        self.0.values().for_each(|figures| total.add(*figures));
        total
    }

    pub fn csv(&self) -> String {
        let mut text = "date,view,cells,primary,secondary,value_lost_share\n".to_owned();
        for ((period, view), figures) in &self.0 {
            let Figures { cells, primary, secondary, .. } = figures;
            let share = figures.lost_share();
            // writing to a string cannot fail
            let _ = writeln!(
                text,
                "{},{view},{cells},{primary},{secondary},{share:.6}",
                date_text(*period)
            );
        }
        text
    }
}

/// The rows of the file with the reasons.
pub fn reasons_csv(rows: &[ReasonRow]) -> String {
    let mut text = "date,view,key,measure,reason\n".to_owned();
    for row in rows {
        let key = row.key.replace('"', "\"\"");
        let _ = writeln!(
            text,
            "{},{},\"{key}\",{},{}",
            date_text(row.period),
            row.view,
            row.measure,
            row.reason
        );
    }
    text
}

fn date_text(date: Option<NaiveDate>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}

/// Why a number is withheld; `None` if it is shown.
pub fn why(built: &Built, suppression: &Suppression, number: Number) -> Option<&'static str> {
    let cell = built.cell(number)?;
    Some(match (suppression.withheld(cell)?, built.problem.reason(cell)) {
        (Withheld::Secondary, _) | (Withheld::Primary, Some(Reason::Close)) => "secondary",
        (Withheld::Primary, Some(Reason::FewDevices)) => "few_devices",
        (Withheld::Primary, Some(Reason::Zero)) => "zero",
        (Withheld::Primary, Some(Reason::Dominated)) => "dominated",
        (Withheld::Primary, Some(Reason::SmallArea)) => "small_area",
        // withheld together with the count that it belongs to
        (Withheld::Primary, Some(Reason::Derived) | None) => "derived",
    })
}

/// The figures of all released rows, and the numbers that are withheld.
pub fn report(
    tables: &[Table],
    built: &Built,
    suppression: &Suppression,
    coverage: &Coverage,
) -> (GateReport, Vec<ReasonRow>) {
    let mut figures: HashMap<(Option<NaiveDate>, usize), Figures> = HashMap::new();
    let mut reasons = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        for (row_number, row) in table.rows.iter().enumerate() {
            if row.role != Role::Released {
                continue;
            }
            let period = row.period.map(|(first, _)| first);
            for (measure, value) in row.numbers.iter().enumerate() {
                let place = Number { table: number, row: row_number, measure };
                let (Some(value), Some(_)) = (*value, built.cell(place)) else { continue };
                let of_period = figures.entry((period, number)).or_default();
                // amounts have another unit
                let value = if table.is_kept(measure) { u128::from(value) } else { 0 };
                of_period.cells += 1;
                of_period.value += value;
                let reason = match coverage.is_blind(table, row, measure) {
                    true => Some("not_covered"),
                    false => why(built, suppression, place),
                };
                let Some(reason) = reason else { continue };
                of_period.lost += value;
                match reason {
                    "secondary" => of_period.secondary += 1,
                    _ => of_period.primary += 1,
                }
                reasons.push(ReasonRow {
                    period,
                    view: table.view.clone(),
                    key: table.key_text(row),
                    measure: table.measures[measure].column.clone(),
                    reason,
                });
            }
        }
    }
    reasons.sort();
    let named = |((period, table), figures): ((Option<NaiveDate>, usize), Figures)| {
        ((period, tables[table].view.clone()), figures)
    };
    (GateReport(figures.into_iter().map(named).collect()), reasons)
}
