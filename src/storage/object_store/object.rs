//! One object, read range by range. What was read belongs to the object as it was listed, or there
//! is an error.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::explain::{explain, store_error};
use super::runtime::in_turn;
use super::stores::store_of;
use super::url::ObjectUrl;
use crate::storage::Location;
use crate::storage::inputs::{Edition, InputFile};

/// Longest range of one request. Longer ones are cut, so that several connections carry them and a
/// broken one costs little.
const PIECE: u64 = 8 << 20;
/// Ranges with a smaller gap between them are read as one: a request costs the time of so many bytes.
const GAP: u64 = 1 << 20;
/// Attempts in a row that bring not one byte further.
const IDLE: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// What goes on where a connection broke, as long as each brings something.
#[derive(Debug, Default)]
pub struct Patience {
    idle: u32,
}

impl Patience {
    /// Waits before the next attempt, the longer the more of them brought nothing.
    ///
    /// # Errors
    /// Too many that did, with the reason why the last one broke off.
    pub async fn after(&mut self, brought: bool, url: &ObjectUrl, cut: &str) -> Result<()> {
        self.idle = if brought { 0 } else { self.idle + 1 };
        if self.idle >= IDLE {
            return Err(store_error!("{url}: the connection breaks off again and again: {cut}"));
        }
        pause(self.idle).await;
        Ok(())
    }
}

async fn pause(idle: u32) {
    tokio::time::sleep(FIRST_PAUSE * (1 << idle)).await;
}

/// An object as it was listed.
#[derive(Debug, Clone)]
pub struct Object {
    pub url: ObjectUrl,
    pub bytes: u64,
    pub edition: Edition,
    pub store: Arc<dyn ObjectStore>,
    pub path: Path,
}

/// Some bytes of an object, and where they begin.
pub type Piece = (u64, Bytes);

impl Object {
    /// # Errors
    /// As [`store_of`].
    pub fn new(url: &ObjectUrl, input: &InputFile) -> Result<Self> {
        let (store, path) = store_of(url)?;
        let (bytes, edition) = (input.bytes, input.edition.clone());
        Ok(Object { url: url.clone(), bytes, edition, store, path })
    }

    /// Reads ranges, those that lie near each other together.
    ///
    /// # Errors
    /// A store that cannot be reached or gives no access; an object that is not what was listed.
    pub async fn ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Piece>> {
        let joined = joined(ranges);
        if let Some(range) = joined.iter().find(|range| range.end > self.bytes) {
            bail!("{}: bytes up to {} of {}", self.url, range.end, self.bytes);
        }
        let all = joined.into_iter().map(|range| async {
            let start = range.start;
            Ok((start, self.range(range).await?))
        });
        futures::future::try_join_all(all).await
    }

    /// Reads one range, by as many connections as it has pieces.
    ///
    /// # Errors
    /// As [`Object::ranges`].
    pub async fn range(&self, range: Range<u64>) -> Result<Bytes> {
        let mut rest = BytesMut::with_capacity(usize::try_from(range.end - range.start)?);
        let mut pieces = Vec::new();
        for start in (range.start..range.end).step_by(PIECE as usize) {
            let end = range.end.min(start + PIECE);
            let behind = rest.split_off((end - start) as usize);
            pieces.push(self.piece(start..end, std::mem::replace(&mut rest, behind)));
        }
        let pieces = futures::future::try_join_all(pieces).await?;
        // they lie behind each other in one allocation, so nothing is copied
        let whole = pieces.into_iter().reduce(|mut whole, piece| {
            whole.unsplit(piece);
            whole
        });
        Ok(whole.unwrap_or_default().freeze())
    }

    /// Goes on where a connection broke, as long as each brings something.
    ///
    /// The library does so only for objects with an ETag, and so often in all, not in a row.
    async fn piece(&self, range: Range<u64>, mut body: BytesMut) -> Result<BytesMut> {
        let mut patience = Patience::default();
        loop {
            let there = body.len() as u64;
            let rest = range.start + there..range.end;
            let cut = match in_turn(self.attempt(rest, &mut body)).await? {
                None => return Ok(body),
                Some(cut) => cut,
            };
            patience.after(body.len() as u64 > there, &self.url, &cut).await?;
        }
    }

    /// One request; `Some` with the reason where its answer broke off.
    async fn attempt(&self, range: Range<u64>, body: &mut BytesMut) -> Result<Option<String>> {
        let most = body.len() as u64 + range.end - range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let answer = match self.store.get_opts(&self.path, options).await {
            Err(error @ Error::Generic { .. }) if is_broken(&error) => {
                return Ok(Some(broken(&error)));
            }
            answer => answer.map_err(|error| explain(&error, &self.url))?,
        };
        self.refuse_another(&answer.meta)?;
        let mut stream = answer.into_stream();
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(chunk) => body.extend_from_slice(&chunk),
                Err(error) => return Ok(Some(broken(&error))),
            }
            if body.len() as u64 > most {
                return Err(store_error!(
                    "{}: the server gives more bytes than it was asked for",
                    self.url
                ));
            }
        }
        Ok(((body.len() as u64) < most).then(|| "it ends too early".to_owned()))
    }

    /// # Errors
    /// An answer about other bytes than those that were listed.
    pub fn refuse_another(&self, meta: &ObjectMeta) -> Result<()> {
        let same = match (&self.edition, tag(meta)) {
            (Edition::Tag(listed), Some(now)) => *listed == now,
            (Edition::Modified(0), _) | (Edition::Tag(_), None) => true,
            // headers tell whole seconds, listings may tell more
            (Edition::Modified(listed), _) => listed / NS_PER_S == modified_ns(meta) / NS_PER_S,
        };
        if same && meta.size == self.bytes {
            return Ok(());
        }
        Err(store_error!(
            "{} changed while it was read; run again when all files are complete",
            self.url
        ))
    }
}

