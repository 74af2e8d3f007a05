//! The record of what a Parquet file was made from. It is stored in the file's own footer, so that the
//! two cannot diverge.

use std::path::Path;

use anyhow::Result;
use parquet::file::metadata::KeyValue;

use super::{checksum, footer};

const INPUTS: &str = "mobility:inputs";
const NOTES: &str = "mobility:notes";

/// What a file was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Fingerprint of inputs and settings.
    pub inputs: String,
    pub rows: u64,
    /// Messages of the run that wrote the file.
    pub notes: Vec<String>,
}

/// Footer entries for a new file, with the placeholder of its checksum.
///
/// # Errors
/// None in practice: notes are text.
pub fn entries(inputs: &str, notes: &[String]) -> Result<Vec<KeyValue>> {
    Ok(vec![
        KeyValue::new(INPUTS.to_owned(), inputs.to_owned()),
        KeyValue::new(NOTES.to_owned(), serde_json::to_string(notes)?),
        checksum::placeholder(),
    ])
}

/// The value of a footer entry; `None` for an incomplete file or a missing entry.
pub fn entry(path: &Path, key: &str) -> Option<String> {
    let file = std::fs::File::open(path).ok()?;
    let metadata = footer::read(&file).ok()?;
    let entries = metadata.metadata().file_metadata().key_value_metadata()?;
    entries.iter().find(|e| e.key == key)?.value.clone()
}

/// Reads what a file was made from; `None` for an incomplete file or one of another program.
pub fn read(path: &Path) -> Option<Provenance> {
    let file = std::fs::File::open(path).ok()?;
    let metadata = footer::read(&file).ok()?;
    let footer = metadata.metadata().file_metadata();
    let entry = |key: &str| {
        let entries = footer.key_value_metadata()?;
        entries.iter().find(|e| e.key == key)?.value.clone()
    };
    let notes = entry(NOTES).and_then(|n| serde_json::from_str(&n).ok()).unwrap_or_default();
    Some(Provenance { inputs: entry(INPUTS)?, rows: footer.num_rows().max(0) as u64, notes })
}
