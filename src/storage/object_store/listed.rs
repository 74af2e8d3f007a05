//! Inputs as a store of their own, for engines that read stores: what they get belongs to the
//! objects as they were listed, over connections that are taken up again.

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

use super::object::Object;
use super::runtime;
use crate::storage::Location;
use crate::storage::inputs::InputFile;

const NAME: &str = "inputs";

/// Objects by their number.
#[derive(Debug)]
pub struct Listed(Vec<Object>);

impl Listed {
    /// # Errors
    /// A URL that names no object.
    pub fn new<'a>(inputs: impl Iterator<Item = &'a InputFile>) -> anyhow::Result<Self> {
        let object = |input: &InputFile| match &input.location {
            Location::Remote(url) => Some(Object::new(url, input)),
            Location::Local(_) => None,
        };
        Ok(Listed(inputs.filter_map(object).collect::<anyhow::Result<_>>()?))
    }

    /// The name under which an object is asked for.
    pub fn name(number: usize) -> String {
        format!("{number}.parquet")
    }

    fn get(&self, location: &Path) -> Result<&Object> {
        let number = location.as_ref().strip_suffix(".parquet").and_then(|n| n.parse().ok());
        let object = number.and_then(|number: usize| self.0.get(number));
        object.ok_or_else(|| Error::NotFound {
            path: location.to_string(),
            source: "it is none of the inputs".into(),
        })
    }
}

/// Does the work on the threads for stores: connections belong to the runtime that made them, and an
/// engine's own may end before others are done with them.
async fn there<T: Send + 'static>(
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> Result<T> {
    let generic = |source| Error::Generic { store: NAME, source };
    let runtime = runtime::runtime().map_err(|error| generic(error.into()))?;
    runtime.spawn(work).await?.map_err(|error| generic(format!("{error:#}").into()))
}

fn refused<T>(operation: &str) -> Result<T> {
    Err(Error::NotImplemented { operation: operation.to_owned(), implementer: NAME.to_owned() })
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

#[async_trait]
impl ObjectStore for Listed {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let object = self.get(location)?.clone();
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: DateTime::<Utc>::UNIX_EPOCH,
            size: object.bytes,
            e_tag: Some(object.edition.to_string()),
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
            let wanted = range.clone();
            let bytes = there(async move { object.range(wanted).await }).await?;
            stream::iter([Ok(bytes)]).boxed()
        };
        let payload = GetResultPayload::Stream(stream);
        Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let object = self.get(location)?.clone();
        let wanted = ranges.to_vec();
        let pieces = there(async move { object.ranges(&wanted).await }).await?;
        let cut = |range: &Range<u64>| {
            let held = |(at, bytes): &(u64, Bytes)| {
                let from = usize::try_from(range.start.checked_sub(*at)?).ok()?;
                let to = usize::try_from(range.end.checked_sub(*at)?).ok()?;
                (to <= bytes.len()).then(|| bytes.slice(from..to))
            };
            pieces.iter().find_map(held).unwrap_or_default()
        };
        Ok(ranges.iter().map(cut).collect())
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        refused("put")
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        refused("put")
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        stream::iter([refused("delete")]).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::iter([refused("list")]).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        refused("list")
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        refused("copy")
    }
}
