//! Routes: from a request to an answer. Nothing here blocks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::extract::{Path, Request, State as Extract};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::task::spawn_blocking;

use super::answer::{Answer, CachePolicy, describe, is_known, not_modified};
use super::edition::{Edition, KEPT_BYTES_EACH};
use super::fixed::Fixed;
use super::layer;
use super::layer::{Peer, Route};
use super::negotiate;
use super::negotiate::{Shape, takes_gzip};
use super::params::Params;
use super::problem::Problem;
use super::produce;
use super::produce::{Ask, Fault};
use super::sink::{Manner, Opened, Sink};
use super::state::{ATTEMPTS, Shared, State, moving};
use super::{audit, health, quality};
use crate::errors::is_broken_pipe;

type Answered = Result<Response, Problem>;

/// All routes, with what surrounds each of them.
pub fn router(shared: State) -> Router {
    let fixed = |what: Fixed| {
        get(async move |Extract(shared): Extract<State>, headers: HeaderMap| -> Answered {
            Ok(shared.fixed(what).await?.respond(&headers))
        })
    };
    Router::new()
        .route("/", get(dashboard))
        .route("/assets/{*name}", get(asset))
        .route("/views", fixed(Fixed::Views))
        .route("/summary", fixed(Fixed::Summary))
        .route("/map", fixed(Fixed::Map))
        .route("/quality", get(quality::answer))
        .route("/openapi.json", fixed(Fixed::Openapi))
        .route("/docs", fixed(Fixed::Docs))
        .route("/health", get(health::both))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::both))
        .route("/metrics", get(metrics))
        .fallback(rows)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&shared), layer::around))
        .with_state(shared)
}

async fn dashboard(Extract(shared): Extract<State>, headers: HeaderMap) -> Answered {
    let page = shared.assets.get("dashboard.html");
    page.map(|page| page.respond(&headers)).ok_or_else(|| no_asset("dashboard.html"))
}

async fn asset(
    Extract(shared): Extract<State>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let answer = shared.assets.get(&name).ok_or_else(|| no_asset(&name))?;
    Ok(answer.respond(&headers))
}

fn no_asset(name: &str) -> Problem {
    let shown: String = name.chars().take(200).collect();
    Problem::new(StatusCode::NOT_FOUND, format!("there is no file {shown:?} under /assets"))
}

async fn metrics(Extract(shared): Extract<State>) -> Answered {
    let running = shared.gate.running();
    let pool = shared.source.warehouse().and_then(|w| w.connections());
    let text = shared.metrics.text(running, pool).map_err(|e| Problem::of(&e))?;
    let media = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    let mut response = text.into_response();
    describe(response.headers_mut(), &media, None, CachePolicy::Never, None);
    Ok(response)
}

/// Views and tables, and all paths that are nothing.
async fn rows(Extract(shared): Extract<State>, request: Request) -> Answered {
    let target = shared.names.find(request.uri().path())?;
    let peer = request.extensions().get::<Peer>().copied();
    let query = request.uri().query().unwrap_or_default();
    let headers = request.headers();
    let mut answered = answer(&shared, target, query, headers, &Shape::ALL).await;
    if matches!(&answered, Err(problem) if problem.status == StatusCode::NOT_ACCEPTABLE) {
        // rows without a place have all forms but one
        let others = Shape::ALL.into_iter().filter(|s| !s.is_map()).collect::<Vec<_>>();
        answered = answer(&shared, target, query, headers, &others).await;
    }
    let mut response = answered.unwrap_or_else(IntoResponse::into_response);
    let relation = shared.names.relation(target);
    if relation.single_users() && response.status() != StatusCode::FORBIDDEN {
        audit::note(&shared.settings.log, peer, request.uri(), response.status());
    }
    response.extensions_mut().insert(Route(target));
    Ok(response)
}

async fn answer(
    shared: &State,
    target: super::names::Target,
    query: &str,
    headers: &HeaderMap,
    offered: &[Shape],
) -> Answered {
    let relation = shared.names.relation(target);
    if relation.single_users() && !shared.config.serve.allow_user_rows {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!(
                "{} holds rows of single users, which this server does not show; who runs it can \
                 set serve.allow_user_rows = true in pipeline.toml",
                relation.sql_name()
            ),
        ));
    }
    let mut params = Params::read(query)?;
    let (shape, by_accept) = match params.format.take() {
        Some(name) => (negotiate::by_name(&name)?, false),
        None => (negotiate::by_accept(headers, offered)?, true),
    };
    let params = params.for_shape(shape)?;
    let ask = Ask { target, shape, params, by_accept };
    // rows that change without a load, and those of single users, are not for keeping
    let policy = match relation.single_users() || shared.names.is_volatile(target) {
        true => CachePolicy::Never,
        false => CachePolicy::Revalidate,
    };
    let key = ask.key();
    for attempt in 1..=ATTEMPTS {
        let edition = shared.source.edition().await?;
        if let Some(response) = kept(shared, &edition, &key, policy, headers) {
            return Ok(response);
        }
        let permit = shared.gate.enter().await?;
        // while this one waited, another may have made it
        if let Some(response) = kept(shared, &edition, &key, policy, headers) {
            return Ok(response);
        }
        shared.metrics.kept.with_label_values(&["warehouse"]).inc();
        let work = Work { shared, edition, ask: &ask, key: &key, policy };
        match work.run(permit, headers).await {
            Ok(response) => return Ok(response),
            Err(Fault::Stale) => shared.source.doubt(),
            Err(Fault::Problem(problem)) => return Err(problem),
            // a connection that broke or a file that is gone need not be so the next time
            Err(Fault::Error(error)) if attempt > 1 || Problem::of(&error).status != 500 => {
                return Err(shared.explain(&error).await);
            }
            Err(Fault::Error(_)) => shared.source.doubt(),
        }
    }
    Err(moving())
}

