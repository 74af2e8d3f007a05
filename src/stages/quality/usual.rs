//! Whether a value is within what was usual on the previous dates.

/// Minimum number of previous dates for a comparison.
pub const MIN_PREVIOUS: usize = 3;
/// A number of rows is unusual if it differs from the mean by more than this number of standard
/// deviations and more than the first share of the mean, or by more than the second one.
const MAX_DEVIATIONS: f64 = 2.0;
const MIN_SHARE: f64 = 0.1;
const MAX_SHARE: f64 = 0.3;
/// A percentage has changed if it is more than this many times above or below all previous dates, and at
/// least this many percentage points.
const MAX_CHANGE: f64 = 1.5;
const MIN_CHANGE_POINTS: f64 = 0.1;
/// Relative error of sums of floating-point numbers.
const ROUNDING: f64 = 1e-9;

/// The mean of the previous percentages, if `value` is far outside their range.
pub fn changed(value: f64, previous: impl Iterator<Item = f64>) -> Option<f64> {
    let previous: Vec<f64> = previous.collect();
    let greatest = previous.iter().copied().fold(0.0, f64::max);
    let least = previous.iter().copied().fold(100.0, f64::min);
    let is_far =
        |above: f64, below: f64| above > MAX_CHANGE * below && above - below >= MIN_CHANGE_POINTS;
    let has_changed = is_far(value, greatest) || is_far(least, value);
    mean(&previous).filter(|_| has_changed && previous.len() >= MIN_PREVIOUS)
}

pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The mean of the previous values, if `value` differs too much from it.
pub fn unusual(value: f64, previous: impl Iterator<Item = f64>) -> Option<f64> {
    let previous: Vec<f64> = previous.collect();
    let mean = mean(&previous).filter(|_| previous.len() >= MIN_PREVIOUS)?;
    let squares = previous.iter().map(|b| (b - mean).powi(2)).sum::<f64>();
    let deviation = (squares / (previous.len() as f64 - 1.0)).sqrt();
    let difference = (value - mean).abs() - ROUNDING * value.abs().max(mean.abs());
    let is_rare = difference > MAX_DEVIATIONS * deviation;
    let share = if is_rare { MIN_SHARE } else { MAX_SHARE };
    (difference > share * mean.abs()).then_some(mean)
}

pub fn direction(value: f64, mean: f64) -> &'static str {
    if value > mean { "more than" } else { "less than" }
}
