//! What a relation by itself tells about the numbers in it.

/// Numbers that differ by less are the same.
pub(super) const TOLERANCE: f64 = 1e-6;
/// Numbers whose bounds differ by less are known. It is what computing leaves of a difference.
const ROUNDING: f64 = 1e-9;

/// The least and the greatest value of a number; `None` without a limit.
pub type Bounds = (f64, Option<f64>);

/// The least and the greatest value of a term; `None` without a limit.
type Ends = (Option<f64>, Option<f64>);

/// The sum of numbers, each times another, and of a constant is zero or at most zero.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Relation {
    pub terms: Vec<(usize, f64)>,
    pub constant: f64,
    pub is_equation: bool,
}

impl Relation {
    /// Narrows the bounds of the numbers, and returns those that changed.
    pub fn narrow(&self, bounds: &mut [Bounds]) -> Vec<usize> {
        let ends: Vec<Ends> = self.terms.iter().map(|term| ends(*term, bounds)).collect();
        let unlimited = |end: fn(&Ends) -> Option<f64>| {
            (
                ends.iter().filter(|ends| end(ends).is_none()).count(),
                ends.iter().filter_map(end).sum::<f64>() + self.constant,
            )
        };
        let (no_least, least) = unlimited(|ends| ends.0);
        let (no_greatest, greatest) = unlimited(|ends| ends.1);
        // the sum of the other terms, if all of them are limited
        let others = |own: Option<f64>, count: usize, sum: f64| match (own, count) {
            (Some(own), 0) => Some(sum - own),
            (None, 1) => Some(sum),
            _ => None,
        };
        let mut changed = Vec::new();
        for ((number, times), (low, high)) in self.terms.iter().zip(&ends) {
            // a term is at most what the others leave, and for an equation at least
            let at_most = others(*low, no_least, least).map(|sum| -sum / times);
            let at_least = others(*high, no_greatest, greatest).map(|sum| -sum / times);
            let at_least = at_least.filter(|_| self.is_equation);
            let (low, high) = if *times > 0.0 { (at_least, at_most) } else { (at_most, at_least) };
            let before = bounds[*number];
            let after = both(before, (low.unwrap_or(before.0), high));
            bounds[*number] = after;
            let is_narrower = after.0 > before.0 + TOLERANCE
                || before.1.is_none() && after.1.is_some()
                || after.1.zip(before.1).is_some_and(|(new, old)| new < old - TOLERANCE);
            if is_narrower {
                changed.push(*number);
            }
        }
        changed
    }

    /// True if no values within the bounds contradict it.
    pub fn is_certain(&self, bounds: &[Bounds]) -> bool {
        let mut greatest = self.terms.iter().map(|term| ends(*term, bounds).1);
        let greatest = greatest.try_fold(self.constant, |sum, end| Some(sum + end?));
        !self.is_equation && greatest.is_some_and(|greatest| greatest <= 0.0)
    }
}

/// The least and the greatest value of a number times another.
fn ends((number, times): (usize, f64), bounds: &[Bounds]) -> Ends {
    let (low, high) = bounds[number];
    match times > 0.0 {
        true => (Some(times * low), high.map(|high| times * high)),
        false => (high.map(|high| times * high), Some(times * low)),
    }
}

/// What is within two bounds.
pub(super) fn both(one: Bounds, other: Bounds) -> Bounds {
    let high = match (one.1, other.1) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    (one.0.max(other.0), high)
}

/// The value of a number of which only one is left.
pub(super) fn known((low, high): Bounds) -> Option<f64> {
    high.is_some_and(|high| high <= low + ROUNDING).then_some(low)
}

/// True if no value is left.
pub(super) fn is_contradiction((low, high): Bounds) -> bool {
    high.is_some_and(|high| high < low - TOLERANCE)
}
