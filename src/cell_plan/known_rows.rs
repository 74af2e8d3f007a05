//! Remembers the rows of plan files that were read before. Operators deliver the whole plan for every date, so
//! that reading all files again would cost more each day. The result is the same as that of reading all files.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Float64Array, RecordBatch, StringArray, UInt32Array,
    UInt64Array,
};
use arrow::datatypes::{Date32Type, Float64Type, UInt32Type, UInt64Type};
use chrono_tz::Tz;
use parquet::file::metadata::KeyValue;
use serde::{Deserialize, Serialize};

use super::rejected::Rejected;
use super::rows::CellPlan;
use super::versions::CellVersion;
use crate::config::Columns;
use crate::formats::parquet::{checksum, provenance};
use crate::formats::table;
use crate::storage::inputs::{InputFile, fingerprint};

/// Footer key of what is known of the files.
const FILES: &str = "mobility:plan-files";
/// Changes when the same files would give other rows.
const FORMAT: &str = "plan rows 1";

/// What is known of the files besides their valid rows.
#[derive(Debug, Serialize, Deserialize)]
struct KnownFiles {
    /// Fingerprints of the files, with the settings.
    files: Vec<String>,
    rows: u64,
    cut_to_days: u64,
    rejected: Vec<Rejected>,
    without_validity: Vec<(usize, String)>,
}

impl CellPlan {
    /// Reads the files that are not known from the file `memory`, and takes the rows of the others from there.
    ///
    /// # Errors
    /// As [`CellPlan::read`].
    pub fn read_new(
        memory: &Path,
        files: &[InputFile],
        columns: &Columns,
        zone: Option<Tz>,
    ) -> Result<Self> {
        let settings = format!("{FORMAT} {columns:?} {zone:?}");
        let names: Vec<String> =
            files.iter().map(|file| fingerprint(std::slice::from_ref(file), &settings)).collect();
        let (mut plan, known) = match recall(memory, files, &names) {
            Some(found) => found,
            None => (CellPlan::of(files), vec![false; files.len()]),
        };
        for number in (0..files.len()).filter(|number| !known[*number]) {
            plan.read_file(number, &files[number], columns, zone)?;
        }
        let mut plan = plan.sorted()?;
        plan.unknown = known.contains(&false).then_some(names);
        Ok(plan)
    }

    /// Adds the rows of files that were not known to the file `memory`. The caller holds the lock of its folder.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn remember(&self, memory: &Path) -> Result<()> {
        match &self.unknown {
            Some(names) => remember(memory, self, names),
            None => Ok(()),
        }
    }
}

/// What is known of `files`, which have the fingerprints `names`, and of which of them. `None` if nothing is, or if
/// something is known of other files: what came from them alone cannot be told from the rest.
fn recall(memory: &Path, files: &[InputFile], names: &[String]) -> Option<(CellPlan, Vec<bool>)> {
    let known: KnownFiles = serde_json::from_str(&provenance::entry(memory, FILES)?).ok()?;
    let numbers: HashMap<&str, usize> =
        names.iter().enumerate().map(|(number, name)| (name.as_str(), number)).collect();
    // from the numbers of the files when they were written to those of now
    let now: Vec<usize> = known
        .files
        .iter()
        .map(|name| numbers.get(name.as_str()).copied())
        .collect::<Option<_>>()?;
    if !checksum::is_valid(memory).ok()? {
        return None;
    }
    let batch = table::read(&InputFile::local(memory.to_owned()).ok()?).ok()?;
    let column = |name: &str| batch.column_by_name(name);
    let cells = column("cell_id")?.as_string_opt::<i32>()?;
    let starts = column("valid_date_start")?.as_primitive_opt::<Date32Type>()?;
    let ends = column("valid_date_end")?.as_primitive_opt::<Date32Type>()?;
    let lons = column("longitude")?.as_primitive_opt::<Float64Type>()?;
    let lats = column("latitude")?.as_primitive_opt::<Float64Type>()?;
    let of_files = column("file")?.as_primitive_opt::<UInt32Type>()?;
    let rows = column("row")?.as_primitive_opt::<UInt64Type>()?;
    let mut plan = CellPlan::of(files);
    (plan.rows, plan.cut_to_days) = (known.rows, known.cut_to_days);
    for i in 0..batch.num_rows() {
        let day = |days: &Date32Array| days.is_valid(i).then(|| days.value(i));
        let cell = cells.value(i);
        if lons.is_null(i) {
            plan.bad_coordinates.insert(cell.to_owned());
            continue;
        }
        let version = CellVersion {
            start: day(starts),
            end: day(ends),
            lon: lons.value(i),
            lat: lats.value(i),
        };
        let file = *now.get(of_files.value(i) as usize)?;
        plan.keep(cell, version, file, usize::try_from(rows.value(i)).ok()?);
    }
    for mut rejected in known.rejected {
        rejected.first.0 = *now.get(rejected.first.0)?;
        plan.add_rejected(rejected);
    }
    for (file, message) in known.without_validity {
        plan.without_validity.push((*now.get(file)?, message));
    }
    let mut is_known = vec![false; files.len()];
    now.into_iter().for_each(|number| is_known[number] = true);
    Some((plan, is_known))
}

