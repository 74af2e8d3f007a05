//! The store behind a URL. What the URL leaves open, above all credentials, comes from the variables
//! of the environment that the tools of each store know.

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

use super::explain::explain;
use super::url::ObjectUrl;

/// Stores by bucket, or by whole URL for web servers. One store keeps its connections.
static STORES: LazyLock<Mutex<HashMap<String, Arc<dyn ObjectStore>>>> =
    LazyLock::new(Mutex::default);

/// The store of a URL, and the name of the object in it. Nothing is asked of the store yet.
///
/// # Errors
/// Settings in the environment that contradict each other; a name that no object can have.
pub fn store_of(url: &ObjectUrl) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let whole = url.reveal();
    let (key, path) = if url.is_http() {
        // the store appends names to its URL, where a signature may stand behind the name
        (whole.as_str().to_owned(), Path::default())
    } else {
        (whole[..url::Position::AfterHost].to_owned(), url.key()?)
    };
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    let store = match stores.get(&key) {
        Some(store) => Arc::clone(store),
        None => {
            let store = built(url).map_err(|error| explain(&error, url))?;
            stores.insert(key, Arc::clone(&store));
            store
        }
    };
    Ok((store, path))
}

fn built(url: &ObjectUrl) -> object_store::Result<Arc<dyn ObjectStore>> {
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

/// Six more attempts, which take about ten seconds where nobody answers at all.
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
