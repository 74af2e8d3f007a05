//! Raw events in canonical form, including unusable rows, as `mobile_events_uncompressed` shows them.

use std::path::PathBuf;

use anyhow::{Context, Result};
use arrow::array::{
    Array, ArrayRef, AsArray, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use chrono::NaiveTime;
use chrono_tz::Tz;

use super::file::{self, EventFile};
use super::retention;
use crate::config::{Columns, Config};
use crate::domain::ids::{MAX_ID_BYTES, UserKey, has_nul, user_key_of_text, user_text};
use crate::domain::null_words::NullWords;
use crate::domain::time::EventTime;
use crate::domain::time::columns::Times;
use crate::storage::inputs::{InputFile, fingerprint};

/// Where the raw event files are and how they are read.
#[derive(Debug, Clone)]
pub struct RawEvents {
    /// Files, folders, globs or URLs.
    pub paths: Vec<String>,
    pub columns: Columns,
    /// The zone whose local time is shown; `None` if time stamps are local already.
    pub zone: Option<Tz>,
    /// Name of the zone in the config.
    zone_name: Option<String>,
    /// The file with the first date that was not purged; a server reads it again for every query.
    retention: PathBuf,
}

impl RawEvents {
    pub fn new(config: &Config) -> Self {
        RawEvents {
            paths: config.data.events.clone(),
            columns: config.columns.clone(),
            zone: config.time.tz(),
            zone_name: config.time.zone.clone(),
            retention: config.data.retention(),
        }
    }

    /// Lists the event files.
    ///
    /// # Errors
    /// A path that does not exist or contains no event file.
    pub fn inputs(&self) -> Result<Vec<InputFile>> {
        let listed = file::list_files(&self.paths);
        let listed = listed.context("mobile_events_uncompressed is read from the raw files")?;
        Ok(listed.files)
    }

    /// Opens event files and checks their columns.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn open(&self, inputs: Vec<InputFile>) -> Result<Vec<EventFile>> {
        file::open(&self.columns, inputs)
    }

    /// Fingerprint of the files and of the settings by which they are read.
    ///
    /// # Errors
    /// As [`retention::read`].
    pub fn fingerprint(&self, inputs: &[InputFile]) -> Result<String> {
        let mut settings = format!("raw {} {:?}", self.columns.of_events(), self.zone_name);
        if let Some(from_us) = self.retained_from_us()? {
            settings.push_str(&format!(" from {from_us}"));
        }
        Ok(fingerprint(inputs, &settings))
    }

    /// The first local time stamp that was not purged, µs; earlier rows are left out.
    ///
    /// # Errors
    /// As [`retention::read`].
    pub fn retained_from_us(&self) -> Result<Option<i64>> {
        let from = retention::read(&self.retention)?;
        Ok(from.map(|date| date.and_time(NaiveTime::MIN).and_utc().timestamp_micros()))
    }
}

/// Canonical user ids; null for those that are missing, longer than any usable one, or have a NUL.
///
/// # Errors
/// A type that is not valid in event files.
pub fn user_ids(column: &ArrayRef, nulls: &NullWords) -> Result<StringArray> {
    let mut out = StringBuilder::new();
    let mut scratch = Vec::new();
    let usable = |key: &UserKey| key.is_usable();
    let mut push = |key: Option<UserKey>| out.append_option(key.filter(usable).map(user_text));
    match column.data_type() {
        DataType::FixedSizeBinary(_) => {
            column.as_fixed_size_binary().iter().for_each(|id| push(id.map(UserKey::Bytes)));
        }
        DataType::BinaryView => {
            column.as_binary_view().iter().for_each(|id| push(id.map(UserKey::Bytes)));
        }
        _ => {
            let text = cast(column, &DataType::Utf8View)?;
            let is_id = |id: &&str| !nulls.is_missing(id.as_bytes());
            let ids = text.as_string_view().iter().map(|id| id.filter(is_id));
            ids.for_each(|id| push(id.map(|t| user_key_of_text(t, &mut scratch))));
        }
    }
    Ok(out.finish())
}

/// Canonical cell ids, as text; null for those that are missing, longer than any usable one, or have a
/// NUL.
///
/// # Errors
/// A type that is not valid in event files.
pub fn cell_ids(column: &ArrayRef, nulls: &NullWords) -> Result<StringArray> {
    let is_usable = |id: &str| is_usable_cell(id) && !nulls.is_missing(id.as_bytes());
    if let Some(views) = column.as_string_view_opt() {
        // views share one copy of a long text, which the result would repeat in every row
        return Ok(views.iter().map(|id| id.filter(|id| is_usable(id))).collect());
    }
    let text = cast(column, &DataType::Utf8)?;
    let text = text.as_string::<i32>();
    Ok(match text.iter().flatten().all(is_usable) {
        true => text.clone(),
        false => text.iter().map(|id| id.filter(|id| is_usable(id))).collect(),
    })
}

fn is_usable_cell(id: &str) -> bool {
    id.len() <= MAX_ID_BYTES && !has_nul(id)
}

/// Local time stamps; null for those that are missing or unreadable.
///
/// # Errors
/// A type that is not valid in event files.
pub fn timestamps(column: &ArrayRef, times: &mut Times) -> Result<TimestampMicrosecondArray> {
    let mut local = Vec::with_capacity(column.len());
    times.convert(column, &mut local)?;
    Ok(local.into_iter().map(EventTime::us).collect())
}
