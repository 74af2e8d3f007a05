//! What there is to load, and how to tell whether it was loaded before.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::ids::push_hex;
use crate::io::{presence, seal};

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// Hourly presence of one date as it lies on disk.
pub struct Day {
    pub date: NaiveDate,
    pub files: Vec<PathBuf>,
    /// Changes when the files do, by the checksums that they state: days that were loaded before are
    /// not read.
    pub mark: String,
}

/// The dates in the folder of compressed events.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn days(folder: &Path) -> Result<Vec<Day>> {
    let mut days: Vec<Day> = Vec::new();
    for of_day in presence::files(folder)?.chunk_by(|a, b| a.date == b.date) {
        let mut hash = Sha256::new();
        for file in of_day {
            // one that is not sealed is refused before it is loaded
            hash.update(seal::stated(&file.path).unwrap_or_default());
            hash.update("\n");
        }
        let mut mark = String::new();
        push_hex(&hash.finalize(), &mut mark);
        let files = of_day.iter().map(|file| file.path.clone()).collect();
        days.push(Day { date: of_day[0].date, files, mark });
    }
    Ok(days)
}

/// Changes when the rows in the files do: a hash over their pages, but not over their footers, which
/// name all inputs of the run that wrote them.
///
/// # Errors
/// A file that cannot be read.
pub fn mark(files: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    for path in files {
        let context = || format!("{}", path.display());
        let mut file = File::open(path).with_context(context)?;
        let whole = file.metadata().with_context(context)?.len();
        let mut tail = [0u8; 8];
        file.seek(SeekFrom::End(-8))
            .and_then(|_| file.read_exact(&mut tail))
            .with_context(context)?;
        let footer = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
        let pages = whole.saturating_sub(8 + u64::from(footer));
        file.rewind().with_context(context)?;
        let mut buffer = vec![0; CHUNK];
        let mut rest = file.take(pages);
        loop {
            let read = rest.read(&mut buffer).with_context(context)?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
        }
        hash.update(pages.to_le_bytes());
    }
    let mut text = String::new();
    push_hex(&hash.finalize(), &mut text);
    Ok(text)
}
