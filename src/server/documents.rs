//! Documents that are computed once per version of the data: the route says how, and the cache keeps
//! the response.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::task::spawn_blocking;

use super::cache::{CachedVersion, MAX_RESPONSE_BYTES};
use super::problem::Problem;
use super::request_error::RequestError;
use super::state::{AppState, SharedState};
use super::stored_response::{CachePolicy, StoredResponse};
use crate::output::documents::LoadedData;
use crate::runtime::cancellation;

/// A request gives up when data is loaded this many times while it runs.
pub const MAX_ATTEMPTS: usize = 3;

/// Computes the bytes of a document. Blocks.
pub trait Make: Fn(&AppState, &LoadedData) -> Result<Vec<u8>> + Clone + Send + 'static {}

impl<F> Make for F where F: Fn(&AppState, &LoadedData) -> Result<Vec<u8>> + Clone + Send + 'static {}

/// The problem of a request during which data was loaded again and again.
pub fn still_loading() -> Problem {
    Problem::unavailable("data is being loaded; try again in a moment")
}

/// A document that every visitor needs: it is never evicted, and computed by one request while
/// others wait. `key` differs by `allow_user_rows` if the document does.
///
/// # Errors
/// 503 when the warehouse is unavailable; the errors of `make`.
pub async fn permanent(
    state: &SharedState,
    key: &str,
    media_type: &'static str,
    allow_user_rows: bool,
    make: impl Make,
) -> Result<Arc<StoredResponse>, Problem> {
    for _ in 0..MAX_ATTEMPTS {
        let current = state.monitor.current().await?;
        let slot = current.permanent(key);
        let document = Document { key, media_type, allow_user_rows };
        let compute = || compute(state, document, &current, make.clone());
        match slot.get_or_try_init(compute).await {
            Ok(response) => return Ok(Arc::clone(response)),
            Err(error) => retry_or_fail(state, error).await?,
        }
    }
    Err(still_loading())
}

/// A document that depends on parameters, which `key` contains. It can be evicted. `key` differs by
/// `allow_user_rows` if the document does.
///
/// # Errors
/// 503 when the warehouse is unavailable; the errors of `make`.
pub async fn evictable(
    state: &SharedState,
    key: &str,
    media_type: &'static str,
    allow_user_rows: bool,
    make: impl Make,
) -> Result<Arc<StoredResponse>, Problem> {
    for _ in 0..MAX_ATTEMPTS {
        let current = state.monitor.current().await?;
        if let Some(response) = current.get(key) {
            return Ok(response);
        }
        let document = Document { key, media_type, allow_user_rows };
        match compute(state, document, &current, make.clone()).await {
            Ok(response) => {
                if response.size() <= MAX_RESPONSE_BYTES {
                    current.insert(key.to_owned(), Arc::clone(&response));
                }
                return Ok(response);
            }
            Err(error) => retry_or_fail(state, error).await?,
        }
    }
    Err(still_loading())
}

/// The problem of an error, or nothing when the next attempt may succeed.
async fn retry_or_fail(state: &AppState, error: RequestError) -> Result<(), Problem> {
    match error {
        RequestError::Outdated => {
            state.monitor.invalidate();
            Ok(())
        }
        RequestError::Problem(problem) => Err(problem),
        RequestError::Internal(error) => Err(state.problem_of(&error).await),
    }
}

#[derive(Clone, Copy)]
struct Document<'a> {
    key: &'a str,
    media_type: &'static str,
    /// The client may read rows of single users, and the document says so.
    allow_user_rows: bool,
}

async fn compute(
    state: &SharedState,
    document: Document<'_>,
    current: &Arc<CachedVersion>,
    make: impl Make,
) -> Result<Arc<StoredResponse>, RequestError> {
    let permit = state.query_limit.acquire().await?;
    let (state, current) = (Arc::clone(state), Arc::clone(current));
    let Document { key, media_type, allow_user_rows } = document;
    let etag = current.etag(key);
    let seconds = state.serve.timeout_s;
    let token = state.stopping.child_token();
    // the computation ends when its time is up, or when the client disconnects and drops this future
    let _cancel_on_drop = token.clone().drop_guard();
    let work = move || {
        let _permit = permit;
        let warehouse = state.monitor.warehouse().context("the warehouse is not open")?;
        let bytes =
            make(&state, &state.data(&current.version, warehouse.as_ref(), allow_user_rows))?;
        if !current.version.is_current(warehouse.as_ref())? {
            return Err(RequestError::Outdated);
        }
        let response = StoredResponse::new(media_type, bytes, etag, CachePolicy::Revalidate);
        Ok(Arc::new(response.with_gzip()))
    };
    let computed = spawn_blocking(move || cancellation::run(token, work));
    match tokio::time::timeout(Duration::from_secs(seconds), computed).await {
        Err(_) => Err(Problem::too_slow(seconds).into()),
        Ok(computed) => {
            computed.unwrap_or_else(|panic| Err(RequestError::Internal(anyhow!(panic))))
        }
    }
}
