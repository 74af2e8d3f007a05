//! A checksum over a whole Parquet file, stored in the file's own footer.
//!
//! The Parquet writer adds no checksums to pages, and a damaged page can decode to other values. So the
//! footer gets an entry of fixed length, which is filled in when the file is complete. The checksum is
//! computed with the placeholder in its place.

use std::collections::{HashMap, HashSet};
use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use parquet::file::metadata::KeyValue;

use crate::runtime::parallel::{Tasks, on_all_cores};

const KEY: &str = "mobility:crc32";
const PLACEHOLDER: &str = "00000000";
/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;
/// The length of the metadata and the magic bytes, which close a Parquet file.
const TAIL_BYTES: u64 = 8;
/// Most footers are within this many bytes at the end of a file.
const LIKELY_FOOTER_BYTES: u64 = 8 << 10;

/// The footer entry that [`embed`] fills in.
pub fn placeholder() -> KeyValue {
    KeyValue::new(KEY.to_owned(), PLACEHOLDER.to_owned())
}

/// Computes the checksum of a complete file and stores it in the footer.
///
/// # Errors
/// A file without the placeholder; one that cannot be read and written.
pub fn embed(path: &Path) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let mut file = File::options().read(true).write(true).open(path).with_context(context)?;
    let Some(position) = find(&file).with_context(context)? else {
        bail!("{}: the footer has no entry for a checksum", path.display());
    };
    let sum = compute(&mut file, position).with_context(context)?;
    file.seek(SeekFrom::Start(position)).with_context(context)?;
    file.write_all(sum.as_bytes()).with_context(context)
}

/// The stored checksum and the length of the file, which distinguish files without reading them;
/// `None` for a file without a checksum. The footer of each file is read once per process.
pub fn stored(path: &Path) -> Option<String> {
    let known = identity(&std::fs::metadata(path).ok()?);
    if let Some(sum) = of_footers().get(&known) {
        return Some(sum.clone());
    }
    let file = File::open(path).ok()?;
    let position = find(&file).ok()??;
    let sum = stored_at(&file, position).ok()?;
    let opened = file.metadata().ok()?;
    let sum = format!("{} {}", String::from_utf8(sum.to_vec()).ok()?, opened.len());
    of_footers().insert(identity(&opened), sum.clone());
    Some(sum)
}

fn stored_at(file: &File, position: u64) -> std::io::Result<[u8; PLACEHOLDER.len()]> {
    let mut sum = [0; PLACEHOLDER.len()];
    file.read_exact_at(&mut sum, position)?;
    Ok(sum)
}

/// Checks that files were not damaged after they were written, on all cores.
///
/// # Errors
/// The first damaged file, or one that cannot be read.
pub fn verify<P: AsRef<Path> + Sync>(paths: impl IntoIterator<Item = P>) -> Result<()> {
    let paths: Vec<P> = paths.into_iter().collect();
    let tasks = Tasks::new(&paths);
    on_all_cores(paths.len(), || {
        tasks.each(|path| {
            let path = path.as_ref();
            if is_valid(path).with_context(|| format!("cannot read {}", path.display()))? {
                return Ok(());
            }
            bail!(
                "{} is damaged: it does not match its checksum; `mobility run-all --force` creates it again",
                path.display()
            )
        })
    })?;
    Ok(())
}

/// Device, inode, size, and modification time in seconds and nanoseconds.
type FileIdentity = [u64; 5];

/// Files with a valid checksum. Each is read once per process.
static VALID: LazyLock<Mutex<HashSet<FileIdentity>>> = LazyLock::new(Mutex::default);

/// Stored checksums of files whose footer was read.
static OF_FOOTERS: LazyLock<Mutex<HashMap<FileIdentity, String>>> = LazyLock::new(Mutex::default);

fn of_footers() -> MutexGuard<'static, HashMap<FileIdentity, String>> {
    OF_FOOTERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn valid() -> MutexGuard<'static, HashSet<FileIdentity>> {
    VALID.lock().unwrap_or_else(PoisonError::into_inner)
}

