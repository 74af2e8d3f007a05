//! On a cluster: Spark reads, checks and counts the events; what it writes becomes the same outputs as on
//! this machine.
//!
//! Events are read once and shuffled once, by date and user. The result, counted by user, hour, cell,
//! file and code, is a tenth of the events; hourly presence and all totals of a date are computed from
//! it.

mod input_tables;
mod results;
mod script;

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use super::findings::Findings;
use super::output::Output;
use super::survey::SurveyedInput;
use super::work::Work;
use crate::domain::time::LocalDate;
use crate::events::EventFile;
use crate::events::parquet::ParquetEvents;
use crate::spark::sql;
use crate::storage::Location;
use crate::storage::atomic::AtomicFolder;

/// Computes all pending dates; returns what the checks found.
///
/// # Errors
/// A failed Spark job, with its reason; results that do not add up; a folder that cannot be written.
pub fn run(work: &Work, output: &mut Output) -> Result<Findings> {
    let pending: Vec<LocalDate> =
        work.survey.pending.iter().map(|date| LocalDate::from_calendar(*date)).collect();
    let files = read(work, &pending)?;
    if files.is_empty() {
        return Ok(Findings::default());
    }
    // in the output folder, since the workers have to reach that anyway
    let folder = AtomicFolder::create(&work.settings.data.processed.join("spark"))?;
    let path = sql::absolute(folder.path())?;
    input_tables::write(work, &pending, &path)?;
    let job = script::job(work, &pending, &files, &path)?;
    let bar = work.progress.spinner("compress", "");
    job.run(work.settings.spark, &path, work.progress, &bar)?;
    bar.message("importing the results of Spark");
    let findings = results::import(work, &pending, output, &path)?;
    bar.finish();
    Ok(findings)
}

/// The files with rows of pending dates, or with rows that may have no date.
fn read<'a>(work: &Work<'a>, pending: &[LocalDate]) -> Result<Vec<&'a ParquetEvents>> {
    let pending: BTreeSet<LocalDate> = pending.iter().copied().collect();
    let is_needed = |source: &&SurveyedInput| {
        source.groups.iter().any(|group| {
            let mut dates = group.dates.iter().chain(&group.fallback_date);
            group.fallback_date.is_none() || dates.any(|date| pending.contains(date))
        })
    };
    let sources = work.survey.inputs.iter().filter(is_needed);
    let file = |source: &'a SurveyedInput| {
        let file = source.file.as_ref().context("a file that is to be read was not opened")?;
        match (file, &source.input.location) {
            (EventFile::Parquet(file), Location::Local(_)) => Ok(file),
            (EventFile::Csv(_), _) => bail!(
                "{}: Spark reads Parquet events only; use --engine native for CSV",
                source.input.location
            ),
            (_, location) => bail!(
                "{location}: Spark reads only files that all machines see at the same path; mount the \
                 bucket, or use --engine native"
            ),
        }
    };
    sources.map(file).collect()
}
