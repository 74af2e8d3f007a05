//! An S3 store in memory: unlike one whose bucket is a folder, it has keys of any length and no folders.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use s3s::dto::*;
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use sha2::{Digest, Sha256};

/// The objects of all buckets by key, and uploads that are not complete.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, Upload>,
    next_upload: u64,
}

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    etag: String,
    modified: SystemTime,
}

struct Upload {
    key: String,
    parts: BTreeMap<i32, Bytes>,
}

impl Object {
    fn new(bytes: Bytes) -> Object {
        let etag = digest(&bytes);
        Object { bytes, etag, modified: SystemTime::now() }
    }

    fn etag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn collected(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(body) = body else { return Ok(Bytes::new()) };
    let parts: Result<Vec<Bytes>, _> = body.try_collect().await;
    let parts = parts.map_err(|_| s3_error!(IncompleteBody))?;
    let mut all = BytesMut::new();
    parts.iter().for_each(|part| all.extend_from_slice(part));
    Ok(all.freeze())
}

impl Memory {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap()
    }

    pub fn put(&self, key: &str, bytes: Vec<u8>) {
        self.content().objects.insert(key.to_owned(), Object::new(bytes.into()));
    }

    /// Names of the objects with this prefix.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let content = self.content();
        content.objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }
}

type Answer<T> = S3Result<S3Response<T>>;