fn identity(file: &Metadata) -> FileIdentity {
    [
        file.dev(),
        file.ino(),
        file.size(),
        file.mtime().cast_unsigned(),
        file.mtime_nsec().cast_unsigned(),
    ]
}

/// True if the file matches its stored checksum; false if it has none.
///
/// # Errors
/// A file that cannot be read.
pub fn is_valid(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let identity = identity(&file.metadata()?);
    if valid().contains(&identity) {
        return Ok(true);
    }
    let matches = matches_checksum(&mut file)?;
    if matches {
        valid().insert(identity);
    }
    Ok(matches)
}

fn matches_checksum(file: &mut File) -> std::io::Result<bool> {
    let Some(position) = find(file)? else { return Ok(false) };
    let sum = stored_at(file, position)?;
    Ok(compute(file, position)?.as_bytes() == sum)
}

/// Position of the stored checksum; `None` if the footer has none.
fn find(file: &File) -> std::io::Result<Option<u64>> {
    let end = file.metadata()?.len();
    let Some(tail) = end.checked_sub(TAIL_BYTES) else { return Ok(None) };
    let mut last = end.saturating_sub(LIKELY_FOOTER_BYTES);
    let mut footer = vec![0; usize::try_from(end - last).unwrap_or_default()];
    file.read_exact_at(&mut footer, last)?;
    let length = footer.last_chunk::<8>().and_then(|tail| tail.first_chunk::<4>());
    let length = length.map_or(0, |length| u64::from(u32::from_le_bytes(*length)));
    let Some(start) = tail.checked_sub(length) else { return Ok(None) };
    if start < last {
        last = start;
        footer.resize(usize::try_from(end - last).unwrap_or_default(), 0);
        file.read_exact_at(&mut footer, last)?;
    }
    let footer = &footer[usize::try_from(start - last).unwrap_or_default()..];
    // Thrift writes the key, a field header for text and the length of the value before the value
    let mut prefix = KEY.as_bytes().to_vec();
    prefix.extend([0x18, PLACEHOLDER.len() as u8]);
    let found =
        footer.windows(prefix.len() + PLACEHOLDER.len()).rposition(|w| w.starts_with(&prefix));
    Ok(found.map(|at| start + (at + prefix.len()) as u64))
}

/// The CRC-32 in hexadecimal of the file with the placeholder at `position`.
fn compute(file: &mut File, position: u64) -> std::io::Result<String> {
    let mut hash = crc32fast::Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut update = |from: u64, most: u64, hash: &mut crc32fast::Hasher| -> std::io::Result<()> {
        file.seek(SeekFrom::Start(from))?;
        let mut rest = Read::by_ref(file).take(most);
        loop {
            match rest.read(&mut buffer)? {
                0 => return Ok(()),
                bytes => hash.update(&buffer[..bytes]),
            }
        }
    };
    update(0, position, &mut hash)?;
    hash.update(PLACEHOLDER.as_bytes());
    update(position + PLACEHOLDER.len() as u64, u64::MAX, &mut hash)?;
    Ok(format!("{:08x}", hash.finalize()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::properties::WriterProperties;

    use super::*;

    fn file_with_checksum(folder: &Path) -> PathBuf {
        let path = folder.join("x.parquet");
        let numbers = Arc::new(Int64Array::from_iter_values(0..500)) as _;
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let properties =
            WriterProperties::builder().set_key_value_metadata(Some(vec![placeholder()])).build();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        embed(&path).unwrap();
        path
    }

    #[test]
    fn a_file_with_a_checksum_is_valid_parquet() {
        let folder = tempfile::tempdir().unwrap();
        let path = file_with_checksum(folder.path());
        assert!(is_valid(&path).unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.build().unwrap().map(|b| b.unwrap().num_rows()).sum::<usize>(), 500);
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        let path = file_with_checksum(folder.path());
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bytes).unwrap();
            assert!(!matches_checksum(&mut File::open(&path).unwrap()).unwrap(), "byte {at}");
            std::fs::write(&path, &good[..at]).unwrap();
            assert!(!matches_checksum(&mut File::open(&path).unwrap()).unwrap(), "cut at {at}");
        }
        std::fs::write(&path, &good).unwrap();
        assert!(is_valid(&path).unwrap());
    }
}