const NS_PER_S: u128 = 1_000_000_000;

fn modified_ns(meta: &ObjectMeta) -> u128 {
    meta.last_modified.timestamp_nanos_opt().and_then(|ns| ns.try_into().ok()).unwrap_or(0)
}

/// The ETag without marks and quotes, which listings and headers set differently.
fn tag(meta: &ObjectMeta) -> Option<String> {
    Some(bare_tag(meta.e_tag.as_ref()?))
}

pub fn bare_tag(tag: &str) -> String {
    tag.trim().trim_start_matches("W/").trim_matches('"').to_owned()
}

/// An object as a listing or an answer tells of it.
pub fn listed(url: ObjectUrl, meta: &ObjectMeta) -> InputFile {
    let edition = tag(meta).map_or_else(|| Edition::Modified(modified_ns(meta)), Edition::Tag);
    InputFile { location: Location::Remote(url), bytes: meta.size, edition }
}

/// Asks for one object, which tells at the same time whether ranges can be had of it.
///
/// # Errors
/// An object that is not there or cannot be read.
pub async fn describe(url: ObjectUrl) -> Result<InputFile> {
    let (store, path) = store_of(&url)?;
    let meta = again(|| async {
        if url.is_http() {
            let options = GetOptions { range: Some(GetRange::Bounded(0..1)), ..Default::default() };
            store.get_opts(&path, options).await.map(|answer| answer.meta)
        } else {
            store.head(&path).await
        }
    });
    Ok(listed(url.clone(), &meta.await.map_err(|error| explain(&error, &url))?))
}

/// All objects below a URL.
///
/// # Errors
/// A store that cannot be reached or gives no access.
pub async fn below(url: &ObjectUrl) -> Result<Vec<ObjectMeta>> {
    let (store, path) = store_of(url)?;
    let prefix = (!path.as_ref().is_empty()).then_some(&path);
    let list = again(|| store.list(prefix).try_collect::<Vec<ObjectMeta>>());
    let found = list.await.map_err(|error| explain(&error, url))?;
    // a listing that tells no ETags is rare, and the time of change is a poor one
    let tagged = found.into_iter().map(|meta| {
        let store = Arc::clone(&store);
        async move {
            match &meta.e_tag {
                Some(_) => Ok(meta),
                None => again(|| store.head(&meta.location)).await,
            }
        }
    });
    let tagged: object_store::Result<Vec<_>> =
        futures::stream::iter(tagged).buffered(64).try_collect().await;
    tagged.map_err(|error| explain(&error, url))
}

/// Does a request that changes nothing again when its answer breaks off, which the library does not
/// once the answer has begun.
pub async fn again<T, F: Future<Output = object_store::Result<T>>>(
    request: impl Fn() -> F,
) -> object_store::Result<T> {
    for idle in 1..IDLE {
        match in_turn(request()).await {
            Err(error @ Error::Generic { .. }) if is_broken(&error) => {
                pause(idle).await;
            }
            answer => return answer,
        }
    }
    in_turn(request()).await
}

/// True where a connection broke, which the next may not.
fn is_broken(error: &object_store::Error) -> bool {
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return error.kind() != HttpErrorKind::Connect;
        }
        next = error.source();
    }
    false
}

/// Why an answer broke off.
pub fn broken(error: &object_store::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Ranges in order, those together between which there is little.
fn joined(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted: Vec<_> = ranges.iter().filter(|r| !r.is_empty()).cloned().collect();
    sorted.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match joined.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP) => {
                last.end = last.end.max(range.end);
            }
            _ => joined.push(range),
        }
    }
    joined
}

/// The error of a reader, which keeps nothing but text.
pub fn io_error(error: &anyhow::Error) -> std::io::Error {
    std::io::Error::other(anyhow!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_near_each_other_are_read_together() {
        let far = 10 * GAP;
        assert_eq!(joined(&[5..9, 0..3, 7..12, far..far + 1]), [0..12, far..far + 1]);
        assert_eq!(joined(&[far..far + 1, 0..3, 4..4]), [0..3, far..far + 1]);
    }

    #[test]
    fn tags_are_the_same_however_they_are_written() {
        assert_eq!(bare_tag("W/\"a-1\""), "a-1");
        assert_eq!(bare_tag("0x8D"), bare_tag("\"0x8D\""));
    }
}
