//! Connections to object stores. Credentials and other settings come from the environment variables
//! that the tools of each store use.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::error::explain;
use super::url::ObjectUrl;

/// Clients by bucket, or by whole URL for web servers, so that connections are reused.
static STORES: LazyLock<Mutex<HashMap<String, Arc<dyn ObjectStore>>>> =
    LazyLock::new(Mutex::default);

/// The client for a URL, and the path of the object in its bucket. No request is made yet.
///
/// # Errors
/// Contradictory settings in the environment; an invalid object name.
pub fn store_for(url: &ObjectUrl) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let whole = url.reveal();
    let (key, path) = if url.is_http() {
        // the client would append a path behind the signature in the URL
        (whole.as_str().to_owned(), Path::default())
    } else {
        (whole[..url::Position::AfterHost].to_owned(), url.key()?)
    };
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    let store = match stores.get(&key) {
        Some(store) => Arc::clone(store),
        None => {
            let store = build(url).map_err(|error| explain(&error, url))?;
            stores.insert(key, Arc::clone(&store));
            store
        }
    };
    Ok((store, path))
}

fn build(url: &ObjectUrl) -> object_store::Result<Arc<dyn ObjectStore>> {
    let bucket = &url.reveal()[..url::Position::AfterHost];
    Ok(match url.reveal().scheme() {
        "s3" | "s3a" => {
            Arc::new(AmazonS3Builder::from_env().with_url(bucket).with_retry(retry()).build()?)
        }
        "gs" => Arc::new(
            GoogleCloudStorageBuilder::from_env().with_url(bucket).with_retry(retry()).build()?,
        ),
        "http" | "https" => Arc::new(
            HttpBuilder::new()
                .with_url(url.reveal().as_str())
                .with_client_options(ClientOptions::new().with_allow_http(true))
                .with_retry(retry())
                .build()?,
        ),
        _ => Arc::new(
            MicrosoftAzureBuilder::from_env().with_url(bucket).with_retry(retry()).build()?,
        ),
    })
}

/// Six more attempts, which take about ten seconds if no server answers.
fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 6,
        retry_timeout: Duration::from_mins(1),
    }
}
