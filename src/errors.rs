//! Errors with an exit status of their own: wrong usage ends the program with status 2 instead of 1,
//! and a closed pipe with 0. Errors of engines, whose messages may quote values. Suggestions for mistyped
//! names.

mod engine;

use std::fmt;

use anyhow::{Result, bail};
pub use engine::{EngineError, without_values};

/// A command line that cannot be executed: an unknown view, or a filter for which the view has no
/// column. Errors of files and servers are ordinary errors.
#[derive(Debug)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// True if the reader of an output closed the pipe, as `head` does.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// The candidate that `name` was probably meant to be, ignoring case: the nearest one by
/// Damerau-Levenshtein distance if that is small enough for a typing error (at most a third of the
/// length, or two edits), else one that is a prefix of `name` or has it as a prefix.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    nearest_spelling(name, &candidates).or_else(|| longest_prefix(name, &candidates))
}

/// The message for a column that a file lacks. `key` is the configuration key that names the column;
/// the columns in `taken` have another meaning and are not suggested.
pub fn missing_column(name: &str, key: &str, present: &[&str], taken: &[&str]) -> String {
    let hint = match nearest_column(name, present, taken) {
        Some(near) => format!("did you mean {key} = {near:?}?"),
        None => format!("set {key} to the right one"),
    };
    format!("no column {name:?} among {}; {hint}", present.join(", "))
}

/// One message for all columns that a file lacks; `None` if it has them all. `needed` are the names of
/// columns with the configuration keys that name them.
pub fn missing_columns(needed: &[(&str, &str)], present: &[&str]) -> Option<String> {
    let taken: Vec<&str> = needed.iter().map(|(name, _)| *name).collect();
    let missing: Vec<_> = needed.iter().filter(|(name, _)| !present.contains(name)).collect();
    match missing[..] {
        [] => return None,
        [(name, key)] => return Some(missing_column(name, key, present, &taken)),
        _ => {}
    }
    let names: Vec<String> = missing.iter().map(|(name, _)| format!("{name:?}")).collect();
    let (mut meant, mut unknown) = (Vec::new(), Vec::new());
    for (name, key) in missing {
        match nearest_column(name, present, &taken) {
            Some(near) => meant.push(format!("{key} = {near:?}")),
            None => unknown.push(*key),
        }
    }
    let mut message = format!("no columns {} among {}", names.join(", "), present.join(", "));
    if !meant.is_empty() {
        message.push_str(&format!("; did you mean {}?", meant.join(", ")));
    }
    match unknown[..] {
        [] => {}
        [key] => message.push_str(&format!("; set {key} to the right one")),
        _ => message.push_str(&format!("; set {} to the right ones", unknown.join(", "))),
    }
    Some(message)
}

/// The column that was probably meant by `name`, other than those in `taken`.
pub fn nearest_column<'a>(name: &str, present: &[&'a str], taken: &[&str]) -> Option<&'a str> {
    let free: Vec<&str> = present.iter().filter(|n| !taken.contains(n)).copied().collect();
    // `lat` means latitude, although `altitude` is nearer by edit distance
    longest_prefix(name, &free).or_else(|| nearest_spelling(name, &free))
}

/// # Errors
/// A column name that occurs several times among `present`: which of the columns is meant is unknown.
pub fn refuse_duplicate<'a>(name: &str, present: impl Iterator<Item = &'a str>) -> Result<()> {
    let count = present.filter(|other| *other == name).count();
    if count > 1 {
        bail!("{count} columns have the name {name:?}; rename or remove all but the right one");
    }
    Ok(())
}

fn nearest_spelling<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distance = |c: &str| strsim::damerau_levenshtein(&name, &c.to_lowercase());
    let (distance, near) = candidates.iter().map(|c| (distance(c), *c)).min()?;
    (distance <= (name.len().max(near.len()) / 3).max(2)).then_some(near)
}

/// The longest candidate that is a prefix of `name` or has it as a prefix; the shorter of the two has
/// at least three characters.
fn longest_prefix<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let matching_length = |c: &str| {
        let c = c.to_lowercase();
        let matches = name.starts_with(&c) || c.starts_with(&name);
        (matches && c.len().min(name.len()) >= 3).then_some(c.len())
    };
    candidates.iter().filter_map(|c| Some((matching_length(c)?, *c))).max().map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::{missing_column, missing_columns, nearest};

    #[test]
    fn a_typing_error_is_corrected_and_an_unrelated_name_is_not() {
        let names = ["users-per-lau", "users-per-lau-day-night"];
        assert_eq!(nearest("user-per-lau", names), Some("users-per-lau"));
        assert_eq!(nearest("USERS-PER-LAU", names), Some("users-per-lau"));
        assert_eq!(nearest("users", names), Some("users-per-lau-day-night"));
        assert_eq!(nearest("zzz", names), None);
    }

    #[test]
    fn a_column_with_another_meaning_is_not_suggested() {
        let message = |present: &[&str]| {
            missing_column("latitude", "columns.latitude", present, &["cell_id", "longitude"])
        };
        for present in [["cell_id", "lat", "longitude"], ["altitude", "LAT", "longitude"]] {
            let hint = format!("did you mean columns.latitude = \"{}\"?", present[1]);
            assert!(message(&present).ends_with(&hint), "{}", message(&present));
        }
        assert!(
            message(&["cell_id", "y", "longitude"])
                .ends_with("set columns.latitude to the right one")
        );
    }

    #[test]
    fn all_missing_columns_are_named_at_once() {
        let needed = [
            ("user_id", "columns.user_id"),
            ("cell_id", "columns.cell_id"),
            ("timestamp", "columns.timestamp"),
        ];
        assert_eq!(missing_columns(&needed, &["timestamp", "cell_id", "user_id"]), None);
        for (present, message) in [
            (
                ["user_id", "Zelle", "timestamp"],
                "no column \"cell_id\" among user_id, Zelle, timestamp; set columns.cell_id to the right one",
            ),
            (
                ["Teilnehmer", "Zelle", "Zeit"],
                "no columns \"user_id\", \"cell_id\", \"timestamp\" among Teilnehmer, Zelle, Zeit; \
                 set columns.user_id, columns.cell_id, columns.timestamp to the right ones",
            ),
            (
                ["USER_ID", "cell_id", "when"],
                "no columns \"user_id\", \"timestamp\" among USER_ID, cell_id, when; \
                 did you mean columns.user_id = \"USER_ID\"?; set columns.timestamp to the right one",
            ),
        ] {
            assert_eq!(missing_columns(&needed, &present).as_deref(), Some(message));
        }
    }
}
