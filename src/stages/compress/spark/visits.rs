//! The visits that Spark found become files of visits of their dates.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::datasets::presence;
use crate::domain::site::Site;
use crate::domain::time::LocalDate;
use crate::movement::Visit;
use crate::runtime::parallel::in_chunks;
use crate::spark::JobFolder;
use crate::stages::compress::output::Output;
use crate::stages::compress::visits_file::VisitsFile;

/// Fewest files for which a thread is started.
const FILES_PER_THREAD: usize = 1;

/// Writes the visits of all dates. The files are in the order of users, and have the same visits as those of the
/// native engine.
///
/// # Errors
/// A missing table; a folder that cannot be written.
pub fn import(output: &Output, folder: &JobFolder) -> Result<()> {
    let files = presence::files(&folder.fetch("visits")?)?;
    let mut all = Vec::new();
    for of_date in files.chunk_by(|a, b| a.date == b.date) {
        let date = LocalDate::from_calendar(of_date[0].date);
        all.extend((0..).zip(of_date).map(|(number, file)| (date, number, file.path.as_path())));
    }
    in_chunks(&all, FILES_PER_THREAD, |files| {
        let write = |(date, number, path): &(LocalDate, usize, &Path)| {
            let context = || format!("results of Spark in {}", path.display());
            copy(path, output.visits_file(*date, *number)?).with_context(context)
        };
        files.iter().map(write).collect::<Result<Vec<()>>>()
    })
    .map(drop)
}

fn copy(from: &Path, mut to: VisitsFile) -> Result<()> {
    let (mut user, mut visits) = (String::new(), Vec::new());
    for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(from)?)?.build()? {
        let batch = batch?;
        let column = |name: &str| batch.column_by_name(name).context("missing column");
        let numbers = |name: &str| {
            column(name)?.as_primitive_opt::<Int64Type>().context("unexpected column type")
        };
        let users = column("user_id")?.as_string_opt::<i32>().context("unexpected column type")?;
        let (sites, events) = (numbers("site")?, numbers("events")?);
        let (first, last) = (numbers("first_us")?, numbers("last_us")?);
        for row in 0..batch.num_rows() {
            if users.value(row) != user {
                to.add(&user, &visits)?;
                visits.clear();
                user.clear();
                user.push_str(users.value(row));
            }
            visits.push(Visit {
                site: Site::from_number(sites.value(row)),
                first_us: first.value(row),
                last_us: last.value(row),
                events: events.value(row).try_into()?,
                longest_gap_us: 0,
            });
        }
    }
    to.add(&user, &visits)?;
    to.finish()
}
