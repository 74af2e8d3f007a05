//! What is linked in several steps.

/// The sets of numbers below `count` that are linked with each other, where each of `links` has the numbers that it
/// links: for each number, the least of its set.
pub(super) fn linked<L: Iterator<Item = usize>>(
    count: usize,
    links: impl Iterator<Item = L>,
) -> Vec<usize> {
    let mut parents: Vec<usize> = (0..count).collect();
    for mut link in links {
        let Some(first) = link.next() else { continue };
        for other in link {
            let (a, b) = (least(&mut parents, first), least(&mut parents, other));
            parents[a.max(b)] = a.min(b);
        }
    }
    (0..count).map(|number| least(&mut parents, number)).collect()
}

/// Follows parents to the number that has none but itself.
fn least(parents: &mut [usize], mut number: usize) -> usize {
    while parents[number] != number {
        parents[number] = parents[parents[number]];
        number = parents[number];
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_the_set_of_all_that_they_are_linked_with() {
        let links = [vec![5, 3], vec![], vec![4, 1, 0], vec![3, 6], vec![2]];
        let sets = linked(7, links.into_iter().map(Vec::into_iter));
        assert_eq!(sets, [0, 0, 2, 3, 0, 3, 3]);
    }
}
