//! A sorted piece of what a thread has read, in a file: for each user, in the order of canonical ids, the
//! id, records and duplicates.

use std::fs::{File, Permissions};
use std::io::{BufRead, BufReader, BufWriter, Error, Read, Result as IoResult, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::record::{RECORD_BYTES, Record};
use crate::domain::ids::UserKey;
use crate::domain::time::SpanHour;
use crate::stages::compress::duplicate_events::DuplicateEvent;
use crate::stages::compress::run_buffer::EntriesOf;
use crate::stages::compress::user_order::OwnedKey;

/// Users from one entry of the index to the next.
const INDEX_EVERY: usize = 256;
const WRITE_BUFFER: usize = 256 << 10;
/// Bytes of a duplicate: hour, row group, row.
const DUPLICATE_BYTES: usize = 12;
/// The bit of the length of an id that is set for text.
const TEXT: u32 = 1 << 31;

/// The file to which one thread writes. It has no name, so that nothing of it stays when the process
/// ends, however it ends.
pub struct PieceFile {
    file: Arc<File>,
    length: u64,
}

/// A part of such a file.
pub struct Piece {
    file: Arc<File>,
    start: u64,
    end: u64,
    /// Every [`INDEX_EVERY`]th user, from the first, with its position.
    index: Vec<(OwnedKey, u64)>,
}

impl PieceFile {
    /// # Errors
    /// A folder that cannot be written.
    pub fn create(folder: &Path) -> Result<Self> {
        let create = || {
            let file = tempfile::tempfile_in(folder)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            Ok::<_, Error>(file)
        };
        let file = create()
            .with_context(|| format!("cannot write a temporary file in {}", folder.display()))?;
        Ok(PieceFile { file: Arc::new(file), length: 0 })
    }

    /// Appends a piece; `users` are in the order of canonical ids.
    ///
    /// # Errors
    /// A full disk.
    pub fn append<'a, T: Record + 'a>(
        &mut self,
        users: impl Iterator<Item = (UserKey<'a>, EntriesOf<'a, T>, &'a [DuplicateEvent])>,
    ) -> Result<Piece> {
        let mut out = BufWriter::with_capacity(WRITE_BUFFER, self.file.as_ref());
        let mut index = Vec::new();
        let written = || -> IoResult<u64> {
            let mut at = self.length;
            for (number, (key, records, duplicates)) in users.enumerate() {
                if number.is_multiple_of(INDEX_EVERY) {
                    index.push((OwnedKey::new(key), at));
                }
                at += write_user(&mut out, key, records, duplicates)?;
            }
            out.flush()?;
            Ok(at)
        };
        let context = "cannot write what does not fit into compress.memory beside the outputs; is \
                       the disk full?";
        let start = self.length;
        self.length = written().context(context)?;
        Ok(Piece { file: Arc::clone(&self.file), start, end: self.length, index })
    }
}

fn write_user<T: Record>(
    out: &mut impl Write,
    key: UserKey,
    records: EntriesOf<T>,
    duplicates: &[DuplicateEvent],
) -> IoResult<u64> {
    let count = records.len();
    let (id, flag) = match key {
        UserKey::Bytes(id) => (id, 0),
        UserKey::Text(id) => (id.as_bytes(), TEXT),
    };
    for number in [id.len() as u32 | flag, count as u32, duplicates.len() as u32] {
        out.write_all(&number.to_le_bytes())?;
    }
    out.write_all(id)?;
    for record in records {
        out.write_all(&record.to_bytes())?;
    }
    for duplicate in duplicates {
        for number in [duplicate.hour.number(), duplicate.row_group, duplicate.row] {
            out.write_all(&number.to_le_bytes())?;
        }
    }
    let body = count * RECORD_BYTES + duplicates.len() * DUPLICATE_BYTES;
    Ok((12 + id.len() + body) as u64)
}

impl Piece {
    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.end - self.start
    }

    /// The users in the index.
    pub fn indexed(&self) -> impl Iterator<Item = &OwnedKey> {
        self.index.iter().map(|(key, _)| key)
    }

    /// A reader at the first user that is not before `start`, with the id of that user; `None` if there
    /// is none.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn reader(
        &self,
        start: Option<&OwnedKey>,
        buffer: usize,
    ) -> Result<Option<(PieceReader, OwnedKey)>> {
        let before = |(key, _): &(OwnedKey, u64)| start.is_some_and(|start| key <= start);
        let at = self.index.partition_point(before).saturating_sub(1);
        let Some((_, at)) = self.index.get(at) else { return Ok(None) };
        let part = FilePart { file: Arc::clone(&self.file), at: *at, end: self.end };
        let file = BufReader::with_capacity(buffer, part);
        let mut reader = PieceReader { file, records: 0, duplicates: 0, bytes: Vec::new() };
        let mut key = OwnedKey::default();
        while reader.next_user(&mut key)? {
            if start.is_none_or(|start| key >= *start) {
                return Ok(Some((reader, key)));
            }
            reader.skip()?;
        }
        Ok(None)
    }
}

