//! The rows of hourly presence, user by user.
//!
//! The files of a date hold disjoint ranges of users and are sorted by user, so that the rows of a user on
//! several dates come together without sorting or hashing.

use std::cmp::Ordering;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{
    Array, AsArray, DictionaryArray, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType,
};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::RowGroupMetaData;

use super::Unsuitable;
use super::planned_places::{Place, PlannedPlaces};
use crate::domain::tables::{PLACED_FIRST_SEEN, PLACED_LAST_SEEN, TIMESTAMP, TWO_PLACES_COUNT};
use crate::formats::parquet::footer;

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8_192;
const USER: &str = "user_id";
const CELL: &str = "cell_id";
/// The columns that every computation needs, and those with times.
const COUNTS: [&str; 5] = [USER, CELL, "hour", "event_count", TWO_PLACES_COUNT];
const TIMES: [&str; 4] = ["first_seen", "last_seen", PLACED_FIRST_SEEN, PLACED_LAST_SEEN];

/// A user at a cell in a clock hour, with events that count: at a cell that is valid on the date, and not at
/// two places at once. Times are in local microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Days since 1970.
    pub day: i32,
    /// The column `hour`.
    pub label_us: i64,
    /// The first and the last event; 0 if times are not read.
    pub first_us: i64,
    pub last_us: i64,
    pub events: i64,
    pub place: Place,
}

/// Users from the first id up to, but not including, the second one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserRange {
    pub from: Option<String>,
    pub until: Option<String>,
}

/// The rows of a date that are still to be read.
pub struct DateRows<'a> {
    day: i32,
    plan: &'a PlannedPlaces,
    places: Vec<Option<Place>>,
    users: &'a UserRange,
    with_times: bool,
    /// Files that are not open yet, the last one first.
    files: Vec<PathBuf>,
    reader: Option<ParquetRecordBatchReader>,
    columns: Option<Columns>,
    row: usize,
    /// The user whose rows were taken last.
    last: String,
    /// The cells of the dictionary that was seen last.
    cells: Option<(StringArray, Arc<Vec<Option<Place>>>)>,
}

impl<'a> DateRows<'a> {
    /// Opens the files of a date, in the order of their users.
    ///
    /// # Errors
    /// Files that cannot be read; [`Unsuitable`] for rows in another order or of other types.
    pub fn open(
        (day, files): (i32, Vec<PathBuf>),
        plan: &'a PlannedPlaces,
        users: &'a UserRange,
        with_times: bool,
    ) -> Result<Self> {
        let mut rows = DateRows {
            day,
            plan,
            places: plan.on(day)?,
            users,
            with_times,
            files: files.into_iter().rev().collect(),
            reader: None,
            columns: None,
            row: 0,
            last: String::new(),
            cells: None,
        };
        rows.next_batch()?;
        let mut earlier = Vec::new();
        while let (Some(user), Some(from)) = (rows.first_user(), &users.from)
            && user < from.as_str()
        {
            rows.take(&mut earlier)?;
            earlier.clear();
        }
        Ok(rows)
    }

    /// The user of the next rows; `None` at the end.
    pub fn user(&self) -> Option<&str> {
        let until = self.users.until.as_deref();
        self.first_user().filter(|user| until.is_none_or(|until| *user < until))
    }

    /// The user of the next row, of any range.
    fn first_user(&self) -> Option<&str> {
        self.columns.as_ref().map(|columns| columns.user(self.row))
    }

    /// Adds the rows of the next user that count, and moves on to the user after it.
    ///
    /// # Errors
    /// As [`DateRows::open`].
    pub fn take(&mut self, rows: &mut Vec<Seen>) -> Result<()> {
        let Some(columns) = &self.columns else { return Ok(()) };
        self.last.clear();
        self.last.push_str(columns.user(self.row));
        while let Some(columns) = &self.columns {
            match columns.user(self.row).cmp(&self.last) {
                Ordering::Equal => {
                    self.row += columns.add_rows_of_key(self.row, self.day, rows);
                    if self.row == columns.rows {
                        self.next_batch()?;
                    }
                }
                Ordering::Greater => break,
                Ordering::Less => return Err(Unsuitable.into()),
            }
        }
        Ok(())
    }

