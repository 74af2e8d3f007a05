//! One object, read in ranges. All bytes belong to the version that was listed, or reading fails.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Result, bail};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::error::{explain, store_error};
use super::retry::{RetryBudget, is_broken_connection, retry, root_cause};
use super::runtime::with_permit;
use super::stores::store_for;
use super::url::ObjectUrl;
use crate::storage::inputs::{FileVersion, InputFile};
use crate::storage::location::Location;

/// Bytes of one request. Longer ranges are split, so that several connections transfer them and a
/// broken connection costs little.
const MAX_REQUEST_BYTES: u64 = 8 << 20;
/// Ranges with a smaller gap between them are read by one request, which takes about as long as
/// transferring the gap.
const MAX_GAP_BYTES: u64 = 1 << 20;

/// An object as it was listed.
#[derive(Debug, Clone)]
pub struct Object {
    pub url: ObjectUrl,
    pub bytes: u64,
    pub version: FileVersion,
    pub store: Arc<dyn ObjectStore>,
    pub path: Path,
}

/// Some bytes of an object.
#[derive(Debug, Clone)]
pub struct LoadedRange {
    /// Position of the first byte.
    pub start: u64,
    pub bytes: Bytes,
}

impl Object {
    /// # Errors
    /// As [`store_for`].
    pub fn new(url: &ObjectUrl, input: &InputFile) -> Result<Self> {
        let (store, path) = store_for(url)?;
        let (bytes, version) = (input.bytes, input.version.clone());
        Ok(Object { url: url.clone(), bytes, version, store, path })
    }

    /// Reads ranges; those close to each other are returned as one.
    ///
    /// # Errors
    /// A store that cannot be reached or denies access; an object that differs from the listing.
    pub async fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<LoadedRange>> {
        let merged = merge(ranges);
        if let Some(range) = merged.iter().find(|range| range.end > self.bytes) {
            bail!("{}: bytes up to {} of {} are requested", self.url, range.end, self.bytes);
        }
        let all = merged.into_iter().map(|range| async {
            let start = range.start;
            Ok(LoadedRange { start, bytes: self.read_range(range).await? })
        });
        futures::future::try_join_all(all).await
    }

    /// Reads one range by parallel requests.
    ///
    /// # Errors
    /// As [`Object::read_ranges`].
    pub async fn read_range(&self, range: Range<u64>) -> Result<Bytes> {
        let mut rest = BytesMut::with_capacity(usize::try_from(range.end - range.start)?);
        let mut parts = Vec::new();
        for start in (range.start..range.end).step_by(MAX_REQUEST_BYTES as usize) {
            let end = range.end.min(start + MAX_REQUEST_BYTES);
            let behind = rest.split_off((end - start) as usize);
            parts.push(self.read_part(start..end, std::mem::replace(&mut rest, behind)));
        }
        let parts = futures::future::try_join_all(parts).await?;
        // the parts are adjacent in one allocation, so nothing is copied
        let whole = parts.into_iter().reduce(|mut whole, part| {
            whole.unsplit(part);
            whole
        });
        Ok(whole.unwrap_or_default().freeze())
    }

    /// Continues after a broken connection, as long as attempts make progress.
    async fn read_part(&self, range: Range<u64>, mut body: BytesMut) -> Result<BytesMut> {
        let mut budget = RetryBudget::default();
        loop {
            let before = body.len() as u64;
            let rest = range.start + before..range.end;
            let reason = match with_permit(self.attempt(rest, &mut body)).await? {
                None => return Ok(body),
                Some(reason) => reason,
            };
            budget.wait(body.len() as u64 > before, &self.url, &reason).await?;
        }
    }

