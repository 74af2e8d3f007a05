//! Views that the warehouse rejects. Whether they have rows of single users cannot be decided, so that
//! they are not served; the reason for that is the error of the view, and not a lack of permission.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use tokio::task::spawn_blocking;

use super::problem::Problem;
use super::relation_routes::RouteTarget;
use super::state::SharedState;

/// The problem of a view that could not be analysed and that the warehouse rejects as well; `None` for
/// all other relations.
pub async fn problem(state: &SharedState, target: RouteTarget) -> Option<Problem> {
    if !state.routes.relation(target).is_undecided() {
        return None;
    }
    let current = match state.monitor.current().await {
        Ok(current) => current,
        Err(unavailable) => return Some(unavailable),
    };
    let permit = match state.query_limit.acquire().await {
        Ok(permit) => permit,
        Err(busy) => return Some(busy),
    };
    let shared = Arc::clone(state);
    let columns = spawn_blocking(move || -> Result<()> {
        let _permit = permit;
        let warehouse = shared.monitor.warehouse().context("the warehouse is not open")?;
        let relation = shared.routes.relation(target);
        current.version.columns(warehouse.as_ref(), relation).map(drop)
    });
    match columns.await.unwrap_or_else(|panic| Err(anyhow!(panic))) {
        Ok(()) => None,
        Err(error) => Some(state.problem_of(&error).await),
    }
}
