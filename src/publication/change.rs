//! Linear programs over changes of cells that no published number contradicts.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use microlp::{ComparisonOp, Error, LinearExpr, OptimizationDirection, Solution, Variable};

use super::problem::{CellId, Problem};
use super::region::Region;

/// The solver keeps to relations within 1e-7.
const TOLERANCE: f64 = 1e-6;

/// A change of cells after which all relations hold and all published numbers are the same: the cells that
/// differ, and by how much.
pub(super) type Change = Arc<Vec<(CellId, f64)>>;

/// What an outsider can derive about how far a cell may be from its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reach {
    Within(f64),
    Unlimited,
}

/// How a cell is expressed in variables: the sum of these with their signs.
type Expressed = Vec<(Variable, f64)>;

struct Program<'a> {
    problem: &'a Problem,
    program: microlp::Problem,
    cells: HashMap<CellId, Expressed>,
}

impl<'a> Program<'a> {
    fn new(problem: &'a Problem, direction: OptimizationDirection) -> Self {
        Program { problem, program: microlp::Problem::new(direction), cells: HashMap::new() }
    }

    /// Adds a cell whose change lies within bounds.
    fn cell(&mut self, cell: CellId, objective: f64, bounds: (f64, f64)) {
        let variable = self.program.add_var(objective, bounds);
        self.cells.entry(cell).or_default().push((variable, 1.0));
    }

    /// Adds the relations of the region, in the order in which it found them.
    fn relate<F>(&mut self, region: &Region<F>) {
        for row in &region.rows {
            let row = &self.problem.rows[*row];
            let mut sum = LinearExpr::empty();
            for (cell, sign) in &row.terms {
                for (variable, direction) in self.cells.get(cell).into_iter().flatten() {
                    sum.add(*variable, sign * direction);
                }
            }
            let (operator, limit) = match row.is_equation {
                true => (ComparisonOp::Eq, 0.0),
                false => (ComparisonOp::Le, row.slack),
            };
            self.program.add_constraint(sum, operator, limit);
        }
    }

    fn solve(&self) -> Result<Solution, Error> {
        let unsolved = |_| Error::InternalError("interrupted".to_owned());
        self.program.solve()?.into_solution().map_err(unsolved)
    }

    fn change_of(&self, solution: &Solution, cell: CellId) -> f64 {
        let parts = self.cells.get(&cell).into_iter().flatten();
        parts.map(|(variable, sign)| sign * solution.var_value(*variable)).sum()
    }

    /// The relations that leave no room: equations, and sums that are as large as they can be.
    fn tight<F>(&self, solution: &Solution, region: &Region<F>) -> HashSet<usize> {
        let is_tight = |number: &usize| {
            let row = &self.problem.rows[*number];
            let terms = row.terms.iter();
            let sum: f64 = terms.map(|(cell, times)| times * self.change_of(solution, *cell)).sum();
            row.is_equation || sum >= row.slack - TOLERANCE
        };
        region.rows.iter().copied().filter(is_tight).collect()
    }

    fn changes<F>(&self, solution: &Solution, region: &Region<F>) -> Change {
        let changes = region.cells.iter().map(|cell| (*cell, self.change_of(solution, *cell)));
        Arc::new(changes.filter(|(_, change)| change.abs() > TOLERANCE).collect())
    }
}

/// Whether a cell gets somewhere.
pub(super) enum Outcome {
    Reached(Change),
    /// It does not, because of these relations of the region: only cells in them can help.
    Short(HashSet<usize>),
}

/// A change of the cells of the region by which `cell` reaches `target`, which is a change of its value.
pub(super) fn reaching(
    problem: &Problem,
    region: &Region<impl Fn(CellId) -> bool>,
    cell: CellId,
    target: f64,
) -> Outcome {
    let mut program = Program::new(problem, OptimizationDirection::Maximize);
    for other in &region.cells {
        match *other == cell {
            true => {
                let (below, _) = region.room(cell);
                let bounds = (target.clamp(below, 0.0), target.max(0.0));
                program.cell(*other, target.signum(), bounds);
            }
            false => program.cell(*other, 0.0, region.room(*other)),
        }
    }
    program.relate(region);
    // a failure of the solver is no proof of safety
    let Ok(solution) = program.solve() else {
        return Outcome::Short(region.rows.iter().copied().collect());
    };
    match solution.objective() >= target.abs() - TOLERANCE {
        true => Outcome::Reached(program.changes(&solution, region)),
        false => Outcome::Short(program.tight(&solution, region)),
    }
}

/// How far a cell can go up or down; `None` if the solver fails.
pub(super) fn farthest(
    problem: &Problem,
    region: &Region<impl Fn(CellId) -> bool>,
    cell: CellId,
    is_up: bool,
) -> Option<Reach> {
    let mut program = Program::new(problem, OptimizationDirection::Maximize);
    for other in &region.cells {
        let objective = match (*other == cell, is_up) {
            (true, true) => 1.0,
            (true, false) => -1.0,
            (false, _) => 0.0,
        };
        program.cell(*other, objective, region.room(*other));
    }
    program.relate(region);
    match program.solve() {
        Ok(solution) => Some(Reach::Within(solution.objective())),
        Err(Error::Unbounded) => Some(Reach::Unlimited),
        Err(_) => None,
    }
}

/// The cheapest change by which `cell` reaches `target`. A cell with a `cost` is to be withheld if it takes
/// part, and the others are withheld already. The cost is spread over the change that the cell can
/// contribute, so that a cell with little room is not taken for cheap.
pub(super) fn cheapest(
    problem: &Problem,
    region: &Region<impl Fn(CellId) -> bool>,
    cell: CellId,
    target: f64,
    cost: impl Fn(CellId) -> Option<f64>,
) -> Option<Change> {
    if target < region.room(cell).0 {
        return None;
    }
    let size = target.abs();
    let mut program = Program::new(problem, OptimizationDirection::Minimize);
    for other in &region.cells {
        let (below, _) = region.room(*other);
        match cost(*other) {
            _ if *other == cell => program.cell(cell, 0.0, (target, target)),
            None => program.cell(*other, 0.0, region.room(*other)),
            Some(cost) => {
                let up = program.program.add_var(cost / size, (0.0, f64::INFINITY));
                let parts = program.cells.entry(*other).or_default();
                parts.push((up, 1.0));
                if below < 0.0 {
                    let down = program.program.add_var(cost / size.min(-below), (0.0, -below));
                    parts.push((down, -1.0));
                }
            }
        }
    }
    program.relate(region);
    let solution = program.solve().ok()?;
    Some(program.changes(&solution, region))
}
