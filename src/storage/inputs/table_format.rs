//! Folders of table formats. Their files are not the rows of the table: a log says which files count, and
//! the others hold rows that were removed or replaced.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

const DELTA_LOG: &str = "_delta_log";
const HUDI_LOG: &str = ".hoodie";
/// The folder of an Iceberg table that holds files with this ending.
const ICEBERG_LOG: &str = "metadata";
const ICEBERG_ENDING: &str = ".metadata.json";

/// The log of the files that Spark's structured streaming completed.
const STREAM_LOG: &str = "_spark_metadata";
/// What Hudi writes into each partition, which may have been copied without the rest of the table.
const HUDI_PARTITION: &str = ".hoodie_partition_metadata";
/// The folder of a Paimon table whose files are named `snapshot-1` and so on.
const PAIMON_LOG: &str = "snapshot";

/// True if an entry of a folder with this name may tell that it belongs to a table format.
pub fn may_be_log(name: &OsStr) -> bool {
    [DELTA_LOG, HUDI_LOG, HUDI_PARTITION, STREAM_LOG, ICEBERG_LOG, PAIMON_LOG]
        .iter()
        .any(|log| name.eq_ignore_ascii_case(log))
}

/// Refuses local files in folders of table formats. Symbolic links in `files` are resolved. The `plain` folders
/// are known to have no entry for which [`may_be_log`] is true.
///
/// # Errors
/// The first such folder.
pub fn refuse_tables<'a>(
    files: impl Iterator<Item = &'a Path>,
    plain: &HashSet<PathBuf>,
) -> Result<()> {
    let mut checked: HashSet<PathBuf> = HashSet::new();
    for file in files {
        for folder in file.ancestors().skip(1) {
            if !checked.insert(folder.to_owned()) {
                break;
            }
            if plain.contains(folder) {
                continue;
            }
            if let Some(format) = format_of(folder) {
                return refuse(&folder.display().to_string(), format);
            }
        }
    }
    Ok(())
}

fn format_of(folder: &Path) -> Option<&'static str> {
    let holds = |log: &str, is_of_log: fn(&str) -> bool| {
        let entries = fs::read_dir(folder.join(log));
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.is_ok_and(|entries| entries.flatten().any(|entry| is_of_log(&name(entry))))
    };
    if folder.join(DELTA_LOG).is_dir() {
        Some("Delta")
    } else if folder.join(HUDI_LOG).is_dir() || folder.join(HUDI_PARTITION).is_file() {
        Some("Hudi")
    } else if folder.join(STREAM_LOG).is_dir() {
        Some("Spark Structured Streaming")
    } else if holds(ICEBERG_LOG, is_iceberg) {
        Some("Iceberg")
    } else if holds(PAIMON_LOG, is_paimon) {
        Some("Paimon")
    } else {
        None
    }
}

fn is_iceberg(name: &str) -> bool {
    name.to_lowercase().ends_with(ICEBERG_ENDING)
}

fn is_paimon(name: &str) -> bool {
    let number = name.strip_prefix("snapshot-");
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Refuses objects that belong to a table, given the names of all listed objects.
///
/// # Errors
/// The first such table.
pub fn refuse_tables_of_objects<'a>(
    all: impl Iterator<Item = &'a str>,
    selected: &[&str],
) -> Result<()> {
    for name in all {
        let Some((root, format)) = table_of_object(name) else { continue };
        if selected.iter().any(|other| root.is_empty() || other.starts_with(root)) {
            return refuse(if root.is_empty() { "the bucket" } else { root }, format);
        }
    }
    Ok(())
}

/// The folder of the table to whose log an object belongs, with a slash at its end.
fn table_of_object(name: &str) -> Option<(&str, &'static str)> {
    let before = |log: &str| {
        let inside = format!("{log}/");
        let at = name.find(&inside).filter(|at| *at == 0 || name[..*at].ends_with('/'))?;
        Some(&name[..at])
    };
    let file = name.rsplit('/').next().unwrap_or(name);
    let in_log = |log, is_of_log: fn(&str) -> bool| before(log).filter(|_| is_of_log(file));
    if let Some(root) = before(DELTA_LOG) {
        Some((root, "Delta"))
    } else if let Some(root) = before(HUDI_LOG) {
        Some((root, "Hudi"))
    } else if file == HUDI_PARTITION {
        Some((&name[..name.len() - file.len()], "Hudi"))
    } else if let Some(root) = before(STREAM_LOG) {
        Some((root, "Spark Structured Streaming"))
    } else if let Some(root) = in_log(ICEBERG_LOG, is_iceberg) {
        Some((root, "Iceberg"))
    } else {
        Some((in_log(PAIMON_LOG, is_paimon)?, "Paimon"))
    }
}

fn refuse(place: &str, format: &str) -> Result<()> {
    bail!(
        "{place} is a {format} table, whose folder also holds files with rows that were removed or \
         replaced; export the current rows as Parquet to another folder and name that one"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_tables_are_refused_and_others_are_not() {
        for log in [
            "t/_delta_log/0.json",
            "t/.hoodie/hoodie.properties",
            "t/date=1/.hoodie_partition_metadata",
            "t/metadata/1.metadata.json",
            "t/_spark_metadata/0",
            "t/snapshot/snapshot-1",
        ] {
            let refused = |file| refuse_tables_of_objects([log, file].into_iter(), &[file]);
            assert!(refused("t/date=1/a.parquet").is_err(), "{log}");
            assert!(refused("other/a.parquet").is_ok(), "{log}");
        }
        let file = "t/a.parquet";
        for other in
            ["t/metadata/readme.json", "t/my_delta_log/0.json", "t/snapshot/snapshot-1.parquet"]
        {
            assert!(
                refuse_tables_of_objects([other, file].into_iter(), &[file]).is_ok(),
                "{other}"
            );
        }
    }
}
