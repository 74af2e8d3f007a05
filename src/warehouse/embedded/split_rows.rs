//! The stored rows of views that are computed as a whole, as views that are computed by period see them: those of
//! some dates, with a fingerprint of the rows themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Date32Type;
use arrow::util::display::array_value_to_string;
use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::Embedded;
use super::parquet_files::read;
use super::stored_results::{Period, StoredResults, shortened};
use crate::views::{NAMED_WINDOW, Split, View};

/// The rows of a small result by the first dates of their periods.
pub struct SplitRows {
    /// The periods with rows, each with a fingerprint of these.
    pub periods: Rc<Vec<Period>>,
    /// The windows that the rows of each period name.
    windows: BTreeMap<NaiveDate, BTreeSet<NaiveDate>>,
}

impl SplitRows {
    /// Reads a result, which is in `folder`.
    ///
    /// # Errors
    /// A result that is missing or cannot be read.
    pub fn read(folder: &Path, view: &View, split: &Split) -> Result<Self> {
        let results = StoredResults::read(folder, &view.view);
        let piece = results.current.first();
        let piece = piece.with_context(|| format!("{} has no stored result", view.place()))?;
        let rows = read(&folder.join(&view.view).join(&piece.file), piece.range)?;
        let schema = rows.schema();
        let rows = concat_batches(&schema, &rows.collect::<Result<Vec<_>, _>>()?)?;
        let starts = dates(&rows, &split.column);
        let starts = starts.with_context(|| format!("{}: no dates of periods", view.place()))?;
        let named = dates(&rows, NAMED_WINDOW).unwrap_or_default();
        let mut windows: BTreeMap<NaiveDate, BTreeSet<NaiveDate>> = BTreeMap::new();
        for (start, window) in starts.iter().zip(named) {
            if let (Some(start), Some(window)) = (start, window) {
                windows.entry(*start).or_default().insert(window);
            }
        }
        Ok(SplitRows { periods: Rc::new(periods(&rows, &starts, split)?), windows })
    }

    /// The windows that the rows seen over some dates name.
    pub fn windows(&self, split: &Split, days: (NaiveDate, NaiveDate)) -> BTreeSet<NaiveDate> {
        let (first, last) = split.periods(days);
        self.windows.range(first..=last).flat_map(|(_, windows)| windows).copied().collect()
    }
}

fn periods(rows: &RecordBatch, starts: &[Option<NaiveDate>], split: &Split) -> Result<Vec<Period>> {
    let mut hashes: BTreeMap<NaiveDate, Sha256> = BTreeMap::new();
    for (row, start) in starts.iter().enumerate() {
        let Some(start) = start else { continue };
        let hash = hashes.entry(*start).or_default();
        for column in rows.columns() {
            hash.update(format!("{:?}\n", array_value_to_string(column, row)?));
            hash.update([u8::from(column.is_null(row))]);
        }
    }
    let period = |(start, hash): (NaiveDate, Sha256)| Period {
        start: Some(start),
        fingerprint: shortened(hash),
        reads: Some((start, split.unit.end(start))),
    };
    Ok(hashes.into_iter().map(period).collect())
}

impl Embedded {
    /// The windows that a view reads of other views for some dates; `None` if they are those with these dates.
    ///
    /// # Errors
    /// As [`SplitRows::read`].
    pub(super) fn named_windows(
        &self,
        view: &View,
        folder: &Path,
        days: (NaiveDate, NaiveDate),
    ) -> Result<Option<BTreeSet<NaiveDate>>> {
        match self.naming(view) {
            Some((named, split)) => {
                Ok(Some(SplitRows::read(folder, named, split)?.windows(split, days)))
            }
            None => Ok(None),
        }
    }

    /// The view that names the windows which a view reads.
    pub(super) fn naming(&self, view: &View) -> Option<(&View, &Split)> {
        let named = self.views.by_sql_name(view.windows.as_ref()?)?;
        Some((named, named.split.as_ref()?))
    }
}

/// The values of a column of dates.
fn dates(rows: &RecordBatch, column: &str) -> Option<Vec<Option<NaiveDate>>> {
    let values = rows.column_by_name(column)?.as_primitive_opt::<Date32Type>()?;
    Some(values.iter().map(|day| day.and_then(NaiveDate::from_epoch_days)).collect())
}
