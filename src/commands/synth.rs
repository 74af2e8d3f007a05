//! `mobility synth`.

use anyhow::Result;

use crate::cli::Synth;
use crate::domain::numbers::grouped;
use crate::progress::Progress;
use crate::stages::synth;
use crate::stages::synth::Settings;

pub fn run(args: &Synth, progress: &Progress) -> Result<()> {
    let settings = Settings {
        out: args.out.clone(),
        users: args.users.unwrap_or(0),
        events: args.events,
        cells: args.cells,
        laus: args.laus,
        days: args.days,
        start: args.start,
        seed: args.seed,
        layout: args.layout,
        people: args.people.unwrap_or(0),
        rotations: args.rotate.clone(),
    };
    let report = synth::run(&settings, progress)?;
    report.notes.iter().for_each(|note| progress.note(&format!("synth: {note}")));
    progress.note(&format!(
        "synth: {} events in {} ({:.2} s)",
        grouped(report.rows_out),
        args.out.display(),
        report.elapsed.as_secs_f64()
    ));
    Ok(())
}
