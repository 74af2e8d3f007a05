//! Responses for the scripts, styles and the page of the dashboard, which are compiled into the program.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::http::HeaderValue;
use lru::LruCache;

use super::stored_response::{CachePolicy, StoredResponse};
use crate::output::data_version::digest;
use crate::output::html::{Templates, assets};

/// Pages without data that are kept, one for each template and prefix.
const MAX_PAGES: usize = 32;

/// A response for every asset, compressed once when the server starts, and those for the pages whose data the
/// browser requests, by template and by what their links begin with.
pub struct AssetResponses {
    by_name: BTreeMap<String, Arc<StoredResponse>>,
    pages: Mutex<LruCache<(&'static str, String), Arc<StoredResponse>>>,
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
        let pages = Mutex::new(LruCache::unbounded());
        AssetResponses { by_name: responses.collect(), pages }
    }

    pub fn get(&self, name: &str) -> Option<Arc<StoredResponse>> {
        self.by_name.get(name).map(Arc::clone)
    }

    /// The page of a template whose links to routes begin with `root`.
    ///
    /// # Errors
    /// Those of the template engine.
    pub fn page(
        &self,
        templates: &Templates,
        template: &'static str,
        root: &str,
    ) -> Result<Arc<StoredResponse>> {
        let key = (template, root.to_owned());
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(response) = pages.get(&key) {
            return Ok(Arc::clone(response));
        }
        let page = templates.page(template, root)?;
        let etag = HeaderValue::from_str(&format!("W/\"{}\"", digest(&[&page]))).ok();
        let media_type = "text/html; charset=utf-8";
        let policy = CachePolicy::Revalidate;
        let response = StoredResponse::new(media_type, page.into_bytes(), etag, policy).with_gzip();
        let response = Arc::new(response);
        pages.put(key, Arc::clone(&response));
        if pages.len() > MAX_PAGES {
            pages.pop_lru();
        }
        Ok(response)
    }
}
