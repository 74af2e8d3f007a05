//! The run that a beginning of its id names.

use anyhow::{Result, bail};

use super::Run;
use crate::domain::numbers::counted;
use crate::errors::{UsageError, nearest};

/// Characters of an id that hold its time.
const TIME_LENGTH: usize = 13;

/// The one run whose id begins with `beginning`.
///
/// # Errors
/// [`UsageError`] where there is none, or more than one.
pub fn find<'a>(runs: &'a [Run], beginning: &str) -> Result<&'a Run> {
    let wanted = beginning.to_lowercase();
    let found: Vec<&Run> = runs.iter().filter(|run| run.run_id.starts_with(&wanted)).collect();
    match &found[..] {
        [run] => Ok(run),
        [] => {
            let ids = runs.iter().rev().map(|run| run.run_id.as_str());
            let cut = ids.filter_map(|id| id.get(..wanted.len()));
            let hint = match nearest(&wanted, cut) {
                Some(near) => format!("did you mean {near}?"),
                None => "`mobility runs` lists them".to_owned(),
            };
            bail!(UsageError(format!("there is no run {beginning}; {hint}")))
        }
        [.., last] => bail!(UsageError(format!(
            "{} begin with {beginning:?}; write more of the id, for example {}",
            counted(found.len() as u64, "run"),
            last.run_id
        ))),
    }
}

/// So many characters of their ids tell all runs apart: at least those that hold the time.
pub fn telling_length(runs: &[Run]) -> usize {
    let mut ids: Vec<&str> = runs.iter().map(|run| run.run_id.as_str()).collect();
    ids.sort_unstable();
    let alike = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let longest = ids.windows(2).map(|pair| alike(pair[0], pair[1]) + 1).max();
    longest.unwrap_or(0).max(TIME_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::{find, telling_length};
    use crate::run_history::Run;
    use crate::run_history::record::tests::a_run;

    fn named(id: &str) -> Run {
        Run { run_id: id.into(), ..a_run(0) }
    }

    #[test]
    fn a_beginning_suffices_and_a_slip_is_named() {
        let ids = ["0193a2b4-5c6d-71", "0193a2b4-5c6d-82", "0193a2b5-0000-99"];
        let runs = ids.map(named);
        assert_eq!(find(&runs, "0193A2B5").unwrap().run_id, ids[2]);
        let said = |beginning: &str| find(&runs, beginning).unwrap_err().to_string();
        assert_eq!(
            said("0193a2b4"),
            "2 runs begin with \"0193a2b4\"; write more of the id, for example 0193a2b4-5c6d-82"
        );
        assert_eq!(said("0193a2c5"), "there is no run 0193a2c5; did you mean 0193a2b5?");
        assert_eq!(said("zzzzzzzz"), "there is no run zzzzzzzz; `mobility runs` lists them");
        assert_eq!((telling_length(&runs), telling_length(&runs[1..])), (15, 13));
    }
}
