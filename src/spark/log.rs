//! Parses the log of Spark: its progress, and the reason for a failure.

use std::collections::VecDeque;

/// Number of lines that are kept for the message of a failure.
const MAX_KEPT_LINES: usize = 400;
/// Number of lines in the message of a failure.
const MAX_SHOWN_LINES: usize = 4;
/// Length to which a line is truncated in the message, characters.
const MAX_LINE_CHARS: usize = 400;

/// The meaning of a log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogLine {
    /// Completed tasks and all tasks of the running stages.
    Tasks(u64, u64),
    /// No worker has accepted the job.
    NoWorkers,
    /// Stack frames and times of statements.
    Irrelevant,
    Other,
}

/// The latest lines of the log.
#[derive(Debug, Default)]
pub struct SparkLog {
    lines: VecDeque<String>,
}

impl SparkLog {
    pub fn add(&mut self, line: &str) -> LogLine {
        if let Some((done, all)) = tasks(line) {
            return LogLine::Tasks(done, all);
        }
        if line.contains("Initial job has not accepted any resources") {
            return LogLine::NoWorkers;
        }
        let line = line.trim_end();
        if line.trim().is_empty() || is_irrelevant(line) {
            return LogLine::Irrelevant;
        }
        if !is_warning_or_info(line) {
            if self.lines.len() == MAX_KEPT_LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line.to_owned());
        }
        LogLine::Other
    }

    /// The latest lines.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// The latest lines that report an error, or the latest lines if there are none.
    pub fn reason(&self) -> String {
        let mut errors: Vec<&str> = Vec::new();
        for line in self.lines.iter().map(|line| line.trim()).filter(|line| is_error(line)) {
            // nested exceptions repeat the message
            errors.retain(|earlier| !line.ends_with(earlier));
            errors.push(line);
        }
        let last: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        let lines = if errors.is_empty() { &last } else { &errors };
        let cut = |line: &&str| line.chars().take(MAX_LINE_CHARS).collect::<String>();
        let shown = lines.iter().skip(lines.len().saturating_sub(MAX_SHOWN_LINES)).map(cut);
        let shown = shown.collect::<Vec<_>>().join("\n  ");
        if shown.is_empty() { "Spark logged nothing".to_owned() } else { shown }
    }
}

/// Stack frames, and times of statements.
fn is_irrelevant(line: &str) -> bool {
    ["\tat ", "\t... ", "Time taken"].iter().any(|start| line.starts_with(start))
}

/// Log levels below ERROR.
fn is_warning_or_info(line: &str) -> bool {
    ["WARN", "INFO"].iter().any(|word| line.split_whitespace().nth(2) == Some(word))
}

fn is_error(line: &str) -> bool {
    let error_class = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .is_some_and(|(class, _)| !class.is_empty() && !class.contains(char::is_lowercase));
    error_class || line.contains("Exception") || line.contains("Error") || line.contains("ERROR")
}

/// Sums the tasks of a progress bar such as `[Stage 3:=====>   (5 + 2) / 10]`, which may show several
/// stages.
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
    fn tasks_of_all_stages_are_summed() {
        let mut log = SparkLog::default();
        assert_eq!(log.add("[Stage 3:=====>        (5 + 2) / 10]"), LogLine::Tasks(5, 10));
        let two = "[Stage 0:> (0 + 1) / 4][Stage 1:===>  (2 + 1) / 6]";
        assert_eq!(log.add(two), LogLine::Tasks(2, 10));
        assert_eq!(log.reason(), "Spark logged nothing");
    }

    #[test]
    fn reason_has_the_errors_without_stack_frames() {
        let mut log = SparkLog::default();
        for line in [
            "26/11/25 15:25:02 WARN Utils: Your hostname resolves to a loopback address",
            "26/11/25 15:25:04 ERROR Executor: Exception in task 0.0 in stage 1.0 (TID 1)",
            "org.apache.spark.SparkException: Parquet column cannot be converted",
            "\tat org.apache.spark.sql.Some.method(Some.scala:12)",
            "Caused by: java.io.IOException: No space left on device",
            "\t... 12 more",
            "",
        ] {
            let kind = log.add(line);
            assert_eq!(
                kind == LogLine::Irrelevant,
                line.is_empty() || line.starts_with('\t'),
                "{line}"
            );
        }
        let reason = log.reason();
        assert!(reason.ends_with("Caused by: java.io.IOException: No space left on device"));
        assert!(reason.contains("Parquet column cannot be converted") && !reason.contains("scala"));
        assert_eq!(
            log.add("26/11/25 15:25:04 WARN TaskSchedulerImpl: Initial job has not accepted any resources; check"),
            LogLine::NoWorkers
        );
    }
}
