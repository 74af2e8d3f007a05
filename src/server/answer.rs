//! A whole answer in memory, in its plain and its gzip form.

use std::io::Write;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::negotiate::takes_gzip;

/// Smaller answers do not gain by gzip.
const LEAST_GZIP_BYTES: usize = 700;

/// What a client may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePolicy {
    /// Keep it and ask each time whether it still holds.
    Revalidate,
    /// Keep nothing.
    Never,
    /// Files of the program: they change with the program only.
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

/// An answer that is complete.
#[derive(Debug, Clone)]
pub struct Answer {
    media: HeaderValue,
    bytes: Bytes,
    gzip: Option<Bytes>,
    etag: Option<HeaderValue>,
    policy: CachePolicy,
    disposition: Option<HeaderValue>,
    rows: u64,
}

impl Answer {
    pub fn new(
        media: &'static str,
        bytes: Vec<u8>,
        etag: Option<HeaderValue>,
        policy: CachePolicy,
    ) -> Self {
        Answer {
            media: HeaderValue::from_static(media),
            bytes: bytes.into(),
            gzip: None,
            etag,
            policy,
            disposition: None,
            rows: 0,
        }
    }

    /// With its gzip form, where that is smaller. Takes a while for large answers.
    pub fn packed(mut self) -> Self {
        if self.bytes.len() >= LEAST_GZIP_BYTES {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
            let packed = encoder.write_all(&self.bytes).and_then(|()| encoder.finish());
            self.gzip = packed.ok().filter(|g| g.len() < self.bytes.len()).map(Bytes::from);
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

    pub fn bytes_held(&self) -> usize {
        self.bytes.len() + self.gzip.as_ref().map_or(0, Bytes::len)
    }

    /// The response to a request with these headers: 304 where the client has it already.
    pub fn respond(&self, request: &HeaderMap) -> Response {
        if let Some(etag) = self.etag.as_ref().filter(|etag| is_known(request, etag)) {
            return not_modified(etag, self.policy);
        }
        let packed = self.gzip.as_ref().filter(|_| takes_gzip(request));
        let mut response = Response::new(Body::from(packed.unwrap_or(&self.bytes).clone()));
        let headers = response.headers_mut();
        if packed.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        describe(headers, &self.media, self.etag.as_ref(), self.policy, self.disposition.as_ref());
        response
    }
}

/// The headers that describe a body.
pub fn describe(
    headers: &mut HeaderMap,
    media: &HeaderValue,
    etag: Option<&HeaderValue>,
    policy: CachePolicy,
    disposition: Option<&HeaderValue>,
) {
    headers.insert(header::CONTENT_TYPE, media.clone());
    headers.insert(header::CACHE_CONTROL, policy.header());
    if let Some(etag) = etag.filter(|_| policy != CachePolicy::Never) {
        headers.insert(header::ETAG, etag.clone());
    }
    if let Some(disposition) = disposition {
        headers.insert(header::CONTENT_DISPOSITION, disposition.clone());
    }
}

/// True when `If-None-Match` names the tag.
pub fn is_known(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(wanted) = etag.to_str().map(bare) else { return false };
    let values = request.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|v| v.to_str().ok());
    values.flat_map(|v| v.split(',')).any(|tag| tag.trim() == "*" || bare(tag) == wanted)
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

    fn answer() -> Answer {
        let etag = Some(HeaderValue::from_static("W/\"abc\""));
        Answer::new("text/plain", vec![b'a'; 5_000], etag, CachePolicy::Revalidate).packed()
    }

    #[test]
    fn a_client_that_has_it_gets_304_and_one_that_unpacks_gets_gzip() {
        for tag in ["W/\"abc\"", "\"abc\"", "\"x\", W/\"abc\"", "*"] {
            let response = answer().respond(&request(header::IF_NONE_MATCH, tag));
            assert_eq!(response.status(), 304, "{tag}");
        }
        assert_eq!(answer().respond(&request(header::IF_NONE_MATCH, "\"ab\"")).status(), 200);
        let response = answer().respond(&request(header::ACCEPT_ENCODING, "gzip"));
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
        assert!(!answer().respond(&HeaderMap::new()).headers().contains_key("content-encoding"));
    }
}
