//! `mobility extract`.

use anyhow::Result;

use super::Session;
use crate::cli;
use crate::domain::numbers::{counted, size};
use crate::stages::extract;

/// The configuration keys that the flags set.
pub fn keys(args: &cli::Extract) -> Vec<(&'static str, String)> {
    let year = args.lau_year.map(|year| year.to_string());
    let to = args.to.as_ref().map(|to| to.to_string_lossy().into_owned());
    [
        ("extract.events", args.events.clone()),
        ("extract.cells", args.cells.clone()),
        ("extract.lau_year", year),
        ("extract.to", to),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}

pub fn run(session: &Session, args: &cli::Extract) -> Result<()> {
    let done = extract::run(&session.config.extract, &session.progress, args.force)?;
    for warning in &done.warnings {
        session.progress.warn(&format!("extract: {warning}"));
    }
    let present = match done.already_present {
        0 => String::new(),
        present => format!("; {} already present", counted(present, "file")),
    };
    session.progress.note(&format!(
        "extract: {} copied to {}, {} in {:.2} s{present}",
        counted(done.files, "file"),
        session.config.extract.to.display(),
        size(done.bytes),
        done.elapsed.as_secs_f64()
    ));
    Ok(())
}
