//! The routes of views and tables. Nothing here blocks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::body::Body;
use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;

use super::cache::{CachedVersion, MAX_RESPONSE_BYTES};
use super::caller::Caller;
use super::documents::{MAX_ATTEMPTS, still_loading};
use super::middleware::MatchedRelation;
use super::negotiation;
use super::negotiation::{Representation, accepts_gzip};
use super::params::Params;
use super::problem::Problem;
use super::rejected_views;
use super::relation_routes::RouteTarget;
use super::request_error::RequestError;
use super::response_writer::{ResponseStart, ResponseWriter, StreamOptions};
use super::rows_writer;
use super::rows_writer::RowsRequest;
use super::site::Site;
use super::state::{AppState, SharedState};
use super::stored_response::{
    CachePolicy, StoredResponse, matches_etag, not_modified, set_headers,
};
use crate::errors::is_broken_pipe;
use crate::output::audited_rows::recorded;
use crate::output::relation::RelationInfo;
use crate::progress::audit_log::Access;
use crate::progress::{new_id, now};
use crate::runtime::cancellation;
use crate::warehouse::Relation;

type Result<T, E = Problem> = std::result::Result<T, E>;

/// Names the request in the audit log, and is sent to the client.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Views and tables; all other paths are unknown.
pub async fn get(
    Extension(state): Extension<SharedState>,
    Extension(caller): Extension<Caller>,
    Extension(site): Extension<Site>,
    request: Request,
) -> Result<Response> {
    let target = state.routes.find(request.uri().path(), &site)?;
    let request_id = new_id(now());
    let asked = Asked {
        target,
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        headers: request.headers(),
        caller: &caller,
        site: &site,
        request_id: &request_id,
    };
    let mut answer = respond(&state, &asked, &Representation::ALL).await;
    if matches!(&answer, Err(problem) if problem.status == StatusCode::NOT_ACCEPTABLE) {
        // rows without a location have every representation but those of maps
        let others = Representation::ALL.into_iter().filter(|r| r.fits(&[]));
        answer = respond(&state, &asked, &others.collect::<Vec<_>>()).await;
    }
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    if state.routes.relation(target).single_users() {
        response
            .headers_mut()
            .extend(HeaderValue::from_str(&request_id).map(|id| (REQUEST_ID, id)));
    }
    response.extensions_mut().insert(MatchedRelation(target));
    Ok(response)
}

/// What a client asked.
struct Asked<'a> {
    target: RouteTarget,
    path: &'a str,
    query: &'a str,
    headers: &'a HeaderMap,
    caller: &'a Caller,
    site: &'a Site,
    request_id: &'a str,
}

impl Asked<'_> {
    /// Rows of single users need the permission of the operator, and a token that may read them.
    fn check_permission(&self, state: &AppState, relation: Relation) -> Result<()> {
        if !relation.single_users() || state.allows_user_rows(self.caller) {
            return Ok(());
        }
        let name = relation.sql_name();
        let detail = match &self.caller.identity {
            Some(identity) if state.serve.allow_user_rows => format!(
                "{name} contains rows of single users, which the token {:?} may not read; its \
                 operator can set its role to \"user_rows\" in serve.tokens",
                identity.name
            ),
            _ => format!(
                "{name} contains rows of single users, which this server does not show; its operator \
                 can set serve.allow_user_rows = true in pipeline.toml"
            ),
        };
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    /// The entry of the audit log, for rows of single users.
    fn access(
        &self,
        relation: Relation,
        params: &Params,
        representation: Representation,
    ) -> Option<Access> {
        let name = self.caller.identity.as_ref().map_or("-", |identity| &identity.name);
        relation.single_users().then(|| Access {
            request_id: self.request_id.to_owned(),
            via: "serve",
            name: name.to_owned(),
            address: Some(self.caller.address),
            relation: relation.sql_name().to_owned(),
            filters: recorded(&params.select(relation)),
            format: representation.name(),
            path: self.path.to_owned(),
        })
    }
}

async fn respond(
    state: &SharedState,
    asked: &Asked<'_>,
    offered: &[Representation],
) -> Result<Response> {
    let Asked { target, headers, .. } = *asked;
    let relation = state.routes.relation(target);
    if let Err(forbidden) = asked.check_permission(state, relation) {
        return Err(rejected_views::problem(state, target).await.unwrap_or(forbidden));
    }
    let mut params = Params::parse(asked.query)?;
    let (representation, by_accept) = match params.format.take() {
        Some(name) => (negotiation::by_name(&name)?, false),
        None => (negotiation::by_accept(headers, offered)?, true),
    };
    let access = asked.access(relation, &params, representation);
    let params = params.limited_for(representation)?;
    let site = asked.site.clone();
    let request = RowsRequest { target, representation, params, by_accept, access, site };
    // rows that change without a load and rows of single users are not cached
    let policy = match relation.single_users() || state.routes.is_volatile(target) {
        true => CachePolicy::Never,
        false => CachePolicy::Revalidate,
    };
    let key = request.key();
    for attempt in 1..=MAX_ATTEMPTS {
        let current = state.monitor.current().await?;
        if let Some(response) = cached(state, &current, &key, policy, headers) {
            return Ok(response);
        }
        let permit = state.query_limit.acquire().await?;
        // another request may have computed it meanwhile
        if let Some(response) = cached(state, &current, &key, policy, headers) {
            return Ok(response);
        }
        state.metrics.answers.with_label_values(&["warehouse"]).inc();
        let query = Query { state, current, request: &request, key: &key, policy };
        match query.run(permit, headers).await {
            Ok(response) => return Ok(response),
            Err(RequestError::Outdated) => state.monitor.invalidate(),
            Err(RequestError::Problem(problem)) => return Err(problem),
            // a broken connection or a replaced file may work at the next attempt
            Err(RequestError::Internal(error))
                if attempt > 1 || Problem::of(&error).status != 500 =>
            {
                return Err(state.problem_of(&error).await);
            }
            Err(RequestError::Internal(_)) => state.monitor.invalidate(),
        }
    }
    Err(still_loading())
}

