//! Lists of the files of a version: where they are, and how they are read.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::datasets::file_list::{FileList, ListedFile};
use crate::datasets::presence::{files, folder_name};
use crate::domain::tables::Table;

/// The list in the folder of a version.
pub const LIST: &str = "files.json";
/// The folder of the files of all versions, relative to that of a version, as names in a list begin.
pub const SHARED: &str = "../tables/";
/// The folder of hourly presence in the folder of a version of an earlier version of the program.
const EVENTS: &str = "mobile_events_compressed";

/// The path of a listed file.
pub fn resolved(folder: &Path, name: &str) -> PathBuf {
    match (name.strip_prefix(SHARED), folder.parent()) {
        (Some(shared), Some(root)) => root.join(&SHARED["../".len()..]).join(shared),
        _ => folder.join(name),
    }
}

/// The list of the files of the version in a folder; `sum` is its checksum, which versions lack that an earlier
/// version of the program loaded without a list.
///
/// # Errors
/// A list that is missing or damaged.
pub fn read(folder: &Path, sum: Option<&str>) -> Result<FileList> {
    let Some(sum) = sum else { return listed_by_folder(folder) };
    let path = folder.join(LIST);
    let remedy = || format!("{} is missing or damaged; `mobility load` repairs it", path.display());
    let text = std::fs::read(&path).with_context(remedy)?;
    if format!("{:08x}", crc32fast::hash(&text)) != sum {
        bail!(remedy());
    }
    serde_json::from_slice(&text).with_context(remedy)
}

/// The files of a version that an earlier version of the program loaded without a list.
fn listed_by_folder(folder: &Path) -> Result<FileList> {
    let mut list = FileList::default();
    for file in files(&folder.join(EVENTS))? {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{EVENTS}/{}/{name}", folder_name(file.date));
        list.insert(name, ListedFile::of(&file.path)?);
    }
    for table in Table::ALL {
        let name = format!("{}.parquet", table.name());
        let path = folder.join(&name);
        if path.exists() {
            list.insert(name, ListedFile::of(&path)?);
        }
    }
    Ok(list)
}
