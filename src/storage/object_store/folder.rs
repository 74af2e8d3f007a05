//! A prefix of a store as a folder of outputs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path as LocalPath;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Error, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    PutResult, UpdateVersion,
};
use serde::{Deserialize, Serialize};

use super::explain::explain;
use super::object::{Object, again, bare_tag, below};
use super::runtime::{runtime, wait};
use super::stores::store_of;
use super::url::ObjectUrl;
use crate::storage::atomic::AtomicFile;
use crate::storage::inputs::Edition;

/// Longer files go in parts of this length, of which so many are in memory at a time.
const PART: usize = 16 << 20;
const PARTS: usize = 4;

/// One object of the folder, by what tells it from others of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub bytes: u64,
    /// Without quotes; none where the store gives none.
    pub etag: Option<String>,
}

impl Entry {
    /// True of an object that can be no other than this, as far as the store tells.
    pub fn is(&self, found: &Entry) -> bool {
        self.bytes == found.bytes && (self.etag == found.etag || self.etag.is_none())
    }
}

/// A version of an object, as the store wants to hear it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    etag: Option<String>,
    number: Option<String>,
}

/// On what a small object is put.
#[derive(Debug, Clone)]
pub enum On {
    /// Nothing of its name is there.
    Nothing,
    /// This version is there.
    Version(Version),
}

/// What came of it.
#[derive(Debug, Clone)]
pub enum Put {
    Done(Version),
    /// Something else is there.
    Conflict,
    /// The store cannot tell.
    Unable,
}

/// Objects whose names begin alike.
#[derive(Debug, Clone)]
pub struct RemoteFolder {
    url: ObjectUrl,
    store: Arc<dyn ObjectStore>,
    path: Path,
}

impl RemoteFolder {
    /// # Errors
    /// A URL of a store that takes no outputs.
    pub fn new(text: &str) -> Result<Self> {
        let url = ObjectUrl::parse(text)?;
        if url.is_http() {
            bail!("{url}: a web server takes no outputs; write s3://, gs:// or az://");
        }
        let (store, path) = store_of(&url)?;
        Ok(RemoteFolder { url, store, path })
    }

    pub fn url(&self) -> &ObjectUrl {
        &self.url
    }

    fn of(&self, name: &str) -> (Path, ObjectUrl) {
        let path: Path = self.path.parts().chain(Path::from(name).parts()).collect();
        let url = self.url.with_key(&path);
        (path, url)
    }

    /// All objects by name.
    ///
    /// # Errors
    /// A store that cannot be reached or gives no access.
    pub fn list(&self) -> Result<BTreeMap<String, Entry>> {
        let (url, prefix) = (self.url.clone(), self.path.clone());
        wait(async move {
            let found = below(&url).await?;
            let named = found.into_iter().filter_map(|meta| {
                let name: Path = meta.location.prefix_match(&prefix)?.collect();
                let etag = meta.e_tag.as_deref().map(bare_tag);
                Some((name.to_string(), Entry { bytes: meta.size, etag }))
            });
            Ok(named.collect())
        })
    }

    /// A small object, with its version; `None` where there is none.
    ///
    /// # Errors
    /// A store that cannot be reached or gives no access.
    pub fn read(&self, name: &str) -> Result<Option<(Bytes, Version)>> {
        let (path, url) = self.of(name);
        let folder = self.clone();
        wait(async move {
            match folder.read_now(&path).await {
                Ok(read) => Ok(Some(read)),
                // of a bucket that is not there, the store says so too
                Err(Error::NotFound { source, .. })
                    if !source.to_string().contains("NoSuchBucket") =>
                {
                    Ok(None)
                }
                Err(error) => Err(explain(&error, &url)),
            }
        })
    }

    /// Puts a small object, unless something else came before it.
    ///
    /// # Errors
    /// A store that cannot be reached or gives no access.
    pub fn write(&self, name: &str, bytes: Vec<u8>, on: On) -> Result<Put> {
        let folder = self.clone();
        let name = name.to_owned();
        wait(async move { folder.write_on(&name, bytes, on).await })
    }

    /// The same, to be waited for by others.
    ///
    /// # Errors
    /// As [`RemoteFolder::write`].
    pub async fn write_on(&self, name: &str, bytes: Vec<u8>, on: On) -> Result<Put> {
        let (path, url) = self.of(name);
        let mode = match on {
            On::Nothing => PutMode::Create,
            On::Version(Version { etag, number }) => {
                PutMode::Update(UpdateVersion { e_tag: etag, version: number })
            }
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        let bytes = Bytes::from(bytes);
        let put = again(|| self.store.put_opts(&path, bytes.clone().into(), options.clone()));
        match put.await {
            Ok(PutResult { e_tag, version }) => {
                Ok(Put::Done(Version { etag: e_tag, number: version }))
            }
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                // where the answer to our own put was lost, the second attempt meets the first
                let there = self.read_now(&path).await;
                Ok(match there.map_err(|error| explain(&error, &url))? {
                    (there, version) if there == bytes => Put::Done(version),
                    _ => Put::Conflict,
                })
            }
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => Ok(Put::Unable),
            Err(error) => Err(explain(&error, &url)),
        }
    }

    async fn read_now(&self, path: &Path) -> object_store::Result<(Bytes, Version)> {
        again(|| async {
            let answer = self.store.get(path).await?;
            let meta = &answer.meta;
            let version = Version { etag: meta.e_tag.clone(), number: meta.version.clone() };
            Ok((answer.bytes().await?, version))
        })
        .await
    }