#[async_trait::async_trait]
impl S3 for Memory {
    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        let content = self.content();
        let object = content.objects.get(&req.input.key).ok_or_else(|| s3_error!(NoSuchKey))?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(object.bytes.len() as i64),
            e_tag: Some(object.etag()),
            last_modified: Some(object.modified.into()),
            ..Default::default()
        }))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let content = self.content();
        let object = content.objects.get(&req.input.key).ok_or_else(|| s3_error!(NoSuchKey))?;
        let length = object.bytes.len() as u64;
        let range = req.input.range.map(|range| range.check(length)).transpose()?;
        let content_range =
            range.as_ref().map(|r| format!("bytes {}-{}/{length}", r.start, r.end - 1));
        let range = range.unwrap_or(0..length);
        let bytes = object.bytes.slice(range.start as usize..range.end as usize);
        Ok(S3Response::new(GetObjectOutput {
            content_length: Some(bytes.len() as i64),
            content_range,
            e_tag: Some(object.etag()),
            last_modified: Some(object.modified.into()),
            body: Some(Body::from(bytes).into()),
            ..Default::default()
        }))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let PutObjectInput { key, body, if_match, if_none_match, .. } = req.input;
        let object = Object::new(collected(body).await?);
        let mut content = self.content();
        let current = content.objects.get(&key).map(Object::etag);
        let expected = if_match.as_ref().and_then(ETagCondition::as_etag);
        let differs = expected.is_some_and(|etag| current.as_ref() != Some(etag));
        if differs || if_none_match.is_some() && current.is_some() {
            return Err(s3_error!(PreconditionFailed));
        }
        let e_tag = Some(object.etag());
        content.objects.insert(key, object);
        Ok(S3Response::new(PutObjectOutput { e_tag, ..Default::default() }))
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let CopySource::Bucket { key, .. } = &req.input.copy_source else {
            return Err(s3_error!(NotImplemented));
        };
        let mut content = self.content();
        let object = content.objects.get(&**key).cloned().ok_or_else(|| s3_error!(NoSuchKey))?;
        let copy_object_result = Some(CopyObjectResult {
            e_tag: Some(object.etag()),
            last_modified: Some(object.modified.into()),
            ..Default::default()
        });
        content.objects.insert(req.input.key, object);
        Ok(S3Response::new(CopyObjectOutput { copy_object_result, ..Default::default() }))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        self.content().objects.remove(&req.input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> Answer<DeleteObjectsOutput> {
        let mut deleted = Vec::new();
        for object in req.input.delete.objects {
            self.content().objects.remove(&object.key);
            deleted.push(DeletedObject { key: Some(object.key), ..Default::default() });
        }
        Ok(S3Response::new(DeleteObjectsOutput { deleted: Some(deleted), ..Default::default() }))
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> Answer<ListObjectsV2Output> {
        let input = req.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.clone().or(input.start_after.clone());
        let most = usize::try_from(input.max_keys.unwrap_or(1_000)).unwrap_or(1_000);
        let delimiter = input.delimiter.clone().filter(|delimiter| !delimiter.is_empty());
        let content = self.content();
        let mut contents = Vec::new();
        let mut folders = BTreeSet::new();
        let mut next = None;
        for (key, object) in content.objects.iter().filter(|(key, _)| key.starts_with(&prefix)) {
            let rest = &key[prefix.len()..];
            let folder = delimiter.as_ref().and_then(|delimiter| {
                Some(format!("{prefix}{}{delimiter}", rest.split_once(delimiter.as_str())?.0))
            });
            let name = folder.as_ref().unwrap_or(key);
            if after.as_ref().is_some_and(|after| name <= after) || folders.contains(name) {
                continue;
            }
            if contents.len() + folders.len() == most {
                let last: Option<String> = contents
                    .last()
                    .and_then(|object: &s3s::dto::Object| object.key.clone())
                    .max(folders.last().cloned());
                next = last;
                break;
            }
            match folder {
                Some(folder) => {
                    folders.insert(folder);
                }
                None => contents.push(s3s::dto::Object {
                    key: Some(key.clone()),
                    size: Some(object.bytes.len() as i64),
                    e_tag: Some(object.etag()),
                    last_modified: Some(object.modified.into()),
                    ..Default::default()
                }),
            }
        }
        let prefixes = folders.into_iter().map(|prefix| CommonPrefix { prefix: Some(prefix) });
        let common_prefixes: Vec<CommonPrefix> = prefixes.collect();
        Ok(S3Response::new(ListObjectsV2Output {
            key_count: Some((contents.len() + common_prefixes.len()) as i32),
            is_truncated: Some(next.is_some()),
            next_continuation_token: next,
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            max_keys: input.max_keys,
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        let CreateMultipartUploadInput { bucket, key, .. } = req.input;
        let mut content = self.content();
        content.next_upload += 1;
        let id = format!("upload-{}", content.next_upload);
        content.uploads.insert(id.clone(), Upload { key: key.clone(), parts: BTreeMap::new() });
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        let UploadPartInput { upload_id, part_number, body, .. } = req.input;
        let bytes = collected(body).await?;
        let e_tag = Some(ETag::Strong(digest(&bytes)));
        let mut content = self.content();
        let upload = content.uploads.get_mut(&upload_id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        upload.parts.insert(part_number, bytes);
        Ok(S3Response::new(UploadPartOutput { e_tag, ..Default::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let CompleteMultipartUploadInput { bucket, key, upload_id, .. } = req.input;
        let mut content = self.content();
        let upload = content.uploads.remove(&upload_id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        let mut whole = BytesMut::new();
        upload.parts.values().for_each(|part| whole.extend_from_slice(part));
        let object = Object::new(whole.freeze());
        let e_tag = Some(object.etag());
        content.objects.insert(key.clone(), object);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            e_tag,
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        self.content().uploads.remove(&req.input.upload_id);
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        let prefix = req.input.prefix.clone().unwrap_or_default();
        let content = self.content();
        let open = content.uploads.iter().filter(|(_, upload)| upload.key.starts_with(&prefix));
        let uploads = open.map(|(id, upload)| MultipartUpload {
            key: Some(upload.key.clone()),
            upload_id: Some(id.clone()),
            initiated: Some(SystemTime::now().into()),
            ..Default::default()
        });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(req.input.bucket),
            is_truncated: Some(false),
            prefix: req.input.prefix,
            uploads: Some(uploads.collect()),
            ..Default::default()
        }))
    }
}
