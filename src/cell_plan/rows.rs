//! Reads the rows of all files of the cell plan and rejects invalid ones.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use chrono_tz::Tz;

use super::dates::{Bound, DayColumn, NotADay};
use super::rejected::{Reject, Rejected};
use super::versions::{CellVersion, VersionBits};
use crate::config::Columns;
use crate::domain::ids::{MAX_ID_BYTES, beginning, has_nul};
use crate::domain::null_words::NullWords;
use crate::domain::numbers::counted;
use crate::errors::missing_columns;
use crate::formats::{csv, table};
use crate::storage::Location;
use crate::storage::inputs::InputFile;

/// Characters of a date that a message quotes at most.
const MAX_QUOTED: usize = 40;
/// The configuration key of the column of cell ids.
const CELL_KEY: &str = "columns.plan_cell_id";
/// Memory for the ids of a file, if all were as long as the longest.
const MAX_ID_MEMORY: usize = 1 << 30;

/// A version of a cell, and the row it was read from.
#[derive(Debug, Clone)]
pub struct PlanRow {
    /// Cell id as canonical text.
    pub cell: String,
    pub version: CellVersion,
    /// Index into [`CellPlan::files`].
    pub file: usize,
    /// Row number in the file, from 1.
    pub row: usize,
}

/// All valid rows, by cell id. Of equal rows only the first is kept: a plan of every date mostly repeats
/// that of the date before.
#[derive(Debug, Default)]
pub struct CellPlan {
    pub(super) valid: Vec<PlanRow>,
    /// The versions of each cell so far, each with its position in `valid`.
    known: HashMap<String, HashMap<VersionBits, usize>>,
    pub files: Vec<Location>,
    pub rows: u64,
    pub(super) rejected: Vec<Rejected>,
    /// Number of validity dates with a time of day, which was dropped.
    pub cut_to_days: u64,
    /// Ids of cells with invalid coordinates in at least one row.
    pub bad_coordinates: BTreeSet<String>,
    /// Files that lack columns of validity which are configured, by their index, with the message.
    pub(super) without_validity: Vec<(usize, String)>,
    /// Fingerprints of all files, if any of them was not known before.
    pub(super) unknown: Option<Vec<String>>,
}

impl CellPlan {
    /// Reads all files. `zone` is the one in which instants of validity become days.
    ///
    /// # Errors
    /// A file that cannot be read or lacks a column; files without any valid row.
    pub fn read(files: &[InputFile], columns: &Columns, zone: Option<Tz>) -> Result<Self> {
        let mut plan = CellPlan::of(files);
        for (number, file) in files.iter().enumerate() {
            plan.read_file(number, file, columns, zone)?;
        }
        plan.sorted()
    }

    /// A plan of files of which none has been read.
    pub(super) fn of(files: &[InputFile]) -> Self {
        let files = files.iter().map(|file| file.location.clone()).collect();
        CellPlan { files, ..CellPlan::default() }
    }

    /// Reads one of the files.
    pub(super) fn read_file(
        &mut self,
        number: usize,
        file: &InputFile,
        columns: &Columns,
        zone: Option<Tz>,
    ) -> Result<()> {
        let place = || format!("cell plan {}", file.location);
        let table = table::read_columns_of(file, &wanted_columns(columns)).with_context(place)?;
        // writers do not know the types of columns without values
        if table.num_rows() == 0 && !csv::is_csv(&file.location) {
            return Ok(());
        }
        let missing = without_validity(&table, columns, &place());
        self.without_validity.extend(missing.into_iter().map(|message| (number, message)));
        let table = PlanColumns::new(&table, columns, zone).with_context(place)?;
        self.add(number, &table);
        Ok(())
    }

    /// The plan after all files were read, in whatever order: rows by cell, and of each cell by file and row.
    ///
    /// # Errors
    /// Files without any valid row.
    pub(super) fn sorted(mut self) -> Result<Self> {
        self.rejected.sort_by_key(|rejected| rejected.first);
        self.without_validity.sort_by_key(|(file, _)| *file);
        if self.valid.is_empty() {
            let why = self.rejected().join("; ");
            let why = if why.is_empty() { "the files have no rows".to_owned() } else { why };
            bail!("cell plan: none of {} is valid: {why}", counted(self.rows, "row"));
        }
        self.known = HashMap::new();
        self.valid.sort_by(|a, b| {
            let ids = beginning(&a.cell).cmp(&beginning(&b.cell)).then_with(|| a.cell.cmp(&b.cell));
            ids.then_with(|| (a.file, a.row).cmp(&(b.file, b.row)))
        });
        Ok(self)
    }

