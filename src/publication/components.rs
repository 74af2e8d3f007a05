//! Cells that can be decided apart from others.

use super::problem::Problem;

/// The entries of each set of cells that are linked by relations, in the order of their first entries. Cells
/// that are always shown link nothing: they are constants.
pub(super) fn components(problem: &Problem) -> Vec<Vec<usize>> {
    let mut parents: Vec<usize> = (0..problem.entries.len()).collect();
    for row in &problem.rows {
        let entries = row.terms.iter().map(|(cell, _)| problem.cells[*cell].entry);
        let mut entries = entries.filter(|entry| !problem.is_always_shown(*entry));
        let Some(first) = entries.next() else { continue };
        for entry in entries {
            let (a, b) = (root(&mut parents, first), root(&mut parents, entry));
            parents[a.max(b)] = a.min(b);
        }
    }
    let mut components: Vec<Vec<usize>> = vec![Vec::new(); parents.len()];
    for entry in 0..parents.len() {
        let root = root(&mut parents, entry);
        components[root].push(entry);
    }
    components.retain(|component| !component.is_empty());
    components
}

/// The first of a set, of whose members each but the first names another.
pub(super) fn root(parents: &mut [usize], mut entry: usize) -> usize {
    while parents[entry] != entry {
        parents[entry] = parents[parents[entry]];
        entry = parents[entry];
    }
    entry
}
