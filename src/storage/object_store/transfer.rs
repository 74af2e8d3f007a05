//! Uploads and downloads of the files of a [`RemoteFolder`].

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path as LocalPath;
use std::sync::Arc;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, MultipartUpload, ObjectStoreExt, PutPayload, PutResult};

use super::error::explain;
use super::folder::{ObjectEntry, RemoteFolder};
use super::object::{Object, normalize_etag};
use super::retry::retry;
use super::runtime::block_on;
use crate::storage::atomic::AtomicFile;
use crate::storage::inputs::FileVersion;

/// Longer files are transferred in parts of this size.
const PART_BYTES: usize = 16 << 20;
/// Files, and parts of one file, that are transferred concurrently.
const MAX_CONCURRENT: usize = 4;

impl RemoteFolder {
    /// Uploads files below `root` under their names. Returns the objects in the same order.
    ///
    /// # Errors
    /// A file that cannot be read; a store that cannot be reached or denies access.
    pub fn upload(&self, root: &LocalPath, names: Vec<String>) -> Result<Vec<ObjectEntry>> {
        let (folder, root) = (Arc::new(self.clone()), Arc::<LocalPath>::from(root));
        let uploads = names.into_iter().map(move |name| {
            let (folder, root) = (Arc::clone(&folder), Arc::clone(&root));
            async move { folder.upload_file(&root, &name).await }
        });
        block_on(futures::stream::iter(uploads).buffered(MAX_CONCURRENT).try_collect())
    }

    async fn upload_file(&self, root: &LocalPath, name: &str) -> Result<ObjectEntry> {
        let local = root.join(name);
        let context = || format!("cannot read {}", local.display());
        let mut file = File::open(&local).with_context(context)?;
        let bytes = file.metadata().with_context(context)?.len();
        let (path, url) = self.locate(name);
        let put = if bytes <= PART_BYTES as u64 {
            let whole: PutPayload = read_part(&mut file).with_context(context)?.into();
            retry(|| self.store.put(&path, whole.clone())).await
        } else {
            retry(|| self.upload_in_parts(&path, &local)).await
        };
        let put = put.map_err(|error| explain(&error, &url))?;
        Ok(ObjectEntry { bytes, etag: put.e_tag.as_deref().map(normalize_etag) })
    }

    async fn upload_in_parts(
        &self,
        path: &Path,
        local: &LocalPath,
    ) -> object_store::Result<PutResult> {
        let mut upload = self.store.put_multipart(path).await?;
        let put = put_parts(local, upload.as_mut()).await;
        if put.is_err() {
            // stores charge for parts of incomplete uploads
            let _ = upload.abort().await;
        }
        put
    }

    /// Downloads objects into files below `root`, each completely or not at all.
    ///
    /// # Errors
    /// An object that differs from its entry; a folder that is not writable; a store that cannot be
    /// reached or denies access.
    pub fn download(&self, root: &LocalPath, files: Vec<(String, ObjectEntry)>) -> Result<()> {
        let (folder, root) = (Arc::new(self.clone()), Arc::<LocalPath>::from(root));
        let downloads = files.into_iter().map(move |(name, entry)| {
            let (folder, root) = (Arc::clone(&folder), Arc::clone(&root));
            async move { folder.download_file(&root, &name, &entry).await }
        });
        block_on(futures::stream::iter(downloads).buffer_unordered(MAX_CONCURRENT).try_collect())
    }

    async fn download_file(&self, root: &LocalPath, name: &str, entry: &ObjectEntry) -> Result<()> {
        let (path, url) = self.locate(name);
        let version = entry.etag.clone().map_or(FileVersion::Modified(0), FileVersion::Tag);
        let store = Arc::clone(&self.store);
        let object = Object { url, bytes: entry.bytes, version, store, path };
        let target = AtomicFile::new(&root.join(name))?;
        let mut file = target.create()?;
        for start in (0..entry.bytes).step_by(PART_BYTES) {
            let end = entry.bytes.min(start + PART_BYTES as u64);
            let part = object.read_range(start..end).await?;
            file.write_all(&part)
                .with_context(|| format!("cannot write {}", root.join(name).display()))?;
        }
        target.commit()
    }
}

/// The next part of a file; empty at its end.
fn read_part(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(PART_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

async fn put_parts(
    local: &LocalPath,
    upload: &mut dyn MultipartUpload,
) -> object_store::Result<PutResult> {
    let unreadable =
        |e: std::io::Error| Error::Generic { store: "local file", source: Box::new(e) };
    let mut file = File::open(local).map_err(unreadable)?;
    let mut uploads = futures::stream::FuturesUnordered::new();
    loop {
        let bytes = read_part(&mut file).map_err(unreadable)?;
        if bytes.is_empty() {
            break;
        }
        uploads.push(upload.put_part(bytes.into()));
        if uploads.len() >= MAX_CONCURRENT
            && let Some(done) = uploads.next().await
        {
            done?;
        }
    }
    while let Some(done) = uploads.next().await {
        done?;
    }
    upload.complete().await
}
