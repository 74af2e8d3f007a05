//! Wrong usage, told apart from failure: it ends the program with status 2 instead of 1.

use std::fmt;

/// What the user typed cannot be carried out: an unknown view, a filter the view has no column
/// for. Files and servers that misbehave are ordinary errors.
#[derive(Debug)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// The candidate nearest to `name` by Damerau-Levenshtein distance, when it is near enough to be
/// a likely slip of the fingers (a third of the length, at least two edits).
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(name, c), c))
        .min()
        .filter(|(distance, c)| *distance <= (name.len().max(c.len()) / 3).max(2))
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_neighbour_and_nonsense_finds_nothing() {
        let names = ["users-per-lau", "users-per-lau-day-night"];
        assert_eq!(nearest("user-per-lau", names), Some("users-per-lau"));
        assert_eq!(nearest("zzz", names), None);
    }
}
