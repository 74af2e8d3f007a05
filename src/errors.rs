//! Errors that are no failure: wrong usage ends the program with status 2 instead of 1, a reader
//! that went away with 0.

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

/// True where the reader of an output went away, as `head` does: no failure.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// The candidate that was likely meant by `name`, in whatever case: the nearest by
/// Damerau-Levenshtein distance when that is a slip of the fingers (a third of the length, at least
/// two edits), else one that is a beginning of the other.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    slip(name, &candidates).or_else(|| beginning(name, &candidates))
}

/// The message for a column that a file lacks. `key` is the config key that names it; the `taken`
/// columns are known to be something else.
pub fn missing_column(name: &str, key: &str, there: &[&str], taken: &[&str]) -> String {
    let free: Vec<&str> = there.iter().filter(|n| !taken.contains(n)).copied().collect();
    // `lat` is latitude, although `altitude` is but one slip away
    let hint = match beginning(name, &free).or_else(|| slip(name, &free)) {
        Some(near) => format!("did you mean {key} = \"{near}\"?"),
        None => format!("name the right one with {key}"),
    };
    format!("no column {name:?} among {}; {hint}", there.join(", "))
}

fn slip<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distance = |c: &str| strsim::damerau_levenshtein(&name, &c.to_lowercase());
    let (distance, near) = candidates.iter().map(|c| (distance(c), *c)).min()?;
    (distance <= (name.len().max(near.len()) / 3).max(2)).then_some(near)
}

/// The longest candidate that begins `name` or that `name` begins, by at least three characters.
fn beginning<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let shared = |c: &str| {
        let c = c.to_lowercase();
        let fits = name.starts_with(&c) || c.starts_with(&name);
        (fits && c.len().min(name.len()) >= 3).then_some(c.len())
    };
    candidates.iter().filter_map(|c| Some((shared(c)?, *c))).max().map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::{missing_column, nearest};

    #[test]
    fn a_slip_finds_its_neighbour_and_nonsense_finds_nothing() {
        let names = ["users-per-lau", "users-per-lau-day-night"];
        assert_eq!(nearest("user-per-lau", names), Some("users-per-lau"));
        assert_eq!(nearest("USERS-PER-LAU", names), Some("users-per-lau"));
        assert_eq!(nearest("users", names), Some("users-per-lau-day-night"));
        assert_eq!(nearest("zzz", names), None);
    }

    #[test]
    fn a_column_with_a_meaning_of_its_own_is_not_suggested() {
        let said = |there: &[&str]| {
            missing_column("latitude", "columns.latitude", there, &["cell_id", "longitude"])
        };
        for there in [["cell_id", "lat", "longitude"], ["altitude", "LAT", "longitude"]] {
            let hint = format!("did you mean columns.latitude = \"{}\"?", there[1]);
            assert!(said(&there).ends_with(&hint), "{}", said(&there));
        }
        assert!(
            said(&["cell_id", "y", "longitude"])
                .ends_with("name the right one with columns.latitude")
        );
    }
}
