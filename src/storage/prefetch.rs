//! Bytes that are fetched before they are asked for, so that threads that decode do not wait.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

use super::inputs::InputFile;
use super::object_store::object::Object;
use super::object_store::remote::{Held, Remote};
use super::object_store::runtime;
use crate::storage::{Location, Source};

/// Memory for bytes that were fetched and are not used up yet, those that are being decoded included.
/// One row group is fetched even where it alone is larger. It takes two or three row groups of an
/// hour of a whole country (about 60 MiB each) to keep two cores busy; more would only wait.
const ROOM_KIB: usize = 256 << 10;

/// What will be read of an input.
#[derive(Debug, Clone)]
pub struct Want {
    pub input: InputFile,
    pub ranges: Vec<Range<u64>>,
}

/// Inputs that will be read in this order.
pub struct Ahead {
    wants: Vec<Want>,
    /// Of objects; local files are read when it is their turn.
    arriving: Vec<Option<Mutex<Receiver<Result<Remote>>>>>,
    fetching: Option<AbortHandle>,
}

struct Fetch {
    object: Object,
    ranges: Vec<Range<u64>>,
    done: SyncSender<Result<Remote>>,
}

impl Ahead {
    /// Begins to fetch.
    ///
    /// # Errors
    /// As [`Object::new`].
    pub fn begin(wants: Vec<Want>) -> Result<Self> {
        let (mut arriving, mut fetches) = (Vec::new(), Vec::new());
        for want in &wants {
            arriving.push(match &want.input.location {
                Location::Local(_) => None,
                Location::Remote(url) => {
                    let (done, arrived) = sync_channel(1);
                    let object = Object::new(url, &want.input)?;
                    fetches.push(Fetch { object, ranges: want.ranges.clone(), done });
                    Some(Mutex::new(arrived))
                }
            });
        }
        let fetching = if fetches.is_empty() {
            None
        } else {
            Some(runtime::runtime()?.spawn(fetch_all(fetches)).abort_handle())
        };
        Ok(Ahead { wants, arriving, fetching })
    }

    /// The source of an input, with the bytes that were wanted of it. Each can be taken once.
    ///
    /// # Errors
    /// What fetching met; a file that cannot be opened.
    pub fn source(&self, number: usize) -> Result<Source> {
        let want = self.wants.get(number).context("nothing was wanted")?;
        match &self.arriving[number] {
            None => Source::open(&want.input),
            Some(arriving) => {
                let arriving = arriving.lock().unwrap_or_else(PoisonError::into_inner);
                let arrived = arriving.recv().map_err(|_| anyhow!("a request broke down"))?;
                Ok(Source::Remote(arrived?))
            }
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(fetching) = &self.fetching {
            fetching.abort();
        }
    }
}

/// Fetches as far ahead as there is room. Room is given out in order, so the one who waits for the
/// next input always gets it, however little room the later ones leave.
async fn fetch_all(fetches: Vec<Fetch>) {
    let room = Arc::new(Semaphore::new(ROOM_KIB));
    let mut under_way = JoinSet::new();
    for Fetch { object, ranges, done } in fetches {
        let bytes: u64 = ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum();
        let kib = (bytes.div_ceil(1 << 10)).min(ROOM_KIB as u64) as u32;
        let room = Arc::clone(&room).acquire_many_owned(kib).await.ok();
        under_way.spawn(async move {
            let pieces = object.ranges(&ranges).await;
            let remote = pieces.map(|pieces| Remote::new(object, Held { pieces, room }));
            // nobody may be waiting any more
            let _ = done.send(remote);
        });
    }
    while under_way.join_next().await.is_some() {}
}
