//! Finds a run by a prefix of its id.

use anyhow::{Result, bail};

use super::Run;
use crate::domain::numbers::counted;
use crate::errors::{UsageError, nearest};

/// Number of characters of an id that encode its time.
const TIME_LENGTH: usize = 13;

/// The only run whose id starts with `prefix`.
///
/// # Errors
/// [`UsageError`] if there is none, or more than one.
pub fn find<'a>(runs: &'a [Run], prefix: &str) -> Result<&'a Run> {
    let prefix_lower = prefix.to_lowercase();
    let found: Vec<&Run> =
        runs.iter().filter(|run| run.run_id.starts_with(&prefix_lower)).collect();
    match &found[..] {
        [run] => Ok(run),
        [] => {
            let ids = runs.iter().rev().map(|run| run.run_id.as_str());
            let cut = ids.filter_map(|id| id.get(..prefix_lower.len()));
            let hint = match nearest(&prefix_lower, cut) {
                Some(near) => format!("did you mean {near}?"),
                None => "`mobility runs` lists them".to_owned(),
            };
            bail!(UsageError(format!("no run has an id that begins with {prefix:?}; {hint}")))
        }
        [.., last] => bail!(UsageError(format!(
            "{} start with {prefix:?}; give a longer prefix, for example {}",
            counted(found.len() as u64, "run"),
            last.run_id
        ))),
    }
}

/// Number of characters by which the ids of all runs differ: at least those that encode the time.
pub fn distinguishing_length(runs: &[Run]) -> usize {
    let mut ids: Vec<&str> = runs.iter().map(|run| run.run_id.as_str()).collect();
    ids.sort_unstable();
    let common_prefix =
        |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let longest = ids.windows(2).map(|pair| common_prefix(pair[0], pair[1]) + 1).max();
    longest.unwrap_or(0).max(TIME_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::{distinguishing_length, find};
    use crate::run_history::Run;
    use crate::run_history::record::tests::a_run;

    fn named(id: &str) -> Run {
        Run { run_id: id.into(), ..a_run(0) }
    }

    #[test]
    fn a_unique_prefix_is_enough_and_a_typing_error_gets_a_suggestion() {
        let ids = ["0193a2b4-5c6d-71", "0193a2b4-5c6d-82", "0193a2b5-0000-99"];
        let runs = ids.map(named);
        assert_eq!(find(&runs, "0193A2B5").unwrap().run_id, ids[2]);
        let message = |prefix: &str| find(&runs, prefix).unwrap_err().to_string();
        assert_eq!(
            message("0193a2b4"),
            "2 runs start with \"0193a2b4\"; give a longer prefix, for example 0193a2b4-5c6d-82"
        );
        assert_eq!(
            message("0193a2c5"),
            "no run has an id that begins with \"0193a2c5\"; did you mean 0193a2b5?"
        );
        assert_eq!(
            message("zzzzzzzz"),
            "no run has an id that begins with \"zzzzzzzz\"; `mobility runs` lists them"
        );
        assert_eq!((distinguishing_length(&runs), distinguishing_length(&runs[1..])), (15, 13));
    }
}
