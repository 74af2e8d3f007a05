//! The least values that are possible for cells however many are withheld.

use super::problem::{CellId, Place, Problem};

impl Problem {
    /// For each cell the least value that is possible even if all cells are withheld: a sum of two nulls that
    /// say "at least one" is at least two.
    pub(super) fn floors(&self) -> Vec<f64> {
        let mut floors = self.raised((0..self.len()).map(|cell| self.lower(cell)).collect());
        for (difference, least) in self.given_away() {
            floors[difference] = floors[difference].max(least);
        }
        floors
    }

    /// Raises the least values of cells to the sums of those that they contain.
    fn raised(&self, mut floors: Vec<f64>) -> Vec<f64> {
        loop {
            let before = floors.clone();
            for row in &self.rows {
                // one side is a single cell, which is at least as large as the other side
                for (sign, is_bound) in [(1.0, row.is_equation), (-1.0, true)] {
                    let Some(cell) = row.single(sign) else { continue };
                    let smaller: f64 =
                        row.side(-sign).map(|(part, times)| times.abs() * floors[*part]).sum();
                    if is_bound && smaller > floors[cell] {
                        floors[cell] = smaller;
                    }
                }
            }
            if floors == before {
                return floors;
            }
        }
    }

    /// Differences of a number and of numbers that earlier releases have shown, with the least value that earlier
    /// releases alone give away, because something larger that the number contains was shown as well. It cannot be
    /// taken back, and nothing that is released now adds to it.
    fn given_away(&self) -> Vec<(CellId, f64)> {
        let is_released = |cell: CellId| self.cells[cell].place == Place::Released;
        let mut shown: Vec<Option<f64>> = (0..self.len())
            .map(|cell| is_released(cell).then_some(self.cells[cell].value as f64))
            .collect();
        if shown.iter().all(Option::is_none) {
            return Vec::new();
        }
        for row in self.rows.iter().filter(|row| row.is_equation) {
            if let [(a, _), (b, _)] = row.terms[..] {
                let value = shown[a].or(shown[b]);
                (shown[a], shown[b]) = (value, value);
            }
        }
        let least = self.raised(shown.iter().map(|value| value.unwrap_or(0.0)).collect());
        let mut found = Vec::new();
        for row in self.rows.iter().filter(|row| row.is_equation) {
            let [(whole, _), parts @ .., (rest, _)] = &row.terms[..] else { continue };
            let parts: Option<f64> = parts.iter().map(|(part, _)| shown[*part]).sum();
            let Some(parts) = parts.filter(|_| self.is_difference(*rest)) else { continue };
            let low = (least[*whole] - parts).min(self.cells[*rest].value as f64);
            if low > 0.0 {
                found.push((*rest, low));
            }
        }
        found
    }

    /// The least and the greatest value of a primary cell that must be possible.
    pub(super) fn needed(&self, cell: CellId, floors: &[f64]) -> Option<(f64, f64)> {
        let (low, high) = self.cells[cell].primary?.needed?;
        Some((low.max(floors[cell]), high))
    }
}