/// Reads a piece user by user: first the id, then the rest.
pub struct PieceReader {
    file: BufReader<FilePart>,
    /// Numbers of the current user.
    records: u32,
    duplicates: u32,
    bytes: Vec<u8>,
}

const CANNOT_READ: &str = "cannot read a temporary file beside the outputs";

impl PieceReader {
    /// Reads the next id into `key`; false after the last.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn next_user(&mut self, key: &mut OwnedKey) -> Result<bool> {
        let part = self.file.get_ref();
        if part.at == part.end && self.file.buffer().is_empty() {
            return Ok(false);
        }
        let mut numbers = [0; 12];
        self.file.read_exact(&mut numbers).context(CANNOT_READ)?;
        let (numbers, _) = numbers.as_chunks::<4>();
        let [length, records, duplicates] = [0, 1, 2].map(|i| u32::from_le_bytes(numbers[i]));
        self.bytes.resize((length & !TEXT) as usize, 0);
        self.file.read_exact(&mut self.bytes).context(CANNOT_READ)?;
        let text = if length & TEXT == 0 { None } else { std::str::from_utf8(&self.bytes).ok() };
        key.set(text.map_or(UserKey::Bytes(&self.bytes), UserKey::Text));
        (self.records, self.duplicates) = (records, duplicates);
        Ok(true)
    }

    /// Appends the records and duplicates of the current user.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read<T: Record>(
        &mut self,
        records: &mut Vec<T>,
        duplicates: &mut Vec<DuplicateEvent>,
    ) -> Result<()> {
        self.bytes.resize(self.records as usize * RECORD_BYTES, 0);
        self.file.read_exact(&mut self.bytes).context(CANNOT_READ)?;
        let (all, _) = self.bytes.as_chunks::<RECORD_BYTES>();
        records.extend(all.iter().copied().map(T::from_bytes));
        self.bytes.resize(self.duplicates as usize * DUPLICATE_BYTES, 0);
        self.file.read_exact(&mut self.bytes).context(CANNOT_READ)?;
        let (numbers, _) = self.bytes.as_chunks::<4>();
        duplicates.extend(numbers.as_chunks::<3>().0.iter().map(|numbers| {
            let [hour, row_group, row] = numbers.map(u32::from_le_bytes);
            DuplicateEvent { user: 0, hour: SpanHour::from_number(hour), row_group, row }
        }));
        Ok(())
    }

    /// Leaves out the current user.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn skip(&mut self) -> Result<()> {
        let mut left =
            self.records as usize * RECORD_BYTES + self.duplicates as usize * DUPLICATE_BYTES;
        let buffered = left.min(self.file.buffer().len());
        self.file.consume(buffered);
        left -= buffered;
        self.file.get_mut().at += left as u64;
        Ok(())
    }
}

struct FilePart {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for FilePart {
    fn read(&mut self, into: &mut [u8]) -> IoResult<usize> {
        let length = into.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        let read = self.file.read_at(&mut into[..length], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
