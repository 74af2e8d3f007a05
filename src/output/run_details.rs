//! One run in full as text for people.

use std::fmt::Write;

use anyhow::Result;
use chrono::{DateTime, Utc};
use comfy_table::{CellAlignment, Table, presets};

use crate::domain::numbers::{counted, grouped, size};
use crate::progress::StageRun;
use crate::run_history::Run;

/// A table of stages with rows in and out, seconds and rate.
pub fn stages_table(stages: &[StageRun]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(["stage", "rows in", "rows out", "seconds", "rows/s", ""]);
    for stage in stages {
        let outcome = match stage {
            StageRun { broken_off: true, .. } => "not completed",
            StageRun { skipped: true, .. } => "unchanged, skipped",
            _ => "done",
        };
        table.add_row([
            stage.stage.clone(),
            grouped(stage.rows_in),
            grouped(stage.rows_out),
            format!("{:.2}", stage.seconds),
            stage.rate().map(grouped).unwrap_or_default(),
            outcome.to_owned(),
        ]);
    }
    for column in 1..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Everything that is recorded about a run.
///
/// # Errors
/// Settings that cannot be written as TOML, which does not happen.
pub fn text(run: &Run) -> Result<String> {
    let mut text = String::new();
    let time = |t: DateTime<Utc>| t.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    let took = format!("{} to {}, {:.2} s", time(run.started_at), time(run.ended_at), run.seconds);
    let inputs = match &run.inputs {
        Some(inputs) => {
            let files = counted(inputs.files, "file");
            format!("{files}, {}, fingerprint {}", size(inputs.bytes), inputs.fingerprint)
        }
        None => "unknown".to_owned(),
    };
    let lines = [
        ("run", Some(run.run_id.clone())),
        ("command", Some(run.command.clone())),
        ("status", Some(run.status.name().to_owned())),
        ("error", run.error.clone()),
        ("time", Some(took)),
        ("inputs", Some(inputs)),
        ("rejected", run.rows_rejected.map(|rows| counted(rows, "row"))),
        ("peak memory", run.peak_memory_bytes.map(size)),
        ("program", Some(format!("mobility {} on {}", run.version, run.host))),
        ("config file", run.config_file.clone()),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            writeln!(text, "{name:<12} {value}")?;
        }
    }
    if !run.stages.is_empty() {
        writeln!(text, "\n{}", stages_table(&run.stages))?;
    }
    for stage in &run.stages {
        for warning in &stage.warnings {
            writeln!(text, "{}: {warning}", stage.stage)?;
        }
    }
    let config = toml::Table::try_from(&run.config)?;
    writeln!(text, "\nSettings, without secrets:\n\n{}", toml::to_string(&config)?.trim_end())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::text;
    use crate::progress::StageRun;
    use crate::run_history::{Inputs, Run, Status, a_run};

    #[test]
    fn failed_run_is_shown_with_all_details() {
        let stage = |name: &str, broken_off: bool| StageRun {
            stage: name.into(),
            skipped: false,
            broken_off,
            rows_in: 1_500,
            rows_out: 20,
            bytes_in: 0,
            seconds: 0.5,
            warnings: if broken_off { Vec::new() } else { vec!["3 rows without a user".into()] },
        };
        let run = Run {
            run_id: "0193".into(),
            status: Status::Failed,
            error: Some("disk full".into()),
            rows_rejected: Some(3),
            inputs: Some(Inputs { files: 2, bytes: 2_048, fingerprint: "ab12".into() }),
            stages: vec![stage("compress", false), stage("geojoin", true)],
            config: json!({"strict": true, "lau": {"countries": ["EE"]}}),
            ..a_run(7)
        };
        let shown = text(&run).unwrap();
        for part in [
            "run          0193\n",
            "error        disk full\n",
            "time         2026-11-25 10:00:07 UTC to 2026-11-25 10:00:07 UTC, 7.00 s\n",
            "inputs       2 files, 2 KiB, fingerprint ab12\n",
            "rejected     3 rows\n",
            "compress: 3 rows without a user\n",
            "strict = true\n",
            "countries = [\"EE\"]",
        ] {
            assert!(shown.contains(part), "no {part:?} in {shown}");
        }
        let words = |name: &str| {
            let line = shown.lines().find(|l| l.contains(name) && l.starts_with('│')).unwrap();
            line.trim_matches(['│', ' ']).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words("compress"), "compress 1,500 20 0.50 3,000 done");
        assert_eq!(words("geojoin"), "geojoin 1,500 20 0.50 not completed");
    }
}
