//! Whole objects, byte after byte, for those who copy them.

use anyhow::{Result, bail};
use bytes::Bytes;
use futures::StreamExt;
use object_store::{GetOptions, GetRange, ObjectStore};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::explain::{explain, gives_no_ranges};
use super::object::{Object, Patience, broken, listed};
use super::runtime::{in_turn, runtime, wait};
use super::stores::store_of;
use super::url::ObjectUrl;
use crate::storage::inputs::InputFile;

/// Pieces that wait to be written, of some ten KiB each.
const AHEAD: usize = 64;

/// What comes of an object.
#[derive(Debug)]
pub enum Sent {
    /// The next bytes.
    Bytes(Bytes),
    /// From here on the object comes once more from its first byte: the server gives no ranges.
    Again,
}

/// Asks for an object that will be copied; unlike those that are read, it may lie on a server that
/// gives no ranges.
///
/// # Errors
/// An object that is not there or cannot be read.
pub fn ask(url: &ObjectUrl) -> Result<InputFile> {
    let url = url.clone();
    wait(async move {
        let (store, path) = store_of(&url)?;
        let one = GetOptions { range: Some(GetRange::Bounded(0..1)), ..GetOptions::default() };
        let answer = match in_turn(store.get_opts(&path, one)).await {
            Err(error) if gives_no_ranges(&error) => {
                in_turn(store.get_opts(&path, GetOptions::default())).await
            }
            answer => answer,
        };
        Ok(listed(url.clone(), &answer.map_err(|error| explain(&error, &url))?.meta))
    })
}

/// Begins to fetch an object from a place on.
///
/// # Errors
/// As [`store_of`]. The receiver gets what is met later.
pub fn fetch(url: &ObjectUrl, input: &InputFile, from: u64) -> Result<Receiver<Result<Sent>>> {
    let object = Object::new(url, input)?;
    let (sender, receiver) = channel(AHEAD);
    runtime()?.spawn(async move {
        if let Err(error) = send(&object, from, &sender).await {
            // nobody may be waiting any more
            let _ = sender.send(Err(error)).await;
        }
    });
    Ok(receiver)
}

/// Goes on where a connection broke, as long as each brings something.
async fn send(object: &Object, from: u64, sender: &Sender<Result<Sent>>) -> Result<()> {
    let (mut at, mut farthest, mut patience) = (from, from, Patience::default());
    while at < object.bytes {
        let Some(cut) = in_turn(attempt(object, &mut at, sender)).await? else { return Ok(()) };
        patience.after(at > farthest, &object.url, &cut).await?;
        farthest = farthest.max(at);
    }
    Ok(())
}

/// One request; `Some` with the reason where its answer broke off.
async fn attempt(
    object: &Object,
    at: &mut u64,
    sender: &Sender<Result<Sent>>,
) -> Result<Option<String>> {
    let range = (*at > 0).then_some(GetRange::Bounded(*at..object.bytes));
    let options = GetOptions { range, ..GetOptions::default() };
    let answer = match object.store.get_opts(&object.path, options).await {
        Err(error) if gives_no_ranges(&error) => {
            *at = 0;
            if sender.send(Ok(Sent::Again)).await.is_err() {
                return Ok(None);
            }
            object.store.get_opts(&object.path, GetOptions::default()).await
        }
        answer => answer,
    };
    let answer = answer.map_err(|error| explain(&error, &object.url))?;
    object.refuse_another(&answer.meta)?;
    let mut stream = answer.into_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => return Ok(Some(broken(&error))),
        };
        *at += chunk.len() as u64;
        if *at > object.bytes {
            bail!("{}: the server gives more bytes than it announced", object.url);
        }
        if sender.send(Ok(Sent::Bytes(chunk))).await.is_err() {
            return Ok(None);
        }
    }
    Ok((*at < object.bytes).then(|| "it ends too early".to_owned()))
}
