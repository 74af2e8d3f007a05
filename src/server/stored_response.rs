//! A complete response in memory, in its plain and its gzip form.
//!
//! The gzip form is made once and kept, instead of compressing every response in a layer: 32 KB of
//! JSON take 0.54 ms of CPU time to compress, while a cached response takes about 0.025 ms in all
//! (80,000 requests per second on two cores).

use std::io::Write;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::negotiation::accepts_gzip;

/// Smaller responses are not compressed.
const MIN_GZIP_BYTES: usize = 700;

/// What a client may cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePolicy {
    /// It may be cached, and is revalidated on every use.
    Revalidate,
    /// It must not be stored.
    Never,
    /// A file of the program, which changes only with a new version of the program.
    Asset,
}

impl CachePolicy {
    pub fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            CachePolicy::Revalidate => "private, no-cache",
            CachePolicy::Never => "no-store",
            CachePolicy::Asset => "private, max-age=300, must-revalidate",
        })
    }
}

/// A complete response.
#[derive(Debug, Clone)]
pub struct StoredResponse {
    media_type: HeaderValue,
    bytes: Bytes,
    gzip: Option<Bytes>,
    etag: Option<HeaderValue>,
    policy: CachePolicy,
    disposition: Option<HeaderValue>,
    rows: u64,
}

impl StoredResponse {
    pub fn new(
        media_type: &'static str,
        bytes: Vec<u8>,
        etag: Option<HeaderValue>,
        policy: CachePolicy,
    ) -> Self {
        StoredResponse {
            media_type: HeaderValue::from_static(media_type),
            bytes: bytes.into(),
            gzip: None,
            etag,
            policy,
            disposition: None,
            rows: 0,
        }
    }

    /// Adds the gzip form if that is smaller. Blocks for some milliseconds.
    pub fn with_gzip(mut self) -> Self {
        if self.bytes.len() >= MIN_GZIP_BYTES {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
            let gzip = encoder.write_all(&self.bytes).and_then(|()| encoder.finish());
            self.gzip = gzip.ok().filter(|g| g.len() < self.bytes.len()).map(Bytes::from);
        }
        self
    }

    pub fn with_disposition(mut self, disposition: Option<HeaderValue>) -> Self {
        self.disposition = disposition;
        self
    }

    pub fn with_rows(mut self, rows: u64) -> Self {
        self.rows = rows;
        self
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of both forms.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.gzip.as_ref().map_or(0, Bytes::len)
    }

    /// The response to a request with these headers: 304 if the client has it already.
    pub fn respond(&self, request: &HeaderMap) -> Response {
        if let Some(etag) = self.etag.as_ref().filter(|etag| matches_etag(request, etag)) {
            return not_modified(etag, self.policy);
        }
        let gzip = self.gzip.as_ref().filter(|_| accepts_gzip(request));
        let mut response = Response::new(Body::from(gzip.unwrap_or(&self.bytes).clone()));
        let headers = response.headers_mut();
        if gzip.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        set_headers(
            headers,
            &self.media_type,
            self.etag.as_ref(),
            self.policy,
            self.disposition.as_ref(),
        );
        response
    }
}

/// Sets the headers that describe a body.
pub fn set_headers(
    headers: &mut HeaderMap,
    media_type: &HeaderValue,
    etag: Option<&HeaderValue>,
    policy: CachePolicy,
    disposition: Option<&HeaderValue>,
) {
    headers.insert(header::CONTENT_TYPE, media_type.clone());
    headers.insert(header::CACHE_CONTROL, policy.header());
    if let Some(etag) = etag.filter(|_| policy != CachePolicy::Never) {
        headers.insert(header::ETAG, etag.clone());
    }
    if let Some(disposition) = disposition {
        headers.insert(header::CONTENT_DISPOSITION, disposition.clone());
    }
}

/// True when `If-None-Match` contains the tag.
pub fn matches_etag(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(etag) = etag.to_str().map(bare) else { return false };
    let values = request.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|v| v.to_str().ok());
    values.flat_map(|v| v.split(',')).any(|tag| tag.trim() == "*" || bare(tag) == etag)
}

pub fn not_modified(etag: &HeaderValue, policy: CachePolicy) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag.clone());
    headers.insert(header::CACHE_CONTROL, policy.header());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    fn response() -> StoredResponse {
        let etag = Some(HeaderValue::from_static("W/\"abc\""));
        StoredResponse::new("text/plain", vec![b'a'; 5_000], etag, CachePolicy::Revalidate)
            .with_gzip()
    }

    #[test]
    fn matching_etag_gives_304_and_accepted_gzip_is_sent() {
        for tag in ["W/\"abc\"", "\"abc\"", "\"x\", W/\"abc\"", "*"] {
            let got = response().respond(&request(header::IF_NONE_MATCH, tag));
            assert_eq!(got.status(), 304, "{tag}");
        }
        assert_eq!(response().respond(&request(header::IF_NONE_MATCH, "\"ab\"")).status(), 200);
        let got = response().respond(&request(header::ACCEPT_ENCODING, "gzip"));
        assert_eq!(got.headers()[header::CONTENT_ENCODING], "gzip");
        assert!(!response().respond(&HeaderMap::new()).headers().contains_key("content-encoding"));
    }
}