    /// Decodes the next rows; there are none left if `columns` is empty afterwards.
    fn next_batch(&mut self) -> Result<()> {
        self.columns = None;
        self.row = 0;
        loop {
            if let Some(batch) = self.reader.as_mut().and_then(Iterator::next) {
                let batch = batch.context("cannot read hourly presence")?;
                if batch.num_rows() > 0 {
                    self.columns = Some(self.decode(&batch)?);
                    return Ok(());
                }
                continue;
            }
            let Some(path) = self.files.pop() else { return Ok(()) };
            self.reader = open(&path, self.users, self.with_times)
                .with_context(|| format!("cannot read {}", path.display()))?;
        }
    }

    fn decode(&mut self, batch: &RecordBatch) -> Result<Columns> {
        let (users, names) = dictionary(batch, USER)?;
        let (cell_keys, ids) = dictionary(batch, CELL)?;
        let is_known =
            |known: &StringArray| known.len() == ids.len() && known.values().ptr_eq(ids.values());
        let cells = match self.cells.take().filter(|(known, _)| is_known(known)) {
            Some((_, cells)) => cells,
            None => {
                let place = |id: Option<&str>| self.places[self.plan.cell(id?)?];
                Arc::new(ids.iter().map(place).collect())
            }
        };
        self.cells = Some((ids, Arc::clone(&cells)));
        let times = match self.with_times {
            true => Some([
                time(batch, "first_seen")?,
                time(batch, "last_seen")?,
                time(batch, PLACED_FIRST_SEEN)?,
                time(batch, PLACED_LAST_SEEN)?,
            ]),
            false => None,
        };
        Ok(Columns {
            rows: batch.num_rows(),
            users,
            names,
            cell_keys,
            cells,
            hours: time(batch, "hour")?,
            counts: count(batch, "event_count")?,
            two_places: count(batch, TWO_PLACES_COUNT)?,
            times,
        })
    }
}

/// Some rows, decoded.
struct Columns {
    rows: usize,
    users: DictionaryArray<Int32Type>,
    names: StringArray,
    cell_keys: DictionaryArray<Int32Type>,
    /// The places of the dictionary of cells.
    cells: Arc<Vec<Option<Place>>>,
    hours: TimestampMicrosecondArray,
    counts: Int64Array,
    two_places: Int64Array,
    /// The first and the last event, and the same of the events that are not at two places at once.
    times: Option<[TimestampMicrosecondArray; 4]>,
}

impl Columns {
    fn user(&self, row: usize) -> &str {
        self.names.value(self.users.keys().value(row) as usize)
    }

    /// Adds the rows with the user of a row, as far as they count; returns the number of all of them.
    fn add_rows_of_key(&self, start: usize, day: i32, rows: &mut Vec<Seen>) -> usize {
        let keys = &self.users.keys().values()[start..];
        let length = keys.iter().take_while(|key| **key == keys[0]).count();
        for row in start..start + length {
            let events = self.counts.value(row) - self.two_places.value(row);
            let place = self.cells[self.cell_keys.keys().value(row) as usize];
            let (Some(place), true) = (place, events > 0) else { continue };
            let (first_us, last_us) = match &self.times {
                Some([first, last, placed_first, placed_last]) => {
                    let either =
                        |placed: &TimestampMicrosecondArray, all: &TimestampMicrosecondArray| {
                            if placed.is_valid(row) { placed.value(row) } else { all.value(row) }
                        };
                    (either(placed_first, first), either(placed_last, last))
                }
                None => (0, 0),
            };
            let label_us = self.hours.value(row);
            rows.push(Seen { day, label_us, first_us, last_us, events, place });
        }
        length
    }
}

/// Calls `work` with each user in order, and the rows of the user on all dates.
///
/// # Errors
/// As [`DateRows::open`].
pub fn each_user(dates: &mut [DateRows], mut work: impl FnMut(&str, &[Seen])) -> Result<()> {
    let (mut name, mut rows) = (String::new(), Vec::new());
    loop {
        let Some(user) = dates.iter().filter_map(DateRows::user).min() else { return Ok(()) };
        name.clear();
        name.push_str(user);
        for date in dates.iter_mut().filter(|date| date.user() == Some(&name)) {
            date.take(&mut rows)?;
        }
        if !rows.is_empty() {
            work(&name, &rows);
        }
        rows.clear();
    }
}

