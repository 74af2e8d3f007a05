//! What `compress` left about each date: records, and users as sorted digests.

use std::fs;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use chrono::NaiveDate;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::datasets::day_record::{DayRecord, FileRecord};
use crate::domain::ids::hex;

/// A user in a `.users` file.
pub type UserDigest = [u8; 16];

/// Records of the folder, of which only the bytes have been looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// In order of date.
    pub days: Vec<DayFile>,
    /// Rows that belong to no date.
    pub undated: Option<PathBuf>,
    /// Changes when the record of the undated rows does.
    pub undated_mark: String,
}

/// The record of one date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFile {
    pub date: NaiveDate,
    pub path: PathBuf,
    /// Changes when the record does. A record says itself what it was made from, so this stands
    /// for the users as well.
    pub mark: String,
}

/// Lists the records in `folder`; none where there is no such folder.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn list(folder: &Path) -> Result<Records> {
    let mut records = Records { days: Vec::new(), undated: None, undated_mark: String::new() };
    let cannot = || format!("cannot list the folder {}", folder.display());
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(records),
        entries => entries.with_context(cannot)?,
    };
    for entry in entries {
        let path = entry.with_context(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".json").filter(|s| !s.starts_with(['.', '_'])) else {
            continue;
        };
        if stem == "undated" {
            records.undated_mark = mark(&path)?;
            records.undated = Some(path);
        } else if let Ok(date) = stem.parse() {
            let mark = mark(&path)?;
            records.days.push(DayFile { date, path, mark });
        }
    }
    records.days.sort_by_key(|day| day.date);
    Ok(records)
}

fn mark(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(hex(&Sha256::digest(&bytes)))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| {
        format!("{} is damaged; `mobility compress --force` makes it anew", path.display())
    })
}

/// Files of the rows that belong to no date.
///
/// # Errors
/// A record that is damaged.
pub fn undated(records: &Records) -> Result<Vec<FileRecord>> {
    records.undated.as_deref().map_or_else(|| Ok(Vec::new()), read)
}

impl DayFile {
    /// # Errors
    /// A record that is damaged, or of another date than its name says.
    pub fn record(&self) -> Result<DayRecord> {
        let record: DayRecord = read(&self.path)?;
        if record.date != self.date {
            bail!(
                "{} is the record of {}; `mobility compress --force` puts it right",
                self.path.display(),
                record.date
            );
        }
        Ok(record)
    }

    /// The users of the date, ascending.
    ///
    /// # Errors
    /// A file that is not there.
    pub fn users(&self) -> Result<Users> {
        let path = self.path.with_extension("users");
        let file = fs::File::open(&path).with_context(|| {
            format!("cannot read {}; `mobility compress --force` makes it anew", path.display())
        })?;
        Ok(Users { file: BufReader::with_capacity(1 << 18, file), path, last: None, count: 0 })
    }
}

/// Users of one date, read one after the other.
pub struct Users {
    file: BufReader<fs::File>,
    path: PathBuf,
    last: Option<UserDigest>,
    /// Users read so far.
    pub count: u64,
}

impl Users {
    /// The next user; `None` at the end.
    ///
    /// # Errors
    /// A file that was cut off or is not in order.
    pub fn next_user(&mut self) -> Result<Option<UserDigest>> {
        let mut user = UserDigest::default();
        let damaged = |what: &str| {
            format!("{} {what}; `mobility compress --force` makes it anew", self.path.display())
        };
        let mut filled = 0;
        while filled < user.len() {
            match self.file.read(&mut user[filled..]).with_context(|| damaged("cannot be read"))? {
                0 if filled == 0 => return Ok(None),
                0 => bail!(damaged("is cut off")),
                more => filled += more,
            }
        }
        ensure!(self.last.is_none_or(|last| last < user), damaged("is not in order"));
        self.last = Some(user);
        self.count += 1;
        Ok(Some(user))
    }
}
