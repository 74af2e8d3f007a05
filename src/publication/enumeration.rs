//! An audit of small tables that shares nothing with the one of the program: it looks for whole numbers by
//! trying them.

/// A relation: the sum of the cells with their signs is zero, or at most zero.
pub struct Relation {
    pub terms: Vec<(usize, i64)>,
    pub is_equation: bool,
}

/// What an outsider sees of some tables.
pub struct Seen {
    pub values: Vec<i64>,
    /// `None` for a published cell, else the least value that an outsider holds possible.
    pub withheld: Vec<Option<i64>>,
    pub relations: Vec<Relation>,
}

/// Values above this are not tried. Those of the tests are far below.
const GREATEST: i64 = 1_000;

type Domains = Vec<(i64, i64)>;

impl Seen {
    /// True if an outsider holds `value` possible for a cell.
    pub fn is_possible(&self, cell: usize, value: i64) -> bool {
        let domain = |(value, lower): (&i64, &Option<i64>)| match lower {
            None => (*value, *value),
            Some(lower) => (*lower, GREATEST),
        };
        let mut domains: Domains = self.values.iter().zip(&self.withheld).map(domain).collect();
        domains[cell] = (value, value);
        self.has_solution(domains)
    }

    fn has_solution(&self, mut domains: Domains) -> bool {
        if !self.narrow(&mut domains) {
            return false;
        }
        let open = (0..domains.len()).filter(|cell| domains[*cell].0 < domains[*cell].1);
        let Some(cell) = open.min_by_key(|cell| domains[*cell].1 - domains[*cell].0) else {
            return true;
        };
        // values near the true one first
        let (low, high) = domains[cell];
        let mut values: Vec<i64> = (low..=high).collect();
        values.sort_by_key(|value| (value - self.values[cell]).abs());
        values.into_iter().any(|value| {
            let mut tried = domains.clone();
            tried[cell] = (value, value);
            self.has_solution(tried)
        })
    }

    /// Leaves out values that a relation rules out by itself; false if none are left.
    fn narrow(&self, domains: &mut Domains) -> bool {
        loop {
            let before = domains.clone();
            for relation in &self.relations {
                let least = |(cell, sign): &(usize, i64)| {
                    if *sign > 0 { domains[*cell].0 } else { -domains[*cell].1 }
                };
                let greatest = |(cell, sign): &(usize, i64)| {
                    if *sign > 0 { domains[*cell].1 } else { -domains[*cell].0 }
                };
                let least_sum: i64 = relation.terms.iter().map(least).sum();
                let greatest_sum: i64 = relation.terms.iter().map(greatest).sum();
                let mut narrowed = Vec::new();
                for term in &relation.terms {
                    // the term is at most what the others leave, and for an equation at least
                    let high = least(term) - least_sum;
                    let low = match relation.is_equation {
                        true => greatest(term) - greatest_sum,
                        false => least(term),
                    };
                    narrowed.push(if term.1 > 0 { (low, high) } else { (-high, -low) });
                }
                for ((cell, _), (low, high)) in relation.terms.iter().zip(narrowed) {
                    let domain = &mut domains[*cell];
                    *domain = (domain.0.max(low), domain.1.min(high));
                    if domain.0 > domain.1 {
                        return false;
                    }
                }
            }
            if *domains == before {
                return true;
            }
        }
    }
}
