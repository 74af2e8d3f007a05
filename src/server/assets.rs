//! Responses for the scripts, styles and pages that are compiled into the program.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::HeaderValue;

use super::stored_response::{CachePolicy, StoredResponse};
use crate::output::html::assets;

/// A response for every asset, compressed once when the server starts.
pub struct AssetResponses {
    by_name: BTreeMap<String, Arc<StoredResponse>>,
}

impl AssetResponses {
    pub fn new() -> Self {
        let responses = assets::all().map(|asset| {
            let etag = HeaderValue::from_str(&format!("W/\"{}\"", asset.hash)).ok();
            let policy = match asset.name.ends_with(".html") {
                true => CachePolicy::Revalidate,
                false => CachePolicy::Asset,
            };
            let bytes = asset.bytes.into_owned();
            let response = StoredResponse::new(asset.media_type, bytes, etag, policy).with_gzip();
            (asset.name.into_owned(), Arc::new(response))
        });
        AssetResponses { by_name: responses.collect() }
    }

    pub fn get(&self, name: &str) -> Option<Arc<StoredResponse>> {
        self.by_name.get(name).map(Arc::clone)
    }
}
