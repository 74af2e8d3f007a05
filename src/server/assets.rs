//! Responses for the scripts, styles and the page of the dashboard, which are compiled into the program.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::http::HeaderValue;
use lru::LruCache;

use super::stored_response::{CachePolicy, StoredResponse};
use crate::output::data_version::digest;
use crate::output::html::{Templates, assets};

/// Pages of the dashboard that are kept, one for each prefix.
const MAX_DASHBOARDS: usize = 16;

/// A response for every asset, compressed once when the server starts, and those for the dashboard by what
/// its links begin with.
pub struct AssetResponses {
    by_name: BTreeMap<String, Arc<StoredResponse>>,
    dashboards: Mutex<LruCache<String, Arc<StoredResponse>>>,
}

impl AssetResponses {
    pub fn new() -> Self {
        let responses = assets::all().map(|asset| {
            let etag = HeaderValue::from_str(&format!("W/\"{}\"", asset.hash)).ok();
            let bytes = asset.bytes.into_owned();
            let response = StoredResponse::new(asset.media_type, bytes, etag, CachePolicy::Asset);
            let response = response.with_gzip();
            (asset.name.into_owned(), Arc::new(response))
        });
        let dashboards = Mutex::new(LruCache::unbounded());
        AssetResponses { by_name: responses.collect(), dashboards }
    }

    pub fn get(&self, name: &str) -> Option<Arc<StoredResponse>> {
        self.by_name.get(name).map(Arc::clone)
    }

    /// The dashboard whose links to routes begin with `root`.
    ///
    /// # Errors
    /// Those of the template engine.
    pub fn dashboard(&self, templates: &Templates, root: &str) -> Result<Arc<StoredResponse>> {
        let mut dashboards = self.dashboards.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(response) = dashboards.get(root) {
            return Ok(Arc::clone(response));
        }
        let page = templates.dashboard(root)?;
        let etag = HeaderValue::from_str(&format!("W/\"{}\"", digest(&[&page]))).ok();
        let media_type = "text/html; charset=utf-8";
        let policy = CachePolicy::Revalidate;
        let response = StoredResponse::new(media_type, page.into_bytes(), etag, policy).with_gzip();
        let response = Arc::new(response);
        dashboards.put(root.to_owned(), Arc::clone(&response));
        if dashboards.len() > MAX_DASHBOARDS {
            dashboards.pop_lru();
        }
        Ok(response)
    }
}
