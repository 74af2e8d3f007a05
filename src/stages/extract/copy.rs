//! Copies one file, and resumes an interrupted copy.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use md5::{Digest, Md5};

use super::sources::PlannedCopy;
use crate::domain::ids::hex;
use crate::progress::StageBar;
use crate::storage::atomic;
use crate::storage::inputs::{FileVersion, InputFile, ensure_unchanged, fingerprint};
use crate::storage::object_store::download::{Chunk, download};
use crate::storage::{ByteSource, Location};

/// Size of the buffer for reads of local files, bytes.
const BUFFER_BYTES: usize = 1 << 20;

/// Copies a source to `target`, which appears once it is complete. With `restart`, a partial copy of
/// an earlier run is not resumed. `etags_are_md5` is set to false if the ETags of the store turn out
/// not to be MD5 digests.
///
/// # Errors
/// A source that cannot be read or whose content differs from the listing; a folder that cannot be
/// written.
pub fn copy(
    copy: &PlannedCopy,
    target: &Path,
    restart: bool,
    (etags_are_md5, bar): (&AtomicBool, &StageBar),
) -> Result<()> {
    let mut partial = PartialCopy::open(&copy.input, target, restart)?;
    let mut first_digest = None;
    bar.add_bytes(partial.bytes);
    loop {
        partial.fill(&copy.input, bar)?;
        let expected = etags_are_md5.load(Ordering::Relaxed).then(|| md5_of_etag(&copy.input));
        let Some(expected) = expected.flatten() else { break };
        let digest = partial.digest()?;
        if digest == expected {
            break;
        }
        // the ETag of an encrypted object looks like an MD5 digest; if the same other digest is
        // computed twice, the ETag is something else
        if first_digest.as_ref() == Some(&digest) {
            etags_are_md5.store(false, Ordering::Relaxed);
            break;
        }
        if first_digest.is_some() {
            partial.discard();
            bail!(
                "{}: two downloads differ from each other and from the ETag; check the connection",
                copy.input.location
            );
        }
        first_digest = Some(digest);
        partial.restart()?;
    }
    partial.finish(&copy.input, target)
}

/// The MD5 digest in the ETag of an object that was not uploaded in parts.
fn md5_of_etag(input: &InputFile) -> Option<String> {
    let in_store = matches!(&input.location, Location::Remote(url) if !url.is_http());
    let FileVersion::Tag(tag) = &input.version else { return None };
    let is_digest = tag.len() == 32 && tag.bytes().all(|b| b.is_ascii_hexdigit());
    (in_store && is_digest).then(|| tag.to_lowercase())
}

/// An incomplete copy.
struct PartialCopy {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl PartialCopy {
    fn open(input: &InputFile, target: &Path, restart: bool) -> Result<Self> {
        let folder = target.parent().unwrap_or(Path::new("."));
        atomic::create_folder(folder)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let version = &fingerprint(std::slice::from_ref(input), "extract")[..16];
        // the letter distinguishes it from temporary files with process ids, which are deleted
        let path = folder.join(format!(".{name}.x{version}.unfinished"));
        remove_others(folder, &format!(".{name}.x"), &path);
        let file = File::options().create(true).append(true).read(true).open(&path);
        let file = file.with_context(|| {
            format!("cannot write {}: is the folder writable?", target.display())
        })?;
        let mut partial = PartialCopy { bytes: file.metadata()?.len(), path, file };
        if restart || partial.bytes > input.bytes {
            partial.restart()?;
        }
        Ok(partial)
    }

    fn restart(&mut self) -> Result<()> {
        self.file.set_len(0)?;
        self.bytes = 0;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], bar: &StageBar) -> Result<()> {
        let place = || format!("cannot write {}; is the disk full?", self.path.display());
        self.file.write_all(bytes).with_context(place)?;
        self.bytes += bytes.len() as u64;
        bar.add_bytes(bytes.len() as u64);
        Ok(())
    }

    /// Copies the missing bytes.
    fn fill(&mut self, input: &InputFile, bar: &StageBar) -> Result<()> {
        match &input.location {
            Location::Local(path) => self
                .fill_locally(input, bar)
                .with_context(|| format!("cannot copy {}", path.display()))?,
            Location::Remote(url) => {
                let mut arriving = download(url, input, self.bytes)?;
                while let Some(sent) = arriving.blocking_recv() {
                    match sent? {
                        Chunk::Bytes(bytes) => self.write(&bytes, bar)?,
                        Chunk::Restart => self.restart()?,
                    }
                }
            }
        }
        if self.bytes != input.bytes {
            bail!(
                "{}: received {} of {} bytes; run again to continue",
                input.location,
                self.bytes,
                input.bytes
            );
        }
        Ok(())
    }

    fn fill_locally(&mut self, input: &InputFile, bar: &StageBar) -> Result<()> {
        use parquet::file::reader::ChunkReader;
        let mut from = ByteSource::open(input)?.get_read(self.bytes)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match from.read(&mut buffer)? {
                0 => break,
                read => self.write(&buffer[..read], bar)?,
            }
        }
        ensure_unchanged(std::slice::from_ref(input))
    }

    fn digest(&mut self) -> Result<String> {
        let mut hash = Md5::new();
        self.file.seek(SeekFrom::Start(0))?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match self.file.read(&mut buffer)? {
                0 => break,
                read => hash.update(&buffer[..read]),
            }
        }
        Ok(hex(&hash.finalize()))
    }

    fn discard(&self) {
        let _ = fs::remove_file(&self.path);
    }

    fn finish(self, input: &InputFile, target: &Path) -> Result<()> {
        self.file.sync_all().with_context(|| format!("cannot finish {}", target.display()))?;
        let bytes = self.file.metadata()?.len();
        if bytes != input.bytes {
            self.discard();
            bail!("{}: wrote {bytes} of {} bytes", target.display(), input.bytes);
        }
        fs::rename(&self.path, target)
            .with_context(|| format!("cannot finish {}", target.display()))?;
        atomic::sync_folder(target)
    }
}

/// Removes partial copies of other versions of the source.
fn remove_others(folder: &Path, prefix: &str, ours: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let version = name.strip_prefix(prefix).and_then(|n| n.strip_suffix(".unfinished"));
        let is_partial =
            version.is_some_and(|e| e.len() == 16 && e.bytes().all(|b| b.is_ascii_hexdigit()));
        if is_partial && path != ours {
            let _ = fs::remove_file(path);
        }
    }
}
