//! What a Parquet file of ours was made from, kept in its own footer, so that file and statement
//! cannot come apart.

use std::path::Path;

use anyhow::Result;
use parquet::file::metadata::KeyValue;

use super::{checksum, footer};

const INPUTS: &str = "mobility:inputs";
const NOTES: &str = "mobility:notes";

/// A file's own account of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFrom {
    /// Fingerprint of inputs and settings.
    pub inputs: String,
    pub rows: u64,
    /// What was noticed when it was made.
    pub notes: Vec<String>,
}

/// Footer entries for a new file, which is to be sealed when it is complete.
///
/// # Errors
/// None in practice: notes are text.
pub fn entries(inputs: &str, notes: &[String]) -> Result<Vec<KeyValue>> {
    Ok(vec![
        KeyValue::new(INPUTS.to_owned(), inputs.to_owned()),
        KeyValue::new(NOTES.to_owned(), serde_json::to_string(notes)?),
        checksum::entry(),
    ])
}

/// One entry of a file's footer; `None` where there is no whole file, or no such entry.
pub fn entry(path: &Path, key: &str) -> Option<String> {
    let file = std::fs::File::open(path).ok()?;
    let metadata = footer::read(&file).ok()?;
    let entries = metadata.metadata().file_metadata().key_value_metadata()?;
    entries.iter().find(|e| e.key == key)?.value.clone()
}

/// Reads a file's account; `None` where there is no whole file of ours.
pub fn made_from(path: &Path) -> Option<MadeFrom> {
    let file = std::fs::File::open(path).ok()?;
    let metadata = footer::read(&file).ok()?;
    let footer = metadata.metadata().file_metadata();
    let entry = |key: &str| {
        let entries = footer.key_value_metadata()?;
        entries.iter().find(|e| e.key == key)?.value.clone()
    };
    let notes = entry(NOTES).and_then(|n| serde_json::from_str(&n).ok()).unwrap_or_default();
    Some(MadeFrom { inputs: entry(INPUTS)?, rows: footer.num_rows().max(0) as u64, notes })
}