/// Ranges of users in which there are about as many rows: those of the files of a date.
///
/// # Errors
/// A file that cannot be read.
pub fn ranges(files: &[PathBuf]) -> Result<Vec<UserRange>> {
    let mut splits = Vec::new();
    for path in files.iter().skip(1) {
        let context = || format!("cannot read {}", path.display());
        let metadata =
            footer::read(&File::open(path).with_context(context)?).with_context(context)?;
        let column = metadata.schema().index_of(USER).map_err(|_| Unsuitable)?;
        let first = metadata.metadata().row_groups().first();
        splits.extend(first.and_then(|group| bounds(group, column)).map(|(first, _)| first));
    }
    splits.sort_unstable();
    splits.dedup();
    let starts = std::iter::once(None).chain(splits.iter().cloned().map(Some));
    let ends = splits.iter().cloned().map(Some).chain([None]);
    Ok(starts.zip(ends).map(|(from, until)| UserRange { from, until }).collect())
}

/// The bounds of a column of texts in a row group.
fn bounds(group: &RowGroupMetaData, column: usize) -> Option<(String, String)> {
    let statistics = group.column(column).statistics()?;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    Some((text(statistics.min_bytes_opt()?)?, text(statistics.max_bytes_opt()?)?))
}

/// A file, of which the row groups are read that may have users of the range.
fn open(
    path: &Path,
    users: &UserRange,
    with_times: bool,
) -> Result<Option<ParquetRecordBatchReader>> {
    let file = File::open(path)?;
    let metadata = footer::read(&file)?;
    let with_ids = with_dictionaries(metadata.schema());
    let options = ArrowReaderOptions::new().with_schema(with_ids);
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options);
    let metadata = metadata.map_err(|_| Unsuitable)?;
    let user = metadata.schema().index_of(USER).map_err(|_| Unsuitable)?;
    let is_needed = |group: &RowGroupMetaData| {
        bounds(group, user).is_none_or(|(first, last)| {
            users.from.as_ref().is_none_or(|from| last >= *from)
                && users.until.as_ref().is_none_or(|until| first < *until)
        })
    };
    let groups = metadata.metadata().row_groups().iter().enumerate();
    let groups: Vec<usize> =
        groups.filter(|(_, group)| is_needed(group)).map(|(number, _)| number).collect();
    let times = if with_times { &TIMES[..] } else { &[] };
    let columns = COUNTS.iter().chain(times).copied();
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
    let reader = builder
        .with_projection(mask)
        .with_row_groups(groups)
        .with_batch_size(BATCH_ROWS)
        .build()?;
    Ok(Some(reader))
}

/// The schema with ids as dictionaries, which files have in any case.
fn with_dictionaries(schema: &SchemaRef) -> SchemaRef {
    let ids = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let field = |field: &Arc<Field>| match field.name().as_str() {
        USER | CELL => field.as_ref().clone().with_data_type(ids.clone()),
        _ => field.as_ref().clone(),
    };
    let fields: Vec<Field> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new(fields))
}

/// A column of ids, and its dictionary.
fn dictionary(
    batch: &RecordBatch,
    name: &str,
) -> Result<(DictionaryArray<Int32Type>, StringArray)> {
    let column = batch.column_by_name(name).and_then(|c| c.as_dictionary_opt::<Int32Type>());
    let column = column.filter(|column| column.null_count() == 0).ok_or(Unsuitable)?;
    let ids = column.values().as_string_opt::<i32>().ok_or(Unsuitable)?;
    Ok((column.clone(), ids.clone()))
}

fn time(batch: &RecordBatch, name: &str) -> Result<TimestampMicrosecondArray> {
    let column = batch.column_by_name(name).filter(|column| *column.data_type() == TIMESTAMP);
    let column = column.ok_or(Unsuitable)?;
    Ok(column.as_primitive::<TimestampMicrosecondType>().clone())
}

fn count(batch: &RecordBatch, name: &str) -> Result<Int64Array> {
    let column = batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int64Type>());
    Ok(column.ok_or(Unsuitable)?.clone())
}
