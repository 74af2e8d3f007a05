use super::*;
use crate::publication::{Table, Thresholds};

/// 12, 40 and 100 with their sum, of which 12 and 40 are withheld.
fn sums() -> (Problem, Vec<CellId>) {
    let mut problem = Problem::new(Thresholds::default());
    let cells: Vec<CellId> =
        [12, 40, 100, 152].map(|n| problem.count(format!("{n}"), n, Table::Complete)).into();
    problem.total(cells[3], &cells[..3]).unwrap();
    (problem, cells)
}

fn withheld(problem: &Problem, suppression: &Suppression) -> Vec<(u64, Withheld)> {
    let cells = 0..problem.len();
    cells.filter_map(|cell| Some((problem.value(cell), suppression.withheld(cell)?))).collect()
}

const PRIMARY: Withheld = Withheld::Primary;
const SECONDARY: Withheld = Withheld::Secondary;

#[test]
fn what_is_added_between_two_decisions_is_protected_as_well() {
    let (mut problem, _) = sums();
    let mut gate = Gate::default();
    let first = gate.suppress(&problem).unwrap();
    assert_eq!(withheld(&problem, &first), [(12, PRIMARY), (40, SECONDARY)]);
    // 50 without 45 are 5
    let [whole, part] = [50, 45].map(|n| problem.count(format!("{n}"), n, Table::Complete));
    problem.contains(whole, &[part]).unwrap();
    let second = gate.suppress(&problem).unwrap();
    let expected = [(12, PRIMARY), (40, SECONDARY), (45, SECONDARY)];
    assert_eq!(withheld(&problem, &second), expected);
    assert_eq!(suppress(&problem).as_ref(), Ok(&second));
}

#[test]
fn what_was_withheld_is_shown_again_where_something_else_does_for_both() {
    let (mut problem, cells) = sums();
    let mut gate = Gate::default();
    gate.suppress(&problem).unwrap();
    let part = problem.released("95", 95);
    problem.contains(cells[2], &[part]).unwrap();
    // 100 has to go, and hides 12 too, which may be 1 to 17 then
    let second = gate.suppress(&problem).unwrap();
    assert_eq!(withheld(&problem, &second), [(12, PRIMARY), (100, SECONDARY)]);
    let intervals = crate::publication::intervals(&problem, &second);
    let of_few = intervals.iter().find(|interval| interval.cell == cells[0]).unwrap();
    assert_eq!((of_few.low, of_few.high), (1.0, Some(17.0)));
}

#[test]
fn refusal_names_the_number_and_what_is_known_of_it() {
    let (mut problem, cells) = sums();
    let mut gate = Gate::default();
    gate.suppress(&problem).unwrap();
    for (number, cell) in cells[1..].iter().enumerate() {
        let value = problem.value(*cell);
        let shown = problem.released(format!("released {number}"), value);
        problem.total(shown, &[*cell]).unwrap();
    }
    // 152 without 40 and 100 are 12, whatever is withheld now
    let refused = gate.suppress(&problem).unwrap_err();
    assert_eq!((refused.key.as_str(), refused.low, refused.high), ("12", 12.0, Some(12.0)));
    assert_eq!(refused.needed, (1.0, 15.0));
}
