//! Responses that are cached for one version of the loaded data. The routes fill the cache; it knows
//! none of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderValue;
use lru::LruCache;
use tokio::sync::OnceCell;

use super::stored_response::StoredResponse;
use crate::output::data_version::{DataVersion, digest};

/// Larger responses are not cached.
pub const MAX_RESPONSE_BYTES: usize = 1 << 20;
/// All cached responses together, their gzip forms included.
const MAX_BYTES: usize = 64 << 20;

/// The place of a response that is computed once.
type Slot = Arc<OnceCell<Arc<StoredResponse>>>;

/// A version of the data with the responses cached for it.
pub struct CachedVersion {
    pub version: DataVersion,
    responses: Mutex<Responses>,
    permanent: Mutex<HashMap<String, Slot>>,
}

impl CachedVersion {
    pub fn new(version: DataVersion) -> Self {
        CachedVersion { version, responses: Mutex::default(), permanent: Mutex::default() }
    }

    /// The entity tag of the response with that key: weak, because its gzip form has the same tag.
    pub fn etag(&self, key: &str) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("W/\"{}\"", digest(&[self.version.id(), key]))).ok()
    }

    pub fn get(&self, key: &str) -> Option<Arc<StoredResponse>> {
        lock(&self.responses).get(key)
    }

    pub fn insert(&self, key: String, response: Arc<StoredResponse>) {
        lock(&self.responses).insert(key, response);
    }

    /// The slot of a response that is never evicted and that only one request computes.
    pub fn permanent(&self, key: &str) -> Slot {
        Arc::clone(lock(&self.permanent).entry(key.to_owned()).or_default())
    }
}

/// Evicts the least recently used responses when they exceed the limit.
struct Responses {
    bytes: usize,
    by_key: LruCache<String, Arc<StoredResponse>>,
}

impl Default for Responses {
    fn default() -> Self {
        Responses { bytes: 0, by_key: LruCache::unbounded() }
    }
}

impl Responses {
    fn get(&mut self, key: &str) -> Option<Arc<StoredResponse>> {
        self.by_key.get(key).map(Arc::clone)
    }

    fn insert(&mut self, key: String, response: Arc<StoredResponse>) {
        let size = |key: &str, response: &StoredResponse| key.len() + response.size();
        self.bytes += size(&key, &response);
        if let Some((key, replaced)) = self.by_key.push(key, response) {
            self.bytes -= size(&key, &replaced);
        }
        while self.bytes > MAX_BYTES {
            let Some((key, evicted)) = self.by_key.pop_lru() else { break };
            self.bytes -= size(&key, &evicted);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::stored_response::CachePolicy;

    #[test]
    fn cache_stays_within_its_limit_and_evicts_the_oldest() {
        let mut responses = Responses::default();
        let response = || {
            let bytes = vec![7; MAX_RESPONSE_BYTES];
            Arc::new(StoredResponse::new("text/plain", bytes, None, CachePolicy::Revalidate))
        };
        for number in 0..200 {
            responses.insert(format!("{number}"), response());
            responses.insert(format!("{number}"), response());
        }
        assert!(responses.bytes <= MAX_BYTES && responses.bytes > MAX_BYTES / 2);
        assert!(responses.get("199").is_some() && responses.get("0").is_none());
    }
}