/// What can be said without a query.
fn kept(
    shared: &State,
    edition: &Edition,
    key: &str,
    policy: CachePolicy,
    headers: &HeaderMap,
) -> Option<Response> {
    if policy == CachePolicy::Never {
        return None;
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        let etag = edition.etag(key)?;
        if is_known(headers, &etag) && !wildcard(headers) {
            return Some(not_modified(&etag, policy));
        }
    }
    let answer = edition.kept(key)?;
    shared.metrics.kept.with_label_values(&["memory"]).inc();
    let response = answer.respond(headers);
    if response.status() == StatusCode::OK {
        shared.metrics.rows.inc_by(answer.rows());
    }
    Some(response)
}

/// A star says that the client has something, not what.
fn wildcard(headers: &HeaderMap) -> bool {
    headers.get_all(header::IF_NONE_MATCH).into_iter().any(|v| v.as_bytes().trim_ascii() == b"*")
}

/// An error in the middle of an answer; a client that went away is none.
fn broke_off(shared: &Shared, ask: &Ask, error: &anyhow::Error) {
    if !is_broken_pipe(error) {
        let message = format!("{} broke off: {error:#}", ask.key());
        shared.settings.log.error(Some("serve"), &message);
    }
}

struct Work<'a> {
    shared: &'a State,
    edition: Arc<Edition>,
    ask: &'a Ask,
    key: &'a str,
    policy: CachePolicy,
}

impl Work<'_> {
    /// Asks the warehouse. The permit goes with the query, not with the request: a client that
    /// goes away does not make room for another query before its own has ended.
    async fn run(
        &self,
        permit: tokio::sync::OwnedSemaphorePermit,
        headers: &HeaderMap,
    ) -> Result<Response, Fault> {
        let seconds = self.shared.config.serve.timeout_s;
        let patience = Duration::from_secs(seconds);
        let (sink, opened) = Sink::new(Manner {
            whole_bytes: KEPT_BYTES_EACH,
            gzip: self.ask.shape.shrinks() && takes_gzip(headers),
            stall: patience,
        });
        let (shared, edition) = (Arc::clone(self.shared), Arc::clone(&self.edition));
        let ask = self.ask.clone();
        spawn_blocking(move || {
            let outcome = produce::write(&shared, &edition, &ask, &sink);
            if let Ok(rows) = &outcome {
                shared.metrics.rows.inc_by(*rows);
            }
            drop(permit);
            if let Some(Fault::Error(error)) = sink.end(outcome) {
                broke_off(&shared, &ask, &error);
            }
        });
        match tokio::time::timeout(patience, opened).await {
            Err(_) => Err(Fault::Problem(Problem::too_slow(seconds))),
            Ok(Err(_)) => Err(Fault::Error(anyhow!("the query ended without an answer"))),
            Ok(Ok(Opened::Failed(fault))) => Err(fault),
            Ok(Ok(Opened::Whole { bytes, rows })) => self.whole(bytes, rows, headers).await,
            Ok(Ok(Opened::Flow { body, gzip })) => Ok(self.flowing(body, gzip)),
        }
    }

    async fn whole(
        &self,
        bytes: Vec<u8>,
        rows: u64,
        headers: &HeaderMap,
    ) -> Result<Response, Fault> {
        let etag = self.edition.etag(self.key);
        let answer = Answer::new(self.ask.shape.media_type(), bytes, etag, self.policy)
            .with_rows(rows)
            .with_disposition(self.disposition());
        let answer = match self.ask.shape.shrinks() {
            true => spawn_blocking(|| answer.packed())
                .await
                .context("the answer could not be packed")?,
            false => answer,
        };
        let answer = Arc::new(answer);
        if self.policy != CachePolicy::Never {
            self.edition.keep(self.key.to_owned(), Arc::clone(&answer));
        }
        Ok(answer.respond(headers))
    }

    fn flowing(&self, body: axum::body::Body, gzip: bool) -> Response {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let media = HeaderValue::from_static(self.ask.shape.media_type());
        let etag = self.edition.etag(self.key);
        let disposition = self.disposition();
        describe(headers, &media, etag.as_ref(), self.policy, disposition.as_ref());
        response
    }

    /// A file name for those who save the answer.
    fn disposition(&self) -> Option<HeaderValue> {
        let ending = self.ask.shape.extension()?;
        let about = produce::About::of(self.shared.names.relation(self.ask.target));
        HeaderValue::from_str(&format!("inline; filename=\"{}.{ending}\"", about.name)).ok()
    }
}
