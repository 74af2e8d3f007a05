//! A checksum over a whole Parquet file, kept in the file's own footer.
//!
//! The Parquet writer puts no checksums on pages, and a damaged page can decode to other values. So
//! the footer gets an entry of fixed length, which is filled in when the file is complete; the
//! checksum is that of the file with the entry as it was before.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use parquet::file::metadata::KeyValue;

use crate::runtime::parallel::{Tasks, on_all_cores};

const KEY: &str = "mobility:crc32";
const EMPTY: &str = "00000000";
/// Bytes read at a time.
const PIECE: usize = 1 << 20;
/// Length of the footer and the magic bytes close a Parquet file.
const TAIL: u64 = 8;

/// The footer entry that [`seal`] fills in.
pub fn entry() -> KeyValue {
    KeyValue::new(KEY.to_owned(), EMPTY.to_owned())
}

/// Fills in the checksum of a complete file.
///
/// # Errors
/// A file without the entry, or one that cannot be read and written.
pub fn seal(path: &Path) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let mut file = File::options().read(true).write(true).open(path).with_context(context)?;
    let Some(at) = find(&mut file).with_context(context)? else {
        bail!("{}: the footer has no place for a checksum", path.display());
    };
    let sum = checksum(&mut file, at).with_context(context)?;
    file.seek(SeekFrom::Start(at)).with_context(context)?;
    file.write_all(sum.as_bytes()).with_context(context)
}

/// A file as it is now: device, inode, size, seconds and nanoseconds of its last change.
type Edition = [u64; 5];

/// Files that were found intact: each is read through once a process.
static INTACT: LazyLock<Mutex<HashSet<Edition>>> = LazyLock::new(Mutex::default);

fn known() -> MutexGuard<'static, HashSet<Edition>> {
    INTACT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn edition(file: &Metadata) -> Edition {
    [
        file.dev(),
        file.ino(),
        file.size(),
        file.mtime().cast_unsigned(),
        file.mtime_nsec().cast_unsigned(),
    ]
}

/// The checksum that a sealed file states, and its length: what tells files apart without reading
/// them. `None` where there is no sealed file.
pub fn stated(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let at = find(&mut file).ok()??;
    let sum = stated_at(&mut file, at).ok()?;
    Some(format!("{} {}", String::from_utf8(sum.to_vec()).ok()?, file.metadata().ok()?.len()))
}

fn stated_at(file: &mut File, at: u64) -> std::io::Result<[u8; EMPTY.len()]> {
    let mut sum = [0; EMPTY.len()];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut sum)?;
    Ok(sum)
}

/// Refuses files of ours that were damaged after they were written.
///
/// # Errors
/// The first damaged file, or one that cannot be read.
pub fn refuse_damaged<P: AsRef<Path> + Sync>(paths: impl IntoIterator<Item = P>) -> Result<()> {
    let paths: Vec<P> = paths.into_iter().collect();
    let tasks = Tasks::new(&paths);
    on_all_cores(paths.len(), || {
        tasks.each(|path| {
            let path = path.as_ref();
            if intact(path).with_context(|| format!("cannot read {}", path.display()))? {
                return Ok(());
            }
            bail!(
                "{} is not as it was written; `mobility run-all --force` makes it again",
                path.display()
            )
        })
    })?;
    Ok(())
}

/// True of a sealed file that holds the bytes that were written.
///
/// # Errors
/// A file that cannot be read.
pub fn intact(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let edition = edition(&file.metadata()?);
    if known().contains(&edition) {
        return Ok(true);
    }
    let intact = holds(&mut file)?;
    if intact {
        known().insert(edition);
    }
    Ok(intact)
}

fn holds(file: &mut File) -> std::io::Result<bool> {
    let Some(at) = find(file)? else { return Ok(false) };
    let sum = stated_at(file, at)?;
    Ok(checksum(file, at)?.as_bytes() == sum)
}

/// Where the value of the entry begins; `None` in a file that has none.
fn find(file: &mut File) -> std::io::Result<Option<u64>> {
    let end = file.seek(SeekFrom::End(0))?;
    let Some(tail) = end.checked_sub(TAIL) else { return Ok(None) };
    let mut length = [0; 4];
    file.seek(SeekFrom::Start(tail))?;
    file.read_exact(&mut length)?;
    let length = u64::from(u32::from_le_bytes(length));
    let Some(start) = tail.checked_sub(length) else { return Ok(None) };
    let mut footer = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    Read::by_ref(file).take(length).read_to_end(&mut footer)?;
    // key and value stand behind each other, each led by the mark of a text and its length
    let mut lead = KEY.as_bytes().to_vec();
    lead.extend([0x18, EMPTY.len() as u8]);
    let found = footer.windows(lead.len() + EMPTY.len()).rposition(|w| w.starts_with(&lead));
    Ok(found.map(|at| start + (at + lead.len()) as u64))
}

/// The checksum in hex, of the bytes as they are but for the entry at `at`, which counts as empty.
fn checksum(file: &mut File, at: u64) -> std::io::Result<String> {
    let mut hash = crc32fast::Hasher::new();
    let mut piece = vec![0; PIECE];
    let mut pass = |from: u64, most: u64, hash: &mut crc32fast::Hasher| -> std::io::Result<()> {
        file.seek(SeekFrom::Start(from))?;
        let mut left = Read::by_ref(file).take(most);
        loop {
            match left.read(&mut piece)? {
                0 => return Ok(()),
                bytes => hash.update(&piece[..bytes]),
            }
        }
    };
    pass(0, at, &mut hash)?;
    hash.update(EMPTY.as_bytes());
    pass(at + EMPTY.len() as u64, u64::MAX, &mut hash)?;
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

    fn sealed(folder: &Path) -> PathBuf {
        let path = folder.join("x.parquet");
        let numbers = Arc::new(Int64Array::from_iter_values(0..500)) as _;
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let properties =
            WriterProperties::builder().set_key_value_metadata(Some(vec![entry()])).build();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        seal(&path).unwrap();
        path
    }

    #[test]
    fn a_sealed_file_is_whole_and_a_parquet_file_still() {
        let folder = tempfile::tempdir().unwrap();
        let path = sealed(folder.path());
        assert!(intact(&path).unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.build().unwrap().map(|b| b.unwrap().num_rows()).sum::<usize>(), 500);
    }

    #[test]
    fn every_single_flipped_byte_and_every_cut_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = sealed(folder.path());
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bytes).unwrap();
            assert!(!holds(&mut File::open(&path).unwrap()).unwrap(), "byte {at}");
            std::fs::write(&path, &good[..at]).unwrap();
            assert!(!holds(&mut File::open(&path).unwrap()).unwrap(), "cut at {at}");
        }
        std::fs::write(&path, &good).unwrap();
        assert!(intact(&path).unwrap());
    }
}