/// Writes what is known of the files. Ids with invalid coordinates are rows without coordinates.
fn remember(memory: &Path, plan: &CellPlan, names: &[String]) -> Result<()> {
    let bad = &plan.bad_coordinates;
    let valid = || plan.valid.iter();
    let cells = valid().map(|row| &row.cell).chain(bad);
    let dates = |of: fn(&CellVersion) -> Option<i32>| {
        Date32Array::from_iter(valid().map(|row| of(&row.version)).chain(nulls(bad.len())))
    };
    let degrees = |of: fn(&CellVersion) -> f64| {
        Float64Array::from_iter(valid().map(|row| Some(of(&row.version))).chain(nulls(bad.len())))
    };
    let file = valid().map(|row| u32::try_from(row.file).ok()).chain(nulls(bad.len()));
    let row = valid().map(|row| Some(row.row as u64)).chain(nulls(bad.len()));
    let columns: [(&str, ArrayRef); 7] = [
        ("cell_id", Arc::new(StringArray::from_iter_values(cells))),
        ("valid_date_start", Arc::new(dates(|version| version.start))),
        ("valid_date_end", Arc::new(dates(|version| version.end))),
        ("longitude", Arc::new(degrees(|version| version.lon))),
        ("latitude", Arc::new(degrees(|version| version.lat))),
        ("file", Arc::new(UInt32Array::from_iter(file))),
        ("row", Arc::new(UInt64Array::from_iter(row))),
    ];
    let columns = columns.map(|(name, column)| (name, column, name != "cell_id"));
    let batch = RecordBatch::try_from_iter_with_nullable(columns)?;
    let known = KnownFiles {
        files: names.to_vec(),
        rows: plan.rows,
        cut_to_days: plan.cut_to_days,
        rejected: plan.rejected.clone(),
        without_validity: plan.without_validity.clone(),
    };
    let known = KeyValue::new(FILES.to_owned(), serde_json::to_string(&known)?);
    table::write(memory, &batch, vec![known, checksum::placeholder()])
        .context("the rows of the cell plan cannot be kept for the next run")
}

fn nulls<T>(count: usize) -> impl Iterator<Item = Option<T>> {
    (0..count).map(|_| None)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    /// Writes a plan of rows (cell, start, longitude) and returns the file.
    fn write(folder: &Path, number: usize, rows: &[(u8, u8, u8)]) -> InputFile {
        let path: PathBuf = folder.join(format!("plan-{number}.csv"));
        let mut text = "cell_id,latitude,longitude,valid_date_start\n".to_owned();
        for (cell, start, lon) in rows {
            let cell = match cell {
                0 => String::new(),
                cell => format!("c{cell}"),
            };
            let start = match start {
                0 => "never".to_owned(),
                1 => String::new(),
                start => format!("2024-10-0{start} 12:00:00"),
            };
            let lon = if *lon == 0 { "x".to_owned() } else { lon.to_string() };
            text.push_str(&format!("{cell},58,{lon},{start}\n"));
        }
        fs::write(&path, text).unwrap();
        InputFile::local(path).unwrap()
    }

    fn described(plan: Result<CellPlan>) -> String {
        match plan {
            Ok(plan) => format!("{plan:?} {:?}", plan.rejected()),
            Err(error) => format!("{error:#}"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn files_in_any_order_of_arrival_give_the_plan_of_all_of_them(
            contents in prop::collection::vec(
                prop::collection::vec((0u8..4, 0u8..4, 0u8..4), 0..6), 1..5),
            arrivals in prop::collection::vec(0usize..5, 1..6),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let memory = folder.path().join("memory.parquet");
            let all: Vec<InputFile> = contents
                .iter()
                .enumerate()
                .map(|(number, rows)| write(folder.path(), number, rows))
                .collect();
            let columns = Columns::default();
            let mut there = vec![false; all.len()];
            for arrival in arrivals {
                // a file comes, or goes
                let number = arrival % all.len();
                there[number] = !there[number];
                let files: Vec<InputFile> = all
                    .iter()
                    .zip(&there)
                    .filter(|(_, there)| **there)
                    .map(|(file, _)| file.clone())
                    .collect();
                let found = CellPlan::read_new(&memory, &files, &columns, None).map(|mut plan| {
                    plan.remember(&memory).unwrap();
                    plan.unknown = None;
                    plan
                });
                prop_assert_eq!(described(found), described(CellPlan::read(&files, &columns, None)));
            }
        }
    }

    #[test]
    fn known_file_is_not_opened_and_a_damaged_memory_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let memory = folder.path().join("memory.parquet");
        let files = [write(folder.path(), 1, &[(1, 2, 1)]), write(folder.path(), 2, &[(2, 2, 1)])];
        let columns = Columns::default();
        let read = || {
            let plan = CellPlan::read_new(&memory, &files, &columns, None).unwrap();
            plan.remember(&memory).unwrap();
            plan.cells().count()
        };
        assert_eq!(read(), 2);
        let second = folder.path().join("plan-2.csv");
        let aside = folder.path().join("aside");
        fs::rename(&second, &aside).unwrap();
        assert_eq!(read(), 2);
        fs::rename(&aside, &second).unwrap();
        let mut bytes = fs::read(&memory).unwrap();
        let middle = bytes.iter().position(|byte| *byte == b'c').unwrap();
        bytes[middle] = b'd';
        fs::write(&memory, bytes).unwrap();
        assert_eq!(read(), 2);
        assert!(checksum::is_valid(&memory).unwrap());
    }
}