/// The response, if it needs no query.
fn cached(
    state: &AppState,
    current: &CachedVersion,
    key: &str,
    policy: CachePolicy,
    headers: &HeaderMap,
) -> Option<Response> {
    if policy == CachePolicy::Never {
        return None;
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        let etag = current.etag(key)?;
        if matches_etag(headers, &etag) && !is_wildcard(headers) {
            return Some(not_modified(&etag, policy));
        }
    }
    let stored = current.get(key)?;
    state.metrics.answers.with_label_values(&["memory"]).inc();
    let response = stored.respond(headers);
    if response.status() == StatusCode::OK {
        state.metrics.rows.inc_by(stored.rows());
    }
    Some(response)
}

/// `If-None-Match: *` matches any version, so that the tag alone does not show that the parameters
/// are valid.
fn is_wildcard(headers: &HeaderMap) -> bool {
    headers.get_all(header::IF_NONE_MATCH).into_iter().any(|v| v.as_bytes().trim_ascii() == b"*")
}

struct Query<'a> {
    state: &'a SharedState,
    current: Arc<CachedVersion>,
    request: &'a RowsRequest,
    key: &'a str,
    policy: CachePolicy,
}

impl Query<'_> {
    /// Queries the warehouse on a thread of its own, which keeps the permit until the query has
    /// ended. The query is cancelled when its time is up or the client disconnects, which drops this
    /// future or the body of the response.
    async fn run(
        &self,
        permit: OwnedSemaphorePermit,
        headers: &HeaderMap,
    ) -> Result<Response, RequestError> {
        let seconds = self.state.serve.timeout_s;
        let timeout = Duration::from_secs(seconds);
        let (writer, start) = ResponseWriter::new(StreamOptions {
            max_buffered_bytes: MAX_RESPONSE_BYTES,
            gzip: self.request.representation.is_compressible() && accepts_gzip(headers),
            stall_timeout: timeout,
            waiting: self.state.query_limit.waiting(),
        });
        let token = self.state.stopping.child_token();
        let cancel_on_drop = token.clone().drop_guard();
        let (state, current) = (Arc::clone(self.state), Arc::clone(&self.current));
        let request = self.request.clone();
        spawn_blocking(move || {
            let write = || rows_writer::write(&state, &current.version, &request, &writer);
            let result = cancellation::run(token.clone(), write)
                .map_err(|error| error.of_relation(state.routes.relation(request.target)));
            // the end of the response cancels as well
            let was_cancelled = token.is_cancelled();
            if let Ok(rows) = &result {
                state.metrics.rows.inc_by(*rows);
            }
            drop(permit);
            if let Some(RequestError::Internal(error)) = writer.finish(result)
                && !was_cancelled
            {
                log_truncated(&state, &request, &error);
            }
        });
        match tokio::time::timeout(timeout, start).await {
            Err(_) => Err(Problem::too_slow(seconds).into()),
            Ok(Err(_)) => Err(anyhow!("the query ended without a response").into()),
            Ok(Ok(ResponseStart::Failed(error))) => Err(error),
            Ok(Ok(ResponseStart::Complete { bytes, rows })) => {
                self.complete(bytes, rows, headers).await
            }
            Ok(Ok(ResponseStart::Streaming { body, gzip })) => {
                let body = body.map_frame(move |frame| {
                    let _until_dropped = &cancel_on_drop;
                    frame
                });
                Ok(self.streaming(Body::new(body), gzip))
            }
        }
    }

    async fn complete(
        &self,
        bytes: Vec<u8>,
        rows: u64,
        headers: &HeaderMap,
    ) -> Result<Response, RequestError> {
        let etag = self.current.etag(self.key);
        let media_type = self.request.representation.media_type();
        let response = StoredResponse::new(media_type, bytes, etag, self.policy)
            .with_rows(rows)
            .with_disposition(self.disposition());
        let response = match self.request.representation.is_compressible() {
            true => spawn_blocking(|| response.with_gzip())
                .await
                .context("the response could not be compressed")?,
            false => response,
        };
        let response = Arc::new(response);
        if self.policy != CachePolicy::Never {
            self.current.insert(self.key.to_owned(), Arc::clone(&response));
        }
        Ok(response.respond(headers))
    }

    fn streaming(&self, body: Body, gzip: bool) -> Response {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let media_type = HeaderValue::from_static(self.request.representation.media_type());
        let etag = self.current.etag(self.key);
        let disposition = self.disposition();
        set_headers(headers, &media_type, etag.as_ref(), self.policy, disposition.as_ref());
        response
    }

    /// The name under which a browser saves the response.
    fn disposition(&self) -> Option<HeaderValue> {
        let extension = self.request.representation.extension()?;
        let info = RelationInfo::of(self.state.routes.relation(self.request.target));
        HeaderValue::from_str(&format!("inline; filename=\"{}.{extension}\"", info.name)).ok()
    }
}

/// Logs an error in the middle of a response, unless the client has disconnected.
fn log_truncated(state: &AppState, request: &RowsRequest, error: &anyhow::Error) {
    if !is_broken_pipe(error) {
        let message = format!("the response to {} was truncated: {error:#}", request.key());
        state.options.log.error(Some("serve"), &message);
    }
}
