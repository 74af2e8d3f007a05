//! A prefix of an object store that is used as a folder of outputs.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use anyhow::{Result, bail};
use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutResult, UpdateVersion,
};
use serde::{Deserialize, Serialize};

use super::error::{explain, lacks_conditional_puts};
use super::object::{list_prefix, normalize_etag};
use super::retry::retry;
use super::runtime::{self, block_on};
use super::stores::store_for;
use super::url::ObjectUrl;

/// What identifies the content of an object in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectEntry {
    pub bytes: u64,
    /// Without quotes; `None` if the store assigns none.
    pub etag: Option<String>,
}

impl ObjectEntry {
    /// True if `found` has this content, as far as the store can tell.
    pub fn matches(&self, found: &ObjectEntry) -> bool {
        self.bytes == found.bytes && (self.etag == found.etag || self.etag.is_none())
    }
}

/// A version of an object, for conditional writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectVersion {
    pub(super) etag: Option<String>,
    pub(super) number: Option<String>,
}

impl ObjectVersion {
    /// True if both are the same version, as far as the store can tell.
    pub fn is(&self, other: &ObjectVersion) -> bool {
        let etag = |version: &ObjectVersion| version.etag.as_deref().map(normalize_etag);
        etag(self) == etag(other) && (self.number == other.number || self.etag.is_some())
    }
}

/// The outcome of one request.
enum Attempt {
    Ended(PutOutcome),
    /// The condition does not hold; with the current version, if the object exists.
    Refused(Option<ObjectVersion>),
}

/// The ETag as it was received, without quotes, and with quotes: servers compare it in one of these.
fn notations(etag: Option<&str>) -> Vec<Option<String>> {
    let Some(etag) = etag else { return vec![None] };
    let plain = normalize_etag(etag);
    let mut all = vec![etag.to_owned(), plain.clone(), format!("\"{plain}\"")];
    let mut seen = std::collections::HashSet::new();
    all.retain(|notation| seen.insert(notation.clone()));
    all.into_iter().map(Some).collect()
}

/// The condition of a write.
#[derive(Debug, Clone)]
pub enum PutCondition {
    /// No object of this name exists.
    Absent,
    /// The object has this version.
    Version(ObjectVersion),
}

/// The outcome of a conditional write.
#[derive(Debug, Clone)]
pub enum PutOutcome {
    Done(ObjectVersion),
    /// The condition does not hold.
    Conflict,
    /// The store does not support conditional puts, for this reason.
    Unsupported(String),
}

/// A prefix of an object store.
#[derive(Debug, Clone)]
pub struct RemoteFolder {
    pub(super) url: ObjectUrl,
    pub(super) store: Arc<dyn ObjectStore>,
    path: Path,
    /// Why conditional puts are not supported, once the store has refused one.
    unsupported: Arc<OnceLock<String>>,
}

impl RemoteFolder {
    /// # Errors
    /// A URL of a store that cannot hold outputs.
    pub fn new(text: &str) -> Result<Self> {
        let url = ObjectUrl::parse(text)?;
        if url.is_http() {
            bail!("{url}: outputs cannot be written to a web server; use s3://, gs:// or az://");
        }
        let (store, path) = store_for(&url)?;
        Ok(RemoteFolder { url, store, path, unsupported: Arc::default() })
    }

    pub fn url(&self) -> &ObjectUrl {
        &self.url
    }

    /// Path and URL of an object of the folder.
    pub(super) fn locate(&self, name: &str) -> (Path, ObjectUrl) {
        let path: Path = self.path.parts().chain(Path::from(name).parts()).collect();
        let url = self.url.with_key(&path);
        (path, url)
    }

    /// All objects by name.
    ///
    /// # Errors
    /// A store that cannot be reached or denies access.
    pub fn list(&self) -> Result<BTreeMap<String, ObjectEntry>> {
        let (url, prefix) = (self.url.clone(), self.path.clone());
        block_on(async move {
            let found = list_prefix(&url).await?;
            let named = found.into_iter().filter_map(|meta| {
                let name: Path = meta.location.prefix_match(&prefix)?.collect();
                let etag = meta.e_tag.as_deref().map(normalize_etag);
                Some((name.to_string(), ObjectEntry { bytes: meta.size, etag }))
            });
            Ok(named.collect())
        })
    }

    /// Reads a small object and its version; `None` if it does not exist.
    ///
    /// # Errors
    /// A store that cannot be reached or denies access.
    pub fn read(&self, name: &str) -> Result<Option<(Bytes, ObjectVersion)>> {
        let folder = self.clone();
        let name = name.to_owned();
        block_on(async move { folder.read_async(&name).await })
    }

    /// [`RemoteFolder::read`] without waiting.
    ///
    /// # Errors
    /// As [`RemoteFolder::read`].
    pub async fn read_async(&self, name: &str) -> Result<Option<(Bytes, ObjectVersion)>> {
        let (path, url) = self.locate(name);
        match self.get(&path).await {
            Ok(object) => Ok(Some(object)),
            // a missing bucket is reported in the same way
            Err(Error::NotFound { source, .. }) if !source.to_string().contains("NoSuchBucket") => {
                Ok(None)
            }
            Err(error) => Err(explain(&error, &url)),
        }
    }

    /// Writes a small object if the condition holds.
    ///
    /// # Errors
    /// A store that cannot be reached or denies access.
    pub fn put_if(
        &self,
        name: &str,
        bytes: Vec<u8>,
        condition: PutCondition,
    ) -> Result<PutOutcome> {
        let folder = self.clone();
        let name = name.to_owned();
        block_on(async move { folder.put_if_async(&name, bytes, condition).await })
    }