    /// The rows of each cell, in byte order of their ids.
    pub fn cells(&self) -> impl Iterator<Item = &[PlanRow]> {
        self.valid.chunk_by(|a, b| a.cell == b.cell)
    }

    fn add(&mut self, file: usize, table: &PlanColumns) {
        for i in 0..table.rows {
            self.rows += 1;
            self.cut_to_days +=
                u64::from(table.start.has_time_of_day(i)) + u64::from(table.end.has_time_of_day(i));
            match table.row(i) {
                Ok((cell, version)) => self.keep(cell, version, file, i + 1),
                Err(reject) => {
                    if matches!(
                        reject,
                        Reject::NoCoordinates | Reject::OutOfRange | Reject::NullIsland
                    ) {
                        self.bad_coordinates
                            .insert(table.cells.as_string::<i32>().value(i).to_owned());
                    }
                    let text = table.start.invalid_text(i).or(table.end.invalid_text(i));
                    self.reject(reject, file, i + 1, text.filter(|_| reject == Reject::BadDate));
                }
            }
        }
    }

    /// Keeps a row; of equal ones that of the first file.
    pub(super) fn keep(&mut self, cell: &str, version: CellVersion, file: usize, row: usize) {
        let bits = version.bits();
        if let Some(position) = self.known.get(cell).and_then(|versions| versions.get(&bits)) {
            let kept = &mut self.valid[*position];
            if (file, row) < (kept.file, kept.row) {
                (kept.file, kept.row) = (file, row);
            }
            return;
        }
        let versions = match self.known.get_mut(cell) {
            Some(versions) => versions,
            None => self.known.entry(cell.to_owned()).or_default(),
        };
        versions.insert(bits, self.valid.len());
        self.valid.push(PlanRow { cell: cell.to_owned(), version, file, row });
    }

    fn reject(&mut self, reason: Reject, file: usize, row: usize, text: Option<&str>) {
        let text = text.map(|text| text.chars().take(MAX_QUOTED).collect());
        self.add_rejected(Rejected { reason, rows: 1, first: (file, row), text });
    }

    pub(super) fn add_rejected(&mut self, more: Rejected) {
        match self.rejected.iter_mut().find(|known| known.reason == more.reason) {
            Some(known) => known.add(more),
            None => self.rejected.push(more),
        }
    }

    /// Number of rejected rows.
    pub fn rejected_rows(&self) -> u64 {
        self.rejected.iter().map(|rejected| rejected.rows).sum()
    }

    /// One message per reason, which names the first row.
    pub fn rejected(&self) -> Vec<String> {
        self.rejected.iter().map(|rejected| rejected.message(&self.files)).collect()
    }

    /// Messages about columns of validity that are configured and missing.
    pub fn without_validity(&self) -> impl Iterator<Item = &String> {
        self.without_validity.iter().map(|(_, message)| message)
    }

    /// Names a row, for messages.
    pub fn place(&self, row: &PlanRow) -> String {
        format!(
            "{}, row {} (latitude {}, longitude {})",
            self.files[row.file], row.row, row.version.lat, row.version.lon
        )
    }
}

/// Names of the columns that are read, the cell id first.
fn wanted_columns(names: &Columns) -> [&str; 5] {
    let Columns { latitude, longitude, valid_date_start, valid_date_end, .. } = names;
    let cell = names.plan_cell_id.as_ref().unwrap_or(&names.cell_id);
    [cell, latitude, longitude, valid_date_start, valid_date_end]
}

/// Messages about columns of validity that the file lacks although they are configured.
fn without_validity(table: &RecordBatch, names: &Columns, place: &str) -> Vec<String> {
    let usual = Columns::default();
    let columns = [
        (&names.valid_date_start, &usual.valid_date_start, "columns.valid_date_start"),
        (&names.valid_date_end, &usual.valid_date_end, "columns.valid_date_end"),
    ];
    let is_missing = |name: &str, usual: &str| {
        name != usual && table.schema_ref().column_with_name(name).is_none()
    };
    let missing = columns.iter().filter(|(name, usual, _)| is_missing(name, usual));
    missing
        .map(|(name, _, key)| {
            format!(
                "{place} has no column {name:?}, which {key} names; its rows have no such limit"
            )
        })
        .collect()
}

/// The columns of one file, converted.
struct PlanColumns {
    rows: usize,
    cells: ArrayRef,
    lat: ArrayRef,
    lon: ArrayRef,
    start: DayColumn,
    end: DayColumn,
}

