//! What surrounds every route: who is let in, methods, problems as JSON or as a page, headers,
//! figures, the access log.

use std::net::SocketAddr;
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State as Extract};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::access::{Line, Logged};
use super::answer::{CachePolicy, describe};
use super::names::{OWN_ROUTES, Target};
use super::negotiate::wants_page;
use super::problem::{PROBLEM_JSON, Problem};
use super::security;
use super::security::harden;
use super::state::{Shared, State};

/// The client's address.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Whether the client may see more than that the server lives.
#[derive(Debug, Clone, Copy)]
pub struct LetIn(pub bool);

/// The view or table that was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Route(pub Target);

const ALLOW: &str = "GET, HEAD, OPTIONS";

pub async fn around(Extract(shared): Extract<State>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let accept = request.headers().get(header::ACCEPT).cloned();
    let is_head = request.method() == Method::HEAD;
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let peer = request.extensions().get::<Peer>().copied();
    let mut response = match admit(&shared, &mut request) {
        Ok(()) if method == Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let is_page = pages_wanted(&uri, accept);
        spell_out(&shared, &problem, is_page, &mut response);
    }
    if method == Method::OPTIONS || response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(ALLOW));
    }
    harden(response.headers_mut());
    let bytes = response.body().size_hint().exact();
    if is_head {
        // what flows has no length, which is not the same as having length 0
        *response.body_mut() = match bytes {
            Some(bytes) => {
                response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
                Body::empty()
            }
            None => Body::from_stream(futures::stream::empty::<Result<Bytes, std::io::Error>>()),
        };
    }
    let route = route(&shared, uri.path(), &response);
    shared.metrics.answered(&route, response.status().as_str(), started.elapsed());
    if shared.settings.verbose {
        let status = response.status();
        let path = uri.path().to_owned();
        let log = shared.settings.log.clone();
        let line = Line { peer: peer.map(|p| p.0), method, path, status, started, log };
        return response.map(|body| Body::new(Logged::new(body, line)));
    }
    response
}

fn admit(shared: &Shared, request: &mut Request) -> Result<(), Problem> {
    shared.guard.host(request.uri(), request.headers())?;
    let let_in = shared.guard.token(request.headers());
    request.extensions_mut().insert(LetIn(let_in.is_ok()));
    // whoever watches the server needs no token
    if !is_health(request.uri().path()) {
        let_in?;
    }
    match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => {}
        _ => {
            let detail = format!("this server only shows; it takes {ALLOW}");
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail));
        }
    }
    security::body(request.headers())
}

fn is_health(path: &str) -> bool {
    path == "/health" || path.starts_with("/health/")
}

fn pages_wanted(uri: &Uri, accept: Option<HeaderValue>) -> bool {
    let query = uri.query().unwrap_or_default();
    match query.split('&').find_map(|p| p.strip_prefix("format=")) {
        Some(format) => format == "html",
        None => wants_page(&accept.into_iter().map(|value| (header::ACCEPT, value)).collect()),
    }
}

fn spell_out(shared: &Shared, problem: &Problem, is_page: bool, response: &mut Response) {
    let page = is_page.then(|| shared.pages.problem(problem).ok()).flatten();
    let (media, body) = match page {
        Some(page) => ("text/html; charset=utf-8", page),
        None => (PROBLEM_JSON, problem.json()),
    };
    *response.body_mut() = Body::from(body);
    let media = HeaderValue::from_static(media);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    describe(response.headers_mut(), &media, None, CachePolicy::Never, None);
}

/// The route's name among the figures; one name for all that is unknown, so that nobody can make
/// figures up.
fn route(shared: &Shared, path: &str, response: &Response) -> String {
    if let Some(Route(target)) = response.extensions().get() {
        return shared.names.path(*target);
    }
    let first = path.split('/').nth(1).unwrap_or_default();
    match first {
        "" => "/".to_owned(),
        own if OWN_ROUTES.contains(&own) => format!("/{own}"),
        _ => "unknown".to_owned(),
    }
}
