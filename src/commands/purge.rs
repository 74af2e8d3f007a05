//! `mobility purge`.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use chrono::NaiveDate;

use super::record::{no_inputs, with_record};
use super::{Session, print};
use crate::cli::Purge;
use crate::domain::numbers::{counted, grouped};
use crate::errors::UsageError;
use crate::progress::StageReport;
use crate::stages::purge;
use crate::stages::purge::Expired;
use crate::storage::sync::Outputs;
use crate::warehouse::{ExpiredRows, Warehouse};

pub fn run(session: &Session, args: &Purge) -> Result<()> {
    let (_, warehouse) = session.warehouse()?;
    let before = args.before;
    let found = purge::find((&session.config).into(), before)?;
    let rows = warehouse.expired(before)?;
    if !session.quiet || args.dry_run {
        print(&report(before, &found, &rows, warehouse.as_ref()))?;
    }
    if args.dry_run {
        return Ok(());
    }
    if !args.yes {
        confirm(before)?;
    }
    with_record(session, no_inputs, |outputs| {
        session.stage("purge", || remove(session, before, warehouse.as_ref(), outputs))
    })
}

/// Removes everything, and searches again.
fn remove(
    session: &Session,
    before: NaiveDate,
    warehouse: &dyn Warehouse,
    outputs: &Outputs,
) -> Result<StageReport> {
    let started = Instant::now();
    let settings = (&session.config).into();
    // what a store downloaded can differ from what was found before
    let rows = warehouse.expired(before)?;
    let found = purge::run(settings, before)?;
    warehouse.purge(before, &session.progress)?;
    outputs.upload(&session.progress)?;
    let left = purge::find(settings, before)?;
    let left_rows = warehouse.expired(before)?;
    let left_objects = outputs.dates_before(before)?;
    if !left.mixed_copies.is_empty() {
        bail!(
            "all rows before {before} are removed but those in {} of raw files with rows of later dates, \
             the first is {}; remove or split it, and run again",
            copies(left.mixed_copies.len()),
            left.mixed_copies[0].display()
        );
    }
    if !left.is_empty() || !left_rows.is_empty() || !left_objects.is_empty() {
        bail!(
            "dates before {before} are left: {}; run again",
            report(before, &left, &left_rows, warehouse).trim_end().replace('\n', "; ")
        );
    }
    Ok(StageReport {
        stage: "purge",
        rows_in: rows.rows + found.quality_rows,
        rows_out: 0,
        bytes_in: 0,
        elapsed: started.elapsed(),
        skipped: found.is_empty() && rows.is_empty(),
        notes: notes(before, &found, &rows),
        standing_notes: Vec::new(),
    })
}

/// What was removed, for the record of the run.
fn notes(before: NaiveDate, found: &Expired, rows: &ExpiredRows) -> Vec<String> {
    let dates: BTreeSet<NaiveDate> = found.dates.union(&rows.dates).copied().collect();
    let mut notes = vec![format!(
        "removed all before {before}: {}{}, {} of outputs, {} of raw files, {} of the warehouse; a search \
         found none left",
        counted(dates.len() as u64, "date"),
        span(&dates),
        counted(found.files, "file"),
        copies(found.copies.len()),
        counted(rows.rows, "row"),
    )];
    notes.extend(foreign(&found.foreign));
    notes
}

fn copies(count: usize) -> String {
    match count {
        1 => "1 copy".to_owned(),
        count => format!("{} copies", grouped(count as u64)),
    }
}

/// ` (2024-10-01 to 2024-10-03)`
fn span(dates: &BTreeSet<NaiveDate>) -> String {
    match (dates.first(), dates.last()) {
        (Some(first), Some(last)) if first == last => format!(" ({first})"),
        (Some(first), Some(last)) => format!(" ({first} to {last})"),
        _ => String::new(),
    }
}

/// A reminder of the inputs that this program does not own.
fn foreign(paths: &[PathBuf]) -> Option<String> {
    let first = paths.first()?;
    Some(format!(
        "{} with rows of these dates {} not made by mobility extract and stay, the first is {}; whoever \
         provides them has to remove them. They are left out of everything that is computed",
        counted(paths.len() as u64, "input file"),
        if paths.len() == 1 { "was" } else { "were" },
        first.display()
    ))
}

/// What a purge removes, one line each.
fn report(
    before: NaiveDate,
    found: &Expired,
    rows: &ExpiredRows,
    warehouse: &dyn Warehouse,
) -> String {
    let mut lines = vec![
        format!(
            "outputs     {}{}, {}",
            counted(found.dates.len() as u64, "date"),
            span(&found.dates),
            counted(found.files, "file")
        ),
        format!("raw files   {}", copies(found.copies.len())),
    ];
    let list = |what: &str, paths: &[PathBuf]| -> Vec<String> {
        let line = |path: &PathBuf| format!("            {what}{}", Path::display(path));
        paths.iter().map(line).collect()
    };
    lines.extend(list("", &found.copies));
    lines.extend(list("stays, with rows of later dates: ", &found.mixed_copies));
    lines.push(format!(
        "warehouse   {}{}, {} in {}",
        counted(rows.dates.len() as u64, "date"),
        span(&rows.dates),
        counted(rows.rows, "row"),
        warehouse.location()
    ));
    lines.extend(foreign(&found.foreign).map(|text| format!("inputs      {text}")));
    format!("before {before}:\n{}\n", lines.join("\n"))
}

/// Asks on a terminal.
fn confirm(before: NaiveDate) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        return Err(anyhow!(UsageError(format!(
            "nothing was removed: --yes confirms the removal of all dates before {before}, and --dry-run \
             lists them"
        ))));
    }
    eprint!("Remove all dates before {before}? They cannot be restored. [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("nothing was removed");
    }
    Ok(())
}
