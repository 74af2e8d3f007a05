//! Fetches ranges of objects in advance, so that the threads that decode them do not wait.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

use super::byte_source::ByteSource;
use super::inputs::InputFile;
use super::location::Location;
use super::object_store::{Object, ObjectBytes, runtime};

/// Most memory for bytes that are fetched or being decoded. A single row group is fetched even if it is
/// larger. Two or three row groups of an hour of a whole country (about 60 MiB each) keep two cores
/// busy; more would only wait.
pub const MAX_FETCHED_BYTES: u64 = 256 << 20;

/// The ranges of an input that will be read.
#[derive(Debug, Clone)]
pub struct PrefetchRequest {
    pub input: InputFile,
    pub ranges: Vec<Range<u64>>,
}

/// Fetches the requested ranges in the order of the requests.
pub struct Prefetch {
    requests: Vec<PrefetchRequest>,
    /// `None` for local files, which are opened when they are read.
    results: Vec<Option<Mutex<Receiver<Result<ObjectBytes>>>>>,
    task: Option<AbortHandle>,
}

struct Fetch {
    object: Object,
    ranges: Vec<Range<u64>>,
    done: SyncSender<Result<ObjectBytes>>,
}

impl Prefetch {
    /// Starts to fetch.
    ///
    /// # Errors
    /// As [`Object::new`].
    pub fn start(requests: Vec<PrefetchRequest>) -> Result<Self> {
        Prefetch::start_within(requests, MAX_FETCHED_BYTES)
    }

    /// Starts to fetch, with at most `bytes` in memory, except for a single request that is larger.
    ///
    /// # Errors
    /// As [`Object::new`].
    pub fn start_within(requests: Vec<PrefetchRequest>, bytes: u64) -> Result<Self> {
        let (mut results, mut fetches) = (Vec::new(), Vec::new());
        for request in &requests {
            results.push(match &request.input.location {
                Location::Local(_) => None,
                Location::Remote(url) => {
                    let (done, result) = sync_channel(1);
                    let object = Object::new(url, &request.input)?;
                    fetches.push(Fetch { object, ranges: request.ranges.clone(), done });
                    Some(Mutex::new(result))
                }
            });
        }
        let task = if fetches.is_empty() {
            None
        } else {
            Some(runtime::get()?.spawn(fetch_all(fetches, bytes)).abort_handle())
        };
        Ok(Prefetch { requests, results, task })
    }

    /// Waits for a request and returns its input with the ranges in memory. Each can be taken once.
    ///
    /// # Errors
    /// The error of the fetch; a file that cannot be opened.
    pub fn take(&self, number: usize) -> Result<ByteSource> {
        let request = self.requests.get(number).context("nothing was requested")?;
        match &self.results[number] {
            None => ByteSource::open(&request.input),
            Some(result) => {
                let result = result.lock().unwrap_or_else(PoisonError::into_inner);
                let object = result.recv().map_err(|_| anyhow!("a request was aborted"))?;
                Ok(ByteSource::Remote(object?))
            }
        }
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Fetches as long as there is memory. Permits are granted in order, so the input that is read next
/// always gets its share, however little memory later ones leave.
async fn fetch_all(fetches: Vec<Fetch>, bytes: u64) {
    let max_kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX).max(1);
    let memory = Arc::new(Semaphore::new(max_kib as usize));
    let mut tasks = JoinSet::new();
    for Fetch { object, ranges, done } in fetches {
        let bytes: u64 = ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum();
        let kib = bytes.div_ceil(1 << 10).min(u64::from(max_kib)) as u32;
        let permit = Arc::clone(&memory).acquire_many_owned(kib).await.ok();
        tasks.spawn(async move {
            let ranges = object.read_ranges(&ranges).await;
            let bytes = ranges.map(|ranges| ObjectBytes::loaded(object, ranges, permit));
            // the receiver may be gone
            let _ = done.send(bytes);
        });
    }
    while tasks.join_next().await.is_some() {}
}
