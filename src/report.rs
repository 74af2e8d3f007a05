//! What a stage did, in the figures that the closing table and the tests read.

use std::time::Duration;

/// Outcome of one stage.
#[derive(Debug, Clone, Default)]
pub struct StageReport {
    /// The command's word for the stage: `compress`, `geojoin`, `quality`, `load`, `views`.
    pub stage: &'static str,
    /// Rows read from the stage's inputs.
    pub rows_in: u64,
    /// Rows written.
    pub rows_out: u64,
    /// Bytes of the input files.
    pub bytes_in: u64,
    /// Wall time.
    pub elapsed: Duration,
    /// True when the outputs already matched the inputs and nothing was done.
    pub skipped: bool,
    /// Plain sentences for the reader: rows set aside and why, ties resolved, hours folded.
    pub notes: Vec<String>,
}

impl StageReport {
    /// `load: done; 26 rows in, 26 rows out, 0.10 s`
    pub fn sentence(&self) -> String {
        let what = if self.skipped { "unchanged, skipped" } else { "done" };
        format!(
            "{}: {what}; {} in, {} out, {:.2} s",
            self.stage,
            counted(self.rows_in, "row"),
            counted(self.rows_out, "row"),
            self.elapsed.as_secs_f64()
        )
    }
}

/// Peak resident memory of this process so far, in bytes (`VmHWM`); `None` where the system does
/// not tell.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// A count with thin groups of three digits: `40,700,000`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 row`, `1,500 rows`.
pub fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// `700 KiB`, `1,200 MiB`.
pub fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        mebibytes => format!("{} MiB", grouped(mebibytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::{counted, grouped, size};

    #[test]
    fn one_is_singular_and_small_files_are_not_nothing() {
        assert_eq!(counted(1, "cell"), "1 cell");
        assert_eq!(counted(1_500, "row"), "1,500 rows");
        assert_eq!([size(0), size(1), size(1 << 20)], ["0 KiB", "1 KiB", "1 MiB"]);
    }

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(40_700_000), "40,700,000");
    }
}
