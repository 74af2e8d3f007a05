//! Inputs as an [`ObjectStore`] for query engines. All bytes belong to the objects as they were listed,
//! and broken connections are resumed.

use std::fmt;
use std::future::Future;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

use super::object::{LoadedRange, Object};
use super::runtime;
use crate::storage::Location;
use crate::storage::inputs::InputFile;

const NAME: &str = "inputs";

/// Objects that are named by their number.
#[derive(Debug)]
pub struct InputStore(Vec<Object>);

impl InputStore {
    /// # Errors
    /// An invalid object name.
    pub fn new<'a>(inputs: impl Iterator<Item = &'a InputFile>) -> anyhow::Result<Self> {
        let object = |input: &InputFile| match &input.location {
            Location::Remote(url) => Some(Object::new(url, input)),
            Location::Local(_) => None,
        };
        Ok(InputStore(inputs.filter_map(object).collect::<anyhow::Result<_>>()?))
    }

    /// The name of an object in this store.
    pub fn name(number: usize) -> String {
        format!("{number}.parquet")
    }

    fn get(&self, location: &Path) -> Result<&Object> {
        let number = location.as_ref().strip_suffix(".parquet").and_then(|n| n.parse().ok());
        let object = number.and_then(|number: usize| self.0.get(number));
        object.ok_or_else(|| Error::NotFound {
            path: location.to_string(),
            source: "it is not one of the inputs".into(),
        })
    }
}

/// Does the work on the threads for object stores: a connection belongs to the runtime that opened
/// it, and the runtime of an engine may end earlier.
async fn on_store_threads<T: Send + 'static>(
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> Result<T> {
    let generic = |source| Error::Generic { store: NAME, source };
    let runtime = runtime::get().map_err(|error| generic(error.into()))?;
    runtime.spawn(work).await?.map_err(|error| generic(format!("{error:#}").into()))
}

fn unsupported<T>(operation: &str) -> Result<T> {
    Err(Error::NotImplemented { operation: operation.to_owned(), implementer: NAME.to_owned() })
}

impl fmt::Display for InputStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

#[async_trait]
impl ObjectStore for InputStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let object = self.get(location)?.clone();
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: DateTime::<Utc>::UNIX_EPOCH,
            size: object.bytes,
            e_tag: Some(object.version.to_string()),
            version: None,
        };
        let range = match &options.range {
            Some(range) => range
                .as_range(object.bytes)
                .map_err(|e| Error::Generic { store: NAME, source: Box::new(e) })?,
            None => 0..object.bytes,
        };
        let stream = if options.head {
            stream::empty().boxed()
        } else {
            let requested = range.clone();
            let bytes = on_store_threads(async move { object.read_range(requested).await }).await?;
            stream::iter([Ok(bytes)]).boxed()
        };
        let payload = GetResultPayload::Stream(stream);
        Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let object = self.get(location)?.clone();
        let requested = ranges.to_vec();
        let loaded = on_store_threads(async move { object.read_ranges(&requested).await }).await?;
        let cut = |range: &Range<u64>| {
            let slice = |loaded: &LoadedRange| {
                let from = usize::try_from(range.start.checked_sub(loaded.start)?).ok()?;
                let to = usize::try_from(range.end.checked_sub(loaded.start)?).ok()?;
                (to <= loaded.bytes.len()).then(|| loaded.bytes.slice(from..to))
            };
            loaded.iter().find_map(slice).unwrap_or_default()
        };
        Ok(ranges.iter().map(cut).collect())
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        unsupported("put")
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        unsupported("put")
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        stream::iter([unsupported("delete")]).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::iter([unsupported("list")]).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        unsupported("list")
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unsupported("copy")
    }
}
