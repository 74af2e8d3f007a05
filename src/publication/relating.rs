//! Adds what an outsider knows about the cells of a problem.

use std::fmt;

use super::primary::Primary;
use super::problem::{Cell, CellId, Problem, Row};

/// A relation that the values contradict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inconsistent(String);

impl fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Inconsistent {}

impl Problem {
    /// States that a cell is the sum of others.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn total(&mut self, total: CellId, parts: &[CellId]) -> Result<(), Inconsistent> {
        self.relate(signed(total, parts), true)?;
        if let Some(row) = self.rows.last_mut() {
            row.is_total = parts.len() > 1;
        }
        Ok(())
    }

    /// States that a count contains other counts that have no device in common. The rest is a count as well, and is
    /// returned.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn contains(&mut self, whole: CellId, parts: &[CellId]) -> Result<CellId, Inconsistent> {
        self.relate_rest(whole, parts, Problem::few)
    }

    /// States that a sum of events or trips contains others, and that the rest is of devices that nobody counts: as many
    /// as it is at most.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn leaves(&mut self, whole: CellId, parts: &[CellId]) -> Result<CellId, Inconsistent> {
        self.relate_rest(whole, parts, Problem::few_in_sum)
    }

    /// Adds what is left of a number without others, of which `primary` tells whether it is of few devices.
    fn relate_rest(
        &mut self,
        whole: CellId,
        parts: &[CellId],
        primary: fn(&Problem, u64) -> Option<Primary>,
    ) -> Result<CellId, Inconsistent> {
        let sum: u64 = parts.iter().map(|part| self.cells[*part].value).sum();
        let Some(rest) = self.cells[whole].value.checked_sub(sum) else {
            return Err(self.inconsistent(&signed(whole, parts), "at least"));
        };
        let names: Vec<&str> = parts.iter().map(|part| self.cells[*part].key.as_str()).collect();
        let key = format!("{} without {}", self.cells[whole].key, names.join(" and "));
        let rest = self.difference(key, rest, primary(self, rest));
        let mut terms = signed(whole, parts);
        terms.push((rest, -1.0));
        self.relate(terms, true)?;
        Ok(rest)
    }

    /// States that a count is at least the sum of others, of which not all are published, so that nobody computes
    /// the rest.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn at_least(&mut self, whole: CellId, parts: &[CellId]) -> Result<(), Inconsistent> {
        let parts = parts.iter().map(|part| (*part, 1.0));
        self.relate(parts.chain([(whole, -1.0)]).collect(), false)
    }

    /// States that a sum over devices is at least the sum of counts, each times the number that each of its devices
    /// gives at least.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn at_least_times(
        &mut self,
        whole: CellId,
        parts: &[(CellId, u64)],
    ) -> Result<(), Inconsistent> {
        let parts = parts.iter().filter(|(_, times)| *times > 0);
        let parts = parts.map(|(part, times)| (*part, *times as f64));
        self.relate(parts.chain([(whole, -1.0)]).collect(), false)
    }

    /// States that a sum over devices is at most the sum of counts, each times the number that each of its devices gives
    /// at most.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn at_most_times(
        &mut self,
        whole: CellId,
        parts: &[(CellId, u64)],
    ) -> Result<(), Inconsistent> {
        let parts = parts.iter().filter(|(_, times)| *times > 0);
        let parts = parts.map(|(part, times)| (*part, -(*times as f64)));
        self.relate(parts.chain([(whole, 1.0)]).collect(), false)
    }

    /// States that a count is at most the sum of others.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn at_most(&mut self, whole: CellId, parts: &[CellId]) -> Result<(), Inconsistent> {
        self.relate(signed(whole, parts), false)
    }

    /// States that the devices of a count are seen in one or several of the parts: the count is at least as
    /// large as each part, and at most as large as their sum.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn seen_in(&mut self, whole: CellId, parts: &[CellId]) -> Result<(), Inconsistent> {
        for part in parts {
            self.contains(whole, &[*part])?;
        }
        self.at_most(whole, parts)
    }

    /// States that an earlier release has shown the value of a cell. Where it has changed, the change is a count.
    ///
    /// # Errors
    /// None in practice: one of the two contains the other.
    pub fn was_released(&mut self, cell: CellId, value: u64) -> Result<CellId, Inconsistent> {
        let number = self.cells.len();
        let earlier =
            self.released(format!("{} as released ({number})", self.cells[cell].key), value);
        match self.cells[cell].value.cmp(&value) {
            std::cmp::Ordering::Equal => {
                self.cells[cell].is_known = self.cells[cell].primary.is_none();
                self.total(earlier, &[cell])?;
            }
            std::cmp::Ordering::Less => drop(self.contains(earlier, &[cell])?),
            std::cmp::Ordering::Greater => drop(self.contains(cell, &[earlier])?),
        }
        Ok(earlier)
    }

    pub(super) fn relate(
        &mut self,
        terms: Vec<(CellId, f64)>,
        is_equation: bool,
    ) -> Result<(), Inconsistent> {
        let sum = |sign: f64| -> u128 {
            let of_sign = terms.iter().filter(|(_, times)| times.signum() == sign);
            of_sign
                .map(|(cell, times)| times.abs() as u128 * u128::from(self.cells[*cell].value))
                .sum()
        };
        let (plus, minus) = (sum(1.0), sum(-1.0));
        if plus > minus || (is_equation && plus != minus) {
            let relation = if is_equation { "equal to" } else { "at most" };
            return Err(self.inconsistent(&terms, relation));
        }
        let row = self.rows.len();
        for (cell, sign) in &terms {
            self.rows_of[*cell].push((row, *sign));
        }
        let slack = (minus - plus) as f64;
        self.rows.push(Row { terms, is_equation, is_total: false, slack });
        Ok(())
    }

    fn inconsistent(&self, terms: &[(CellId, f64)], relation: &str) -> Inconsistent {
        let side = |sign: f64| {
            let of_sign = terms.iter().filter(|(_, times)| times.signum() == sign);
            let texts = of_sign.map(|(cell, times)| {
                let Cell { key, value, .. } = &self.cells[*cell];
                match times.abs() > 1.0 {
                    true => format!("{} times {key} ({value})", times.abs()),
                    false => format!("{key} ({value})"),
                }
            });
            texts.collect::<Vec<_>>().join(" + ")
        };
        Inconsistent(format!("{} should be {relation} {}, but is not", side(1.0), side(-1.0)))
    }
}

fn signed(total: CellId, parts: &[CellId]) -> Vec<(CellId, f64)> {
    std::iter::once((total, 1.0)).chain(parts.iter().map(|part| (*part, -1.0))).collect()
}
