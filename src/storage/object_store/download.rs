//! Downloads of whole objects as a stream of bytes.

use anyhow::{Result, bail};
use bytes::Bytes;
use futures::StreamExt;
use object_store::{GetOptions, GetRange, ObjectStore};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::error::{explain, lacks_range_support};
use super::object::{Object, input_file};
use super::retry::{RetryBudget, root_cause};
use super::runtime::{self, block_on, with_permit};
use super::stores::store_for;
use super::url::ObjectUrl;
use crate::storage::inputs::InputFile;

/// Chunks that wait to be written, of some ten KiB each.
const QUEUED_CHUNKS: usize = 64;

/// A part of a download.
#[derive(Debug)]
pub enum Chunk {
    /// The next bytes.
    Bytes(Bytes),
    /// The download starts again from the first byte, because the server does not support range
    /// requests.
    Restart,
}

/// Requests size and version of an object to download. Unlike inputs that are read in place, it may be
/// on a server that does not support range requests.
///
/// # Errors
/// An object that does not exist or cannot be read.
pub fn head(url: &ObjectUrl) -> Result<InputFile> {
    let url = url.clone();
    block_on(async move {
        let (store, path) = store_for(&url)?;
        let one = GetOptions { range: Some(GetRange::Bounded(0..1)), ..GetOptions::default() };
        let response = match with_permit(store.get_opts(&path, one)).await {
            Err(error) if lacks_range_support(&error) => {
                with_permit(store.get_opts(&path, GetOptions::default())).await
            }
            response => response,
        };
        let response = response.map_err(|error| explain(&error, &url))?;
        Ok(input_file(url.clone(), &response.meta))
    })
}

/// Starts to download an object from position `start`. The receiver gets errors that occur later.
///
/// # Errors
/// As [`store_for`].
pub fn download(url: &ObjectUrl, input: &InputFile, start: u64) -> Result<Receiver<Result<Chunk>>> {
    let object = Object::new(url, input)?;
    let (sender, receiver) = channel(QUEUED_CHUNKS);
    runtime::get()?.spawn(async move {
        if let Err(error) = send(&object, start, &sender).await {
            // the receiver may be gone
            let _ = sender.send(Err(error)).await;
        }
    });
    Ok(receiver)
}

/// Continues after a broken connection, as long as attempts make progress.
async fn send(object: &Object, start: u64, sender: &Sender<Result<Chunk>>) -> Result<()> {
    let (mut position, mut farthest, mut budget) = (start, start, RetryBudget::default());
    while position < object.bytes {
        let reason = with_permit(attempt(object, &mut position, sender)).await?;
        let Some(reason) = reason else { return Ok(()) };
        budget.wait(position > farthest, &object.url, &reason).await?;
        farthest = farthest.max(position);
    }
    Ok(())
}

/// Makes one request. Returns the reason if the response was interrupted.
async fn attempt(
    object: &Object,
    position: &mut u64,
    sender: &Sender<Result<Chunk>>,
) -> Result<Option<String>> {
    let range = (*position > 0).then_some(GetRange::Bounded(*position..object.bytes));
    let options = GetOptions { range, ..GetOptions::default() };
    let response = match object.store.get_opts(&object.path, options).await {
        Err(error) if lacks_range_support(&error) => {
            *position = 0;
            if sender.send(Ok(Chunk::Restart)).await.is_err() {
                return Ok(None);
            }
            object.store.get_opts(&object.path, GetOptions::default()).await
        }
        response => response,
    };
    let response = response.map_err(|error| explain(&error, &object.url))?;
    object.check_version(&response.meta)?;
    let mut stream = response.into_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => return Ok(Some(root_cause(&error))),
        };
        *position += chunk.len() as u64;
        if *position > object.bytes {
            bail!("{}: the server sends more bytes than it announced", object.url);
        }
        if sender.send(Ok(Chunk::Bytes(chunk))).await.is_err() {
            return Ok(None);
        }
    }
    Ok((*position < object.bytes).then(|| "the response ends early".to_owned()))
}