    /// Makes one request. Returns the reason if the response was interrupted.
    async fn attempt(&self, range: Range<u64>, body: &mut BytesMut) -> Result<Option<String>> {
        let expected = body.len() as u64 + range.end - range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let response = match self.store.get_opts(&self.path, options).await {
            Err(error @ Error::Generic { .. }) if is_broken_connection(&error) => {
                return Ok(Some(root_cause(&error)));
            }
            response => response.map_err(|error| explain(&error, &self.url))?,
        };
        self.check_version(&response.meta)?;
        let mut stream = response.into_stream();
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(chunk) => body.extend_from_slice(&chunk),
                Err(error) => return Ok(Some(root_cause(&error))),
            }
            if body.len() as u64 > expected {
                return Err(store_error!(
                    "{}: the server sends more bytes than were requested",
                    self.url
                ));
            }
        }
        Ok(((body.len() as u64) < expected).then(|| "the response ends early".to_owned()))
    }

    /// # Errors
    /// A response that belongs to another version than the listed one.
    pub fn check_version(&self, meta: &ObjectMeta) -> Result<()> {
        let same = match (&self.version, etag(meta)) {
            (FileVersion::Tag(listed), Some(now)) => *listed == now,
            (FileVersion::Modified(0), _) | (FileVersion::Tag(_), None) => true,
            // headers have whole seconds, listings may be more precise
            (FileVersion::Modified(listed), _) => {
                listed / NS_PER_SECOND == modified_ns(meta) / NS_PER_SECOND
            }
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

const NS_PER_SECOND: u128 = 1_000_000_000;

fn modified_ns(meta: &ObjectMeta) -> u128 {
    meta.last_modified.timestamp_nanos_opt().and_then(|ns| ns.try_into().ok()).unwrap_or(0)
}

fn etag(meta: &ObjectMeta) -> Option<String> {
    Some(normalize_etag(meta.e_tag.as_ref()?))
}

/// The ETag without the weakness mark and quotes, which listings and headers write differently.
pub fn normalize_etag(tag: &str) -> String {
    tag.trim().trim_start_matches("W/").trim_matches('"').to_owned()
}

/// The input that a listing or response describes.
pub fn input_file(url: ObjectUrl, meta: &ObjectMeta) -> InputFile {
    let version =
        etag(meta).map_or_else(|| FileVersion::Modified(modified_ns(meta)), FileVersion::Tag);
    InputFile { location: Location::Remote(url), bytes: meta.size, version }
}

/// Requests size and version of one object. Of a web server it also finds out whether it supports
/// range requests.
///
/// # Errors
/// An object that does not exist or cannot be read.
pub async fn head(url: ObjectUrl) -> Result<InputFile> {
    let (store, path) = store_for(&url)?;
    let meta = retry(|| async {
        if url.is_http() {
            let options = GetOptions { range: Some(GetRange::Bounded(0..1)), ..Default::default() };
            store.get_opts(&path, options).await.map(|response| response.meta)
        } else {
            store.head(&path).await
        }
    });
    Ok(input_file(url.clone(), &meta.await.map_err(|error| explain(&error, &url))?))
}

/// Lists all objects below a URL.
///
/// # Errors
/// A store that cannot be reached or denies access.
pub async fn list_prefix(url: &ObjectUrl) -> Result<Vec<ObjectMeta>> {
    let (store, path) = store_for(url)?;
    let prefix = (!path.as_ref().is_empty()).then_some(&path);
    let list = retry(|| store.list(prefix).try_collect::<Vec<ObjectMeta>>());
    let found = list.await.map_err(|error| explain(&error, url))?;
    // listings without ETags are rare, and a modification time is a poor substitute
    let tagged = found.into_iter().map(|meta| {
        let store = Arc::clone(&store);
        async move {
            match &meta.e_tag {
                Some(_) => Ok(meta),
                None => retry(|| store.head(&meta.location)).await,
            }
        }
    });
    let tagged: object_store::Result<Vec<_>> =
        futures::stream::iter(tagged).buffered(64).try_collect().await;
    tagged.map_err(|error| explain(&error, url))
}

/// Sorts ranges and merges those with small gaps between them.
fn merge(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted: Vec<_> = ranges.iter().filter(|r| !r.is_empty()).cloned().collect();
    sorted.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(MAX_GAP_BYTES) => {
                last.end = last.end.max(range.end);
            }
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_with_small_gaps_are_merged() {
        let far = 10 * MAX_GAP_BYTES;
        assert_eq!(merge(&[5..9, 0..3, 7..12, far..far + 1]), [0..12, far..far + 1]);
        assert_eq!(merge(&[far..far + 1, 0..3, 4..4]), [0..3, far..far + 1]);
    }

    #[test]
    fn etags_compare_equal_in_every_notation() {
        assert_eq!(normalize_etag("W/\"a-1\""), "a-1");
        assert_eq!(normalize_etag("0x8D"), normalize_etag("\"0x8D\""));
    }
}
