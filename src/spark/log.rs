//! What Spark says while it works: how far it is, and why it failed.

use std::collections::VecDeque;

/// Lines that are kept for the case of a failure.
const KEPT: usize = 400;
/// Lines that are shown then.
const SHOWN: usize = 4;
/// Longest line that is shown, characters.
const LONGEST: usize = 400;

/// What a line means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Tasks done, and tasks there are, of the stages at work.
    Tasks(u64, u64),
    /// No worker takes the work.
    NoWorkers,
    /// What nobody asks for: frames of a stack, times of statements.
    Nothing,
    Other,
}

/// The last lines of a log.
#[derive(Debug, Default)]
pub struct Log {
    lines: VecDeque<String>,
}

impl Log {
    pub fn add(&mut self, line: &str) -> Said {
        if let Some((done, all)) = tasks(line) {
            return Said::Tasks(done, all);
        }
        if line.contains("Initial job has not accepted any resources") {
            return Said::NoWorkers;
        }
        let line = line.trim_end();
        if line.trim().is_empty() || is_frame(line) {
            return Said::Nothing;
        }
        if !is_remark(line) {
            if self.lines.len() == KEPT {
                self.lines.pop_front();
            }
            self.lines.push_back(line.to_owned());
        }
        Said::Other
    }

    /// The last lines that tell of a fault, or the last ones of all.
    pub fn reason(&self) -> String {
        let mut faults: Vec<&str> = Vec::new();
        for line in self.lines.iter().map(|line| line.trim()).filter(|line| is_fault(line)) {
            // nested exceptions repeat the message
            faults.retain(|said| !line.ends_with(said));
            faults.push(line);
        }
        let last: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        let lines = if faults.is_empty() { &last } else { &faults };
        let cut = |line: &&str| line.chars().take(LONGEST).collect::<String>();
        let shown = lines.iter().skip(lines.len().saturating_sub(SHOWN)).map(cut);
        let shown = shown.collect::<Vec<_>>().join("\n  ");
        if shown.is_empty() { "it said nothing".to_owned() } else { shown }
    }
}

/// Frames of a stack, and times of statements.
fn is_frame(line: &str) -> bool {
    ["\tat ", "\t... ", "Time taken"].iter().any(|start| line.starts_with(start))
}

/// What is no fault by itself.
fn is_remark(line: &str) -> bool {
    ["WARN", "INFO"].iter().any(|word| line.split_whitespace().nth(2) == Some(word))
}

fn is_fault(line: &str) -> bool {
    let error_class = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .is_some_and(|(class, _)| !class.is_empty() && !class.contains(char::is_lowercase));
    error_class || line.contains("Exception") || line.contains("Error") || line.contains("ERROR")
}

/// `[Stage 3:=====>   (5 + 2) / 10]`, for several stages one after the other.
fn tasks(line: &str) -> Option<(u64, u64)> {
    let mut sum: Option<(u64, u64)> = None;
    for stage in line.split("[Stage ").skip(1) {
        let (_, numbers) = stage.rsplit_once('(')?;
        let (done, rest) = numbers.split_once(" + ")?;
        let (_, all) = rest.split_once(") / ")?;
        let all = all.split(']').next()?;
        let (done, all) = (done.trim().parse::<u64>().ok()?, all.trim().parse::<u64>().ok()?);
        let (before, of) = sum.unwrap_or_default();
        sum = Some((before + done, of + all));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_of_stages_is_read() {
        let mut log = Log::default();
        assert_eq!(log.add("[Stage 3:=====>        (5 + 2) / 10]"), Said::Tasks(5, 10));
        let two = "[Stage 0:> (0 + 1) / 4][Stage 1:===>  (2 + 1) / 6]";
        assert_eq!(log.add(two), Said::Tasks(2, 10));
        assert_eq!(log.reason(), "it said nothing");
    }

    #[test]
    fn the_reason_is_what_failed_and_not_where_in_the_code() {
        let mut log = Log::default();
        for line in [
            "26/11/25 15:25:02 WARN Utils: Your hostname resolves to a loopback address",
            "26/11/25 15:25:04 ERROR Executor: Exception in task 0.0 in stage 1.0 (TID 1)",
            "org.apache.spark.SparkException: Parquet column cannot be converted",
            "\tat org.apache.spark.sql.Some.method(Some.scala:12)",
            "Caused by: java.io.IOException: No space left on device",
            "\t... 12 more",
            "",
        ] {
            let said = log.add(line);
            assert_eq!(said == Said::Nothing, line.is_empty() || line.starts_with('\t'), "{line}");
        }
        let reason = log.reason();
        assert!(reason.ends_with("Caused by: java.io.IOException: No space left on device"));
        assert!(reason.contains("Parquet column cannot be converted") && !reason.contains("scala"));
        assert_eq!(
            log.add("26/11/25 15:25:04 WARN TaskSchedulerImpl: Initial job has not accepted any resources; check"),
            Said::NoWorkers
        );
    }
}