    /// [`RemoteFolder::put_if`] without waiting.
    ///
    /// # Errors
    /// As [`RemoteFolder::put_if`].
    pub async fn put_if_async(
        &self,
        name: &str,
        bytes: Vec<u8>,
        condition: PutCondition,
    ) -> Result<PutOutcome> {
        if let Some(reason) = self.unsupported.get() {
            return Ok(PutOutcome::Unsupported(reason.clone()));
        }
        let bytes = Bytes::from(bytes);
        let outcome = match condition {
            PutCondition::Absent => self.create(name, &bytes).await?,
            PutCondition::Version(version) => self.replace(name, &bytes, &version).await?,
        };
        if let PutOutcome::Unsupported(reason) = &outcome {
            let _ = self.unsupported.set(reason.clone());
        }
        Ok(outcome)
    }

    async fn create(&self, name: &str, bytes: &Bytes) -> Result<PutOutcome> {
        // an object that ceases to exist between two requests is possible, but not twice in a row
        for _ in 0..2 {
            match self.attempt(name, bytes, PutMode::Create).await? {
                Attempt::Refused(None) => {}
                Attempt::Refused(Some(_)) => return Ok(PutOutcome::Conflict),
                Attempt::Ended(outcome) => return Ok(outcome),
            }
        }
        Ok(PutOutcome::Unsupported("the store answers that a missing object exists".to_owned()))
    }

    async fn replace(
        &self,
        name: &str,
        bytes: &Bytes,
        version: &ObjectVersion,
    ) -> Result<PutOutcome> {
        for etag in notations(version.etag.as_deref()) {
            let update = UpdateVersion { e_tag: etag, version: version.number.clone() };
            match self.attempt(name, bytes, PutMode::Update(update)).await? {
                // the store compares the ETag in another notation
                Attempt::Refused(Some(current)) if current.is(version) => {}
                Attempt::Refused(_) => return Ok(PutOutcome::Conflict),
                Attempt::Ended(outcome) => return Ok(outcome),
            }
        }
        Ok(PutOutcome::Unsupported(
            "the store answers that an unchanged object has changed".to_owned(),
        ))
    }

    /// One conditional put. If the condition does not hold, the version of the object is looked up.
    async fn attempt(&self, name: &str, bytes: &Bytes, mode: PutMode) -> Result<Attempt> {
        let (path, url) = self.locate(name);
        let options = PutOptions { mode, ..PutOptions::default() };
        let put = retry(|| self.store.put_opts(&path, bytes.clone().into(), options.clone()));
        Ok(match put.await {
            Ok(PutResult { e_tag, version }) => {
                Attempt::Ended(PutOutcome::Done(ObjectVersion { etag: e_tag, number: version }))
            }
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                // if the response to our own write was lost, the retry finds that write
                match self.get(&path).await {
                    Ok((current, version)) if current == *bytes => {
                        Attempt::Ended(PutOutcome::Done(version))
                    }
                    Ok((_, version)) => Attempt::Refused(Some(version)),
                    Err(Error::NotFound { .. }) => Attempt::Refused(None),
                    Err(error) => return Err(explain(&error, &url)),
                }
            }
            Err(error) => match lacks_conditional_puts(&error) {
                Some(reason) => Attempt::Ended(PutOutcome::Unsupported(reason)),
                None => return Err(explain(&error, &url)),
            },
        })
    }

    async fn get(&self, path: &Path) -> object_store::Result<(Bytes, ObjectVersion)> {
        retry(|| async {
            let response = self.store.get(path).await?;
            let meta = &response.meta;
            let version = ObjectVersion { etag: meta.e_tag.clone(), number: meta.version.clone() };
            Ok((response.bytes().await?, version))
        })
        .await
    }

    /// Writes a small object unconditionally.
    ///
    /// # Errors
    /// A store that cannot be reached or denies access.
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<ObjectVersion> {
        let folder = self.clone();
        let name = name.to_owned();
        block_on(async move { folder.put_async(&name, bytes).await })
    }

    /// [`RemoteFolder::put`] without waiting.
    ///
    /// # Errors
    /// As [`RemoteFolder::put`].
    pub async fn put_async(&self, name: &str, bytes: Vec<u8>) -> Result<ObjectVersion> {
        let (path, url) = self.locate(name);
        let bytes = Bytes::from(bytes);
        let put = retry(|| self.store.put(&path, bytes.clone().into())).await;
        let put = put.map_err(|error| explain(&error, &url))?;
        Ok(ObjectVersion { etag: put.e_tag, number: put.version })
    }

    /// Deletes objects; those that do not exist are ignored.
    ///
    /// # Errors
    /// A store that cannot be reached or denies access.
    pub fn delete(&self, names: &[String]) -> Result<()> {
        let paths: Vec<_> = names.iter().map(|name| Ok(self.locate(name).0)).collect();
        let (store, url) = (Arc::clone(&self.store), self.url.clone());
        block_on(async move {
            let mut deleted = store.delete_stream(futures::stream::iter(paths).boxed());
            while let Some(result) = deleted.next().await {
                match result {
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(explain(&error, &url)),
                }
            }
            Ok(())
        })
    }

    /// Runs a task on the threads for object stores until it ends or is aborted.
    ///
    /// # Errors
    /// A system that cannot start threads.
    pub fn spawn(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Result<tokio::task::AbortHandle> {
        Ok(runtime::get()?.spawn(task).abort_handle())
    }
}