impl PlanColumns {
    fn new(table: &RecordBatch, names: &Columns, zone: Option<Tz>) -> Result<Self> {
        let Columns { latitude, longitude, valid_date_start, valid_date_end, .. } = names;
        let nulls = &names.null_values;
        let taken = wanted_columns(names);
        let cell_name = taken[0];
        let present: Vec<&str> =
            table.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        // the key of the plan alone: the events may name the column as configured
        let needed = [
            (cell_name, CELL_KEY),
            (latitude, "columns.latitude"),
            (longitude, "columns.longitude"),
        ];
        if let Some(message) = missing_columns(&needed, &present) {
            bail!(message);
        }
        let column = |name: &str, key| table::column(table, name, key, &taken);
        let days = |name: &String, bound| {
            let column = table::optional_column(table, name)?;
            let column = column.map(without_dictionary).transpose()?;
            DayColumn::new(column.as_ref(), bound, zone, nulls, names.timestamp_format.as_ref())
                .with_context(|| format!("column {name:?}"))
        };
        Ok(PlanColumns {
            rows: table.num_rows(),
            cells: cell_ids(column(cell_name, CELL_KEY)?, nulls)
                .with_context(|| format!("column {cell_name:?}"))?,
            lat: degrees(column(latitude, "columns.latitude")?)
                .with_context(|| format!("column {:?}", names.latitude))?,
            lon: degrees(column(longitude, "columns.longitude")?)
                .with_context(|| format!("column {:?}", names.longitude))?,
            start: days(valid_date_start, Bound::First)?,
            end: days(valid_date_end, Bound::Last)?,
        })
    }

    fn row(&self, i: usize) -> Result<(&str, CellVersion), Reject> {
        let cells = self.cells.as_string::<i32>();
        if cells.is_null(i) || cells.value(i).is_empty() {
            return Err(Reject::NoCell);
        }
        if cells.value(i).len() > MAX_ID_BYTES {
            return Err(Reject::TooLong);
        }
        if has_nul(cells.value(i)) {
            return Err(Reject::WithNul);
        }
        let number = |a: &ArrayRef| {
            let a = a.as_primitive::<Float64Type>();
            (!a.is_null(i) && a.value(i).is_finite()).then(|| a.value(i))
        };
        let (Some(lat), Some(lon)) = (number(&self.lat), number(&self.lon)) else {
            return Err(Reject::NoCoordinates);
        };
        if lat.abs() > 90.0 || lon.abs() > 180.0 {
            return Err(Reject::OutOfRange);
        }
        if lat == 0.0 && lon == 0.0 {
            return Err(Reject::NullIsland);
        }
        let day = |column: &DayColumn| column.day(i).map_err(|NotADay| Reject::BadDate);
        let (start, end) = (day(&self.start)?, day(&self.end)?);
        if start.zip(end).is_some_and(|(s, e)| e < s) {
            return Err(Reject::EndsBeforeStart);
        }
        Ok((cells.value(i), CellVersion { start, end, lon, lat }))
    }
}

/// Cell ids as canonical text, integers in decimal notation; missing ones are null.
fn cell_ids(column: &ArrayRef, nulls: &NullWords) -> Result<ArrayRef> {
    match column.data_type() {
        t if t.is_integer() => {}
        DataType::Decimal32(_, 0)
        | DataType::Decimal64(_, 0)
        | DataType::Decimal128(_, 0)
        | DataType::Decimal256(_, 0) => {}
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(_, _) => {}
        other => bail!(
            "has type {other}; expected an integer or text (floating-point types and decimals with decimal places lose digits: write the column as integers)"
        ),
    }
    // a dictionary has one copy of a long text, which the result would repeat in every row
    if let Some(dictionary) = column.as_any_dictionary_opt() {
        let values = cast(dictionary.values(), &DataType::Utf8)?;
        let longest = values.as_string::<i32>().iter().flatten().map(str::len).max().unwrap_or(0);
        if longest.saturating_mul(column.len()) > MAX_ID_MEMORY {
            bail!("has an id of {longest} bytes, which takes too much memory; is it a cell plan?");
        }
    }
    let text = cast(column, &DataType::Utf8)?;
    let is_id = |id: &&str| !nulls.is_missing(id.as_bytes());
    let ids = text.as_string::<i32>().iter().map(|id| id.filter(is_id));
    Ok(Arc::new(ids.collect::<StringArray>()))
}

/// The values of a column that may be a dictionary.
fn without_dictionary(column: &ArrayRef) -> Result<ArrayRef> {
    Ok(match column.data_type() {
        DataType::Dictionary(_, value) => cast(column, value)?,
        _ => Arc::clone(column),
    })
}

fn degrees(column: &ArrayRef) -> Result<ArrayRef> {
    let column = &without_dictionary(column)?;
    let text =
        matches!(column.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    if !(column.data_type().is_numeric() || text) {
        bail!("has type {}; expected degrees as a number", column.data_type());
    }
    Ok(cast(column, &DataType::Float64)?)
}
