//! One copy, which goes on where an earlier run left it.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use md5::{Digest, Md5};

use super::plan::Copy;
use crate::domain::ids::hex;
use crate::progress::StageBar;
use crate::storage::atomic;
use crate::storage::inputs::{FileVersion, InputFile, ensure_unchanged, fingerprint};
use crate::storage::object_store::download::{Chunk, download};
use crate::storage::{ByteSource, Location};

/// Bytes of a local file that are copied at a time.
const PIECE: usize = 1 << 20;

/// Copies a source to `target`, which appears when it is complete. With `anew` what an earlier run
/// left is not used. `tags_are_digests` is taken back where ETags of the store turn out to be none.
///
/// # Errors
/// A source that cannot be read or gives other bytes than were listed; a folder that cannot be
/// written.
pub fn copy(
    copy: &Copy,
    target: &Path,
    anew: bool,
    (tags_are_digests, bar): (&AtomicBool, &StageBar),
) -> Result<()> {
    let mut part = Part::open(&copy.input, target, anew)?;
    let mut first_digest = None;
    bar.add_bytes(part.bytes);
    loop {
        part.fill(&copy.input, bar)?;
        let stated = tags_are_digests.load(Ordering::Relaxed).then(|| stated_digest(&copy.input));
        let Some(expected) = stated.flatten() else { break };
        let digest = part.digest()?;
        if digest == expected {
            break;
        }
        // the tag of an encrypted object looks like a digest and is none: then it differs twice
        if first_digest.as_ref() == Some(&digest) {
            tags_are_digests.store(false, Ordering::Relaxed);
            break;
        }
        if first_digest.is_some() {
            part.discard();
            bail!(
                "{}: what arrives differs each time, and from the ETag; check the connection",
                copy.input.location
            );
        }
        first_digest = Some(digest);
        part.restart()?;
    }
    part.finish(&copy.input, target)
}

/// The MD5 digest in the ETag of an object that was stored in one piece.
fn stated_digest(input: &InputFile) -> Option<String> {
    let stores = matches!(&input.location, Location::Remote(url) if !url.is_http());
    let FileVersion::Tag(tag) = &input.version else { return None };
    let is_digest = tag.len() == 32 && tag.bytes().all(|b| b.is_ascii_hexdigit());
    (stores && is_digest).then(|| tag.to_lowercase())
}

/// A copy that is not complete yet.
struct Part {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Part {
    fn open(input: &InputFile, target: &Path, anew: bool) -> Result<Self> {
        let folder = target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let edition = &fingerprint(std::slice::from_ref(input), "extract")[..16];
        // a letter before it: numbers there are those of processes, whose leavings are swept
        let path = folder.join(format!(".{name}.x{edition}.unfinished"));
        remove_others(folder, &format!(".{name}.x"), &path);
        let file = File::options().create(true).append(true).read(true).open(&path);
        let file = file.with_context(|| {
            format!("cannot write {}: is the folder writable?", target.display())
        })?;
        let mut part = Part { bytes: file.metadata()?.len(), path, file };
        if anew || part.bytes > input.bytes {
            part.restart()?;
        }
        Ok(part)
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

    /// Appends what is missing.
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
            bail!("{}: {} bytes arrived of {}; run again", input.location, self.bytes, input.bytes);
        }
        Ok(())
    }

    fn fill_locally(&mut self, input: &InputFile, bar: &StageBar) -> Result<()> {
        use parquet::file::reader::ChunkReader;
        let mut from = ByteSource::open(input)?.get_read(self.bytes)?;
        let mut piece = vec![0; PIECE];
        loop {
            match from.read(&mut piece)? {
                0 => break,
                read => self.write(&piece[..read], bar)?,
            }
        }
        ensure_unchanged(std::slice::from_ref(input))
    }

    fn digest(&mut self) -> Result<String> {
        let mut hash = Md5::new();
        self.file.seek(SeekFrom::Start(0))?;
        let mut piece = vec![0; PIECE];
        loop {
            match self.file.read(&mut piece)? {
                0 => break,
                read => hash.update(&piece[..read]),
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
            bail!("{}: {bytes} bytes were written of {}", target.display(), input.bytes);
        }
        fs::rename(&self.path, target)
            .with_context(|| format!("cannot finish {}", target.display()))?;
        atomic::sync_folder(target)
    }
}

/// Parts of other editions are of no use.
fn remove_others(folder: &Path, prefix: &str, ours: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let edition = name.strip_prefix(prefix).and_then(|n| n.strip_suffix(".unfinished"));
        let is_part =
            edition.is_some_and(|e| e.len() == 16 && e.bytes().all(|b| b.is_ascii_hexdigit()));
        if is_part && path != ours {
            let _ = fs::remove_file(path);
        }
    }
}