    /// Puts a small object whatever is there.
    ///
    /// # Errors
    /// A store that cannot be reached or gives no access.
    pub fn overwrite(&self, name: &str, bytes: Vec<u8>) -> Result<Version> {
        let (path, url) = self.of(name);
        let store = Arc::clone(&self.store);
        wait(async move {
            let bytes = Bytes::from(bytes);
            let put = again(|| store.put(&path, bytes.clone().into())).await;
            let put = put.map_err(|error| explain(&error, &url))?;
            Ok(Version { etag: put.e_tag, number: put.version })
        })
    }

    /// Puts files under their names, several at a time; gives what the store made of each, in order.
    ///
    /// # Errors
    /// A file that cannot be read; a store that cannot be reached or takes nothing.
    pub fn put_files(&self, root: &LocalPath, names: Vec<String>) -> Result<Vec<Entry>> {
        let (folder, root) = (Arc::new(self.clone()), Arc::<LocalPath>::from(root));
        let put = names.into_iter().map(move |name| {
            let (folder, root) = (Arc::clone(&folder), Arc::clone(&root));
            async move { folder.put_file(&root, &name).await }
        });
        wait(futures::stream::iter(put).buffered(PARTS).try_collect())
    }

    async fn put_file(&self, root: &LocalPath, name: &str) -> Result<Entry> {
        let local = root.join(name);
        let context = || format!("cannot read {}", local.display());
        let mut file = File::open(&local).with_context(context)?;
        let bytes = file.metadata().with_context(context)?.len();
        let (path, url) = self.of(name);
        let put = if bytes <= PART as u64 {
            let whole: PutPayload = part(&mut file).with_context(context)?.into();
            again(|| self.store.put(&path, whole.clone())).await
        } else {
            again(|| self.put_parts(&path, &local)).await
        };
        let put = put.map_err(|error| explain(&error, &url))?;
        Ok(Entry { bytes, etag: put.e_tag.as_deref().map(bare_tag) })
    }

    async fn put_parts(&self, path: &Path, local: &LocalPath) -> object_store::Result<PutResult> {
        let mut upload = self.store.put_multipart(path).await?;
        let put = in_parts(local, upload.as_mut()).await;
        if put.is_err() {
            // parts that nobody completes cost their owner money
            let _ = upload.abort().await;
        }
        put
    }

    /// Fetches objects into files below `root`, each whole or not at all.
    ///
    /// # Errors
    /// An object that is not the one of its entry; a folder that cannot be written; a store that
    /// cannot be reached.
    pub fn get_files(&self, root: &LocalPath, files: Vec<(String, Entry)>) -> Result<()> {
        let (folder, root) = (Arc::new(self.clone()), Arc::<LocalPath>::from(root));
        let got = files.into_iter().map(move |(name, entry)| {
            let (folder, root) = (Arc::clone(&folder), Arc::clone(&root));
            async move { folder.get_file(&root, &name, &entry).await }
        });
        wait(futures::stream::iter(got).buffer_unordered(PARTS).try_collect())
    }

    async fn get_file(&self, root: &LocalPath, name: &str, entry: &Entry) -> Result<()> {
        let (path, url) = self.of(name);
        let edition = entry.etag.clone().map_or(Edition::Modified(0), Edition::Tag);
        let store = Arc::clone(&self.store);
        let object = Object { url, bytes: entry.bytes, edition, store, path };
        let target = AtomicFile::new(&root.join(name))?;
        let mut file = target.create()?;
        for start in (0..entry.bytes).step_by(PART) {
            let some = object.range(start..entry.bytes.min(start + PART as u64)).await?;
            std::io::Write::write_all(&mut file, &some)
                .with_context(|| format!("cannot write {}", root.join(name).display()))?;
        }
        target.commit()
    }

    /// Removes objects; one that is gone already is no error.
    ///
    /// # Errors
    /// A store that cannot be reached or gives no access.
    pub fn remove(&self, names: &[String]) -> Result<()> {
        let paths: Vec<_> = names.iter().map(|name| Ok(self.of(name).0)).collect();
        let (store, url) = (Arc::clone(&self.store), self.url.clone());
        wait(async move {
            let mut removed = store.delete_stream(futures::stream::iter(paths).boxed());
            while let Some(one) = removed.next().await {
                match one {
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(explain(&error, &url)),
                }
            }
            Ok(())
        })
    }

    /// Has something done on the threads for stores until the handle is aborted.
    ///
    /// # Errors
    /// A system that gives no threads.
    pub fn meanwhile(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Result<tokio::task::AbortHandle> {
        Ok(runtime()?.spawn(work).abort_handle())
    }
}

/// The next part of a file, shorter at its end.
fn part(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(PART as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

async fn in_parts(
    local: &LocalPath,
    upload: &mut dyn MultipartUpload,
) -> object_store::Result<PutResult> {
    let unread = |e: std::io::Error| Error::Generic { store: "local file", source: Box::new(e) };
    let mut file = File::open(local).map_err(unread)?;
    let mut under_way = futures::stream::FuturesUnordered::new();
    loop {
        let bytes = part(&mut file).map_err(unread)?;
        if bytes.is_empty() {
            break;
        }
        under_way.push(upload.put_part(bytes.into()));
        if under_way.len() >= PARTS
            && let Some(done) = under_way.next().await
        {
            done?;
        }
    }
    while let Some(done) = under_way.next().await {
        done?;
    }
    upload.complete().await
}
