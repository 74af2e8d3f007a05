//! A prefix of an object store that is used as a folder of outputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, bail};
use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutResult, UpdateVersion,
};
use serde::{Deserialize, Serialize};

use super::error::explain;
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
    /// The store does not support conditional writes.
    Unsupported,
}

/// A prefix of an object store.
#[derive(Debug, Clone)]
pub struct RemoteFolder {
    pub(super) url: ObjectUrl,
    pub(super) store: Arc<dyn ObjectStore>,
    path: Path,
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
        Ok(RemoteFolder { url, store, path })
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
        let (path, url) = self.locate(name);
        let folder = self.clone();
        block_on(async move {
            match folder.get(&path).await {
                Ok(object) => Ok(Some(object)),
                // a missing bucket is reported in the same way
                Err(Error::NotFound { source, .. })
                    if !source.to_string().contains("NoSuchBucket") =>
                {
                    Ok(None)
                }
                Err(error) => Err(explain(&error, &url)),
            }
        })
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
        let (path, url) = self.locate(name);
        let mode = match condition {
            PutCondition::Absent => PutMode::Create,
            PutCondition::Version(ObjectVersion { etag, number }) => {
                PutMode::Update(UpdateVersion { e_tag: etag, version: number })
            }
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        let bytes = Bytes::from(bytes);
        let put = retry(|| self.store.put_opts(&path, bytes.clone().into(), options.clone()));
        match put.await {
            Ok(PutResult { e_tag, version }) => {
                Ok(PutOutcome::Done(ObjectVersion { etag: e_tag, number: version }))
            }
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                // if the response to our own write was lost, the retry finds that write
                match self.get(&path).await {
                    Ok((current, version)) if current == bytes => Ok(PutOutcome::Done(version)),
                    Ok(_) | Err(Error::NotFound { .. }) => Ok(PutOutcome::Conflict),
                    Err(error) => Err(explain(&error, &url)),
                }
            }
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                Ok(PutOutcome::Unsupported)
            }
            Err(error) => Err(explain(&error, &url)),
        }
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
        let (path, url) = self.locate(name);
        let store = Arc::clone(&self.store);
        block_on(async move {
            let bytes = Bytes::from(bytes);
            let put = retry(|| store.put(&path, bytes.clone().into())).await;
            let put = put.map_err(|error| explain(&error, &url))?;
            Ok(ObjectVersion { etag: put.e_tag, number: put.version })
        })
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
