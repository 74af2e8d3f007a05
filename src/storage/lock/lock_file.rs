//! Lock files: who is using a folder, for all hosts that see it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::runtime::interrupt::Unfinished;
use crate::storage::process::Process;
use crate::storage::temporary_name::temporary_name;

/// How often the modification time of a lock file is renewed.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// A lock file from before a restart of this host is replaced if it was not renewed for so long.
const STALE: Duration = Duration::from_mins(10);
/// Attempts to read a lock file that is being written.
const READ_ATTEMPTS: u32 = 10;
const READ_INTERVAL: Duration = Duration::from_millis(20);

/// The content of a lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Distinguishes this claim from all others.
    id: String,
    #[serde(flatten)]
    holder: Process,
    since: DateTime<Utc>,
    /// The holder also has the lock of the operating system.
    locked: bool,
}

impl Claim {
    pub fn new(locked: bool) -> Self {
        Claim::of(Process::current().clone(), locked)
    }

    pub fn of(holder: Process, locked: bool) -> Self {
        let id = format!("{:032x}", rand::random::<u128>());
        Claim { id, holder, since: Utc::now(), locked }
    }

    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A lock file of this process, which is removed when it is dropped or the process is interrupted.
#[derive(Debug)]
pub struct LockFile {
    id: String,
    file: Option<Unfinished>,
    /// Ends the thread that renews the file.
    heartbeat: Option<Sender<()>>,
}

/// Writes a lock file if there is none, completely or not at all.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if there is one; a folder that is not writable.
pub fn create(path: &Path, claim: &Claim) -> io::Result<LockFile> {
    let text = serde_json::to_vec(claim)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = Unfinished::new(path.with_file_name(temporary_name(&name)));
    File::create_new(temporary.path())?.write_all(&text)?;
    match fs::hard_link(temporary.path(), path) {
        Ok(()) => {}
        // the answer of a server to a link that it made may be lost
        Err(_) if fs::metadata(temporary.path()).is_ok_and(|meta| meta.nlink() == 2) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        // not all file systems have links
        Err(_) => {
            let written = File::create_new(path)?.write_all(&text);
            written.inspect_err(|_| drop(fs::remove_file(path)))?;
        }
    }
    drop(temporary);
    let file = Unfinished::new(path.to_owned());
    let (heartbeat, ended) = channel::<()>();
    let renewed = path.to_owned();
    let id = claim.id.clone();
    std::thread::Builder::new().name("lock".to_owned()).spawn(move || {
        while ended.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
            if is_ours(&renewed, &id)
                && let Ok(file) = File::options().append(true).open(&renewed)
            {
                // the file tells since when it was not renewed
                let _ = file.set_modified(SystemTime::now());
            }
        }
    })?;
    Ok(LockFile { id: claim.id.clone(), file: Some(file), heartbeat: Some(heartbeat) })
}

fn is_ours(path: &Path, id: &str) -> bool {
    matches!(read(path), Ok(Some(claim)) if claim.id == id)
}

impl LockFile {
    /// # Errors
    /// A file that somebody removed, or that belongs to another run now.
    pub fn ensure_held(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        if !is_ours(file.path(), &self.id) {
            bail!(
                "the lock file {} was removed while this run needed it, so another run may have changed the same outputs; run again when no other run is using them",
                file.path().display()
            );
        }
        Ok(())
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        self.heartbeat.take();
        if let Some(file) = self.file.take()
            && !is_ours(file.path(), &self.id)
        {
            file.keep();
        }
    }
}

/// A lock file that exists.
#[derive(Debug)]
pub struct Found {
    path: PathBuf,
    /// `None` if the file says nothing.
    claim: Option<Claim>,
    renewed: Option<SystemTime>,
}

/// Reads the lock file at a path; `None` if there is none.
///
/// # Errors
/// A file that cannot be read.
pub fn found_at(path: &Path) -> Result<Option<Found>> {
    let context = || format!("cannot read the lock file {}", path.display());
    for attempt in 1..=READ_ATTEMPTS {
        let renewed = fs::metadata(path).and_then(|meta| meta.modified()).ok();
        match read(path) {
            Ok(Some(claim)) => {
                return Ok(Some(Found { path: path.to_owned(), claim: Some(claim), renewed }));
            }
            // it may be written at this moment, where files cannot be linked
            Ok(None) if attempt < READ_ATTEMPTS => std::thread::sleep(READ_INTERVAL),
            Ok(None) => return Ok(Some(Found { path: path.to_owned(), claim: None, renewed })),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(context),
        }
    }
    Ok(None)
}

/// The claim in a lock file; `None` if it is not complete.
fn read(path: &Path) -> io::Result<Option<Claim>> {
    Ok(serde_json::from_slice(&fs::read(path)?).ok())
}

impl Found {
    /// True if the run that wrote the file has certainly ended. `locked` tells whether this process has
    /// the lock of the operating system.
    pub fn is_abandoned(&self, locked: bool) -> bool {
        let Some(Claim { holder, locked: was_locked, .. }) = &self.claim else { return false };
        // under one kernel, only one run at a time has that lock
        let lost = locked && *was_locked && holder.shares_kernel();
        let age = self.renewed.and_then(|at| at.elapsed().ok());
        let stale = age.is_some_and(|age| age > STALE);
        lost || holder.is_running() == Some(false)
            || stale && holder.is_from_other_boot_of_this_host()
    }

    /// Removes the file; false if it belongs to another run by now.
    ///
    /// # Errors
    /// A folder that is not writable.
    pub fn remove(&self) -> Result<bool> {
        let context = || format!("cannot remove the lock file {}", self.path.display());
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        // whoever renames it first is the only one to remove it
        let aside = Unfinished::new(self.path.with_file_name(temporary_name(&name)));
        match fs::rename(&self.path, aside.path()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error).with_context(context),
        }
        let removed = read(aside.path()).with_context(context)?;
        if removed == self.claim {
            return Ok(true);
        }
        // another run was faster, and this is its file
        fs::hard_link(aside.path(), &self.path)
            .or_else(|_| fs::rename(aside.path(), &self.path))
            .with_context(context)?;
        Ok(false)
    }

    /// The message for a run that cannot go on.
    pub fn refusal(&self, folder: &dyn fmt::Display) -> String {
        let path = self.path.display();
        let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        let Some(Claim { holder, since, .. }) = &self.claim else {
            return format!(
                "another run of mobility may be using {folder}; try again when it has finished. Its lock file {path} does not say whose it is; remove the file if no run is using the folder"
            );
        };
        let busy = format!(
            "another run of mobility is using {folder} (process {} on {}, since {}); try again when it has finished",
            holder.id,
            holder.host,
            time(*since)
        );
        if holder.is_running() == Some(true) {
            return busy;
        }
        let last = self.renewed.map_or_else(|| "unknown".to_owned(), |at| time(at.into()));
        format!(
            "{busy}. Whether it is still running cannot be told from this host (last sign of life: {last}); if it is not, remove {path}"
        )
    }
}
