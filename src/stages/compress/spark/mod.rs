//! On a cluster: Spark reads the events, judges and counts them; what it writes is taken over here as if
//! it had been made on this machine.
//!
//! Events are read once and shuffled once, by date and user. The result, counted by user, hour, cell,
//! file and code, is a tenth of them; presence and all figures of a date come from it.

mod inputs;
mod results;
mod script;

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use super::Work;
use super::findings::Findings;
use super::output::Output;
use super::survey::Source;
use crate::domain::time::LocalDate;
use crate::events::input::EventInput;
use crate::events::parquet::EventFile;
use crate::spark::sql;
use crate::storage::Location;
use crate::storage::atomic::AtomicFolder;

/// Makes all open dates; returns what was found.
///
/// # Errors
/// Spark's own, with its reason; results that contradict each other; a folder that cannot be written.
pub fn make(work: &Work, output: &mut Output) -> Result<Findings> {
    let open: Vec<LocalDate> =
        work.survey.open.iter().map(|date| LocalDate::from_calendar(*date)).collect();
    let read = read(work, &open)?;
    if read.is_empty() {
        return Ok(Findings::default());
    }
    // among the outputs, which the workers have to reach anyway
    let folder = AtomicFolder::create(&work.config.data.processed.join("spark"))?;
    let path = sql::absolute(folder.path())?;
    inputs::write(work, &open, &path)?;
    let job = script::job(work, &open, &read, &path)?;
    let bar = work.progress.spinner("compress", "");
    job.run(&work.config.spark, &path, work.progress, &bar)?;
    bar.message("taking over what Spark wrote");
    let findings = results::take(work, &open, output, &path)?;
    bar.finish();
    Ok(findings)
}

/// The files with rows of open dates, or with rows that can have no date.
fn read<'a>(work: &Work<'a>, open: &[LocalDate]) -> Result<Vec<&'a EventFile>> {
    let open: BTreeSet<LocalDate> = open.iter().copied().collect();
    let wanted = |source: &&Source| {
        source.groups.iter().any(|group| {
            group.home.is_none() || group.days.iter().chain(&group.home).any(|d| open.contains(d))
        })
    };
    let sources = work.survey.sources.iter().filter(wanted);
    let file = |source: &'a Source| {
        let file = source.file.as_ref().context("a file that is to be read was not opened")?;
        match (file, &source.input.location) {
            (EventInput::Parquet(file), Location::Local(_)) => Ok(file),
            (EventInput::Csv(_), _) => bail!(
                "{}: Spark is given Parquet events alone; use --engine native for text",
                source.input.location
            ),
            (_, location) => bail!(
                "{location}: Spark is given files that all machines see at one path alone; mount the \
                 bucket, or use --engine native"
            ),
        }
    };
    sources.map(file).collect()
}
