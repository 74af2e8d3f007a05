//! On a cluster: Spark reads, checks and counts the events; what it writes becomes the same outputs as on
//! this machine.
//!
//! Events are read once and shuffled once, by date and user. The result, counted by user, hour, cell,
//! visit, file and code, is a part of the events; hourly presence, visits and all totals of a date are computed
//! from it.

mod input_tables;
mod results;
mod script;
mod text_parts;
mod visits;

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use super::findings::Findings;
use super::output::Output;
use super::survey::SurveyedInput;
use super::work::Work;
use crate::domain::time::LocalDate;
use crate::events::EventFile;
use crate::events::parquet::ParquetEvents;
use crate::spark::{JobFolder, SparkPath};

/// A file of events for Spark.
struct JobFile {
    /// The number of the input.
    input: usize,
    path: SparkPath,
    /// Rows of the input before it.
    first_row: u64,
}

/// Inputs with rows of pending dates, or with rows that may have no date, each with its number.
#[derive(Default)]
struct Needed<'a> {
    parquet: Vec<(usize, &'a ParquetEvents)>,
    text: Vec<(usize, &'a EventFile)>,
    rows: u64,
}

/// Computes all pending dates; returns what the checks found.
///
/// # Errors
/// A failed Spark job, with its reason; results that do not add up; a folder that cannot be written.
pub fn run(work: &Work, output: &mut Output) -> Result<Findings> {
    let pending: Vec<LocalDate> =
        work.survey.pending.iter().map(|date| LocalDate::from_calendar(*date)).collect();
    let needed = needed(work, &pending)?;
    if needed.rows == 0 {
        return Ok(Findings::default());
    }
    let data = work.settings.data;
    // without a store in the output folder, since the workers have to reach that anyway
    let folder = JobFolder::create(&data.processed, work.settings.spark.staging(data).as_deref())?;
    let bar = work.progress.spinner("compress", "");
    let mut files = Vec::new();
    for (input, file) in &needed.parquet {
        let path = SparkPath::of(&file.input.location)?;
        files.push(JobFile { input: *input, path, first_row: 0 });
    }
    bar.message("reading CSV for Spark");
    let text = text_parts::write(work, &needed.text, &folder)?;
    let paths: Vec<SparkPath> = text.iter().map(|file| file.path.clone()).collect();
    files.extend(text);
    input_tables::write(work, &pending, &files, &folder)?;
    let job = script::job(work, &pending, &needed, &paths, folder.shared())?;
    job.run(work.settings.spark, &folder, work.progress, &bar)?;
    bar.message("importing the results of Spark");
    let findings = results::import(work, &pending, output, &folder)?;
    visits::import(output, &folder)?;
    bar.finish();
    Ok(findings)
}

fn needed<'a>(work: &Work<'a>, pending: &[LocalDate]) -> Result<Needed<'a>> {
    let pending: BTreeSet<LocalDate> = pending.iter().copied().collect();
    let is_needed = |source: &SurveyedInput| {
        source.groups.iter().any(|group| {
            let mut dates = group.dates.iter().chain(&group.fallback_date);
            group.fallback_date.is_none() || dates.any(|date| pending.contains(date))
        })
    };
    let mut needed = Needed::default();
    for (number, source) in work.survey.inputs.iter().enumerate() {
        if !is_needed(source) {
            continue;
        }
        let file = source.file.as_ref().context("a file that is to be read was not opened")?;
        match file {
            EventFile::Parquet(parquet) => needed.parquet.push((number, parquet)),
            EventFile::Csv(_) => needed.text.push((number, file)),
        }
        needed.rows += source.groups.iter().map(|group| group.rows).sum::<u64>();
    }
    Ok(needed)
}
