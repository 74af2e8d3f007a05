//! The retention boundary: dates before it were purged and are not computed again, even if their raw files
//! still exist.
//!
//! It is a file beside the outputs, so that it reaches every machine that shares them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::storage::atomic::write_file;

#[derive(Serialize, Deserialize)]
struct Retention {
    /// The first date that is kept.
    from: NaiveDate,
}

/// The first date that is kept; `None` if no date was ever purged.
///
/// # Errors
/// A file that cannot be read or is damaged: purged dates must not return because of that.
pub fn read(path: &Path) -> Result<Option<NaiveDate>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let retention: Retention = serde_json::from_slice(&text).with_context(|| {
        format!(
            "{} is damaged; write {{\"from\": \"2024-10-01\"}} into it with the first date that is kept",
            path.display()
        )
    })?;
    Ok(Some(retention.from))
}

/// Moves the boundary to `from`, but never back. Returns the boundary.
///
/// # Errors
/// A boundary that is damaged; a folder that cannot be written.
pub fn advance(path: &Path, from: NaiveDate) -> Result<NaiveDate> {
    let before = read(path)?;
    let from = before.map_or(from, |before| before.max(from));
    if before != Some(from) {
        write_file(path, &serde_json::to_vec_pretty(&Retention { from })?)?;
    }
    Ok(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_never_moves_back_and_is_not_ignored_if_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("retention.json");
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(read(&path).unwrap(), None);
        assert_eq!(advance(&path, date("2024-10-02")).unwrap(), date("2024-10-02"));
        assert_eq!(advance(&path, date("2024-10-01")).unwrap(), date("2024-10-02"));
        assert_eq!(read(&path).unwrap(), Some(date("2024-10-02")));
        fs::write(&path, "{}").unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains("is damaged") && error.contains("\"from\""), "{error}");
    }
}
