//! What surrounds every route: access control, methods, the rendering of problems, security headers,
//! metrics and the access log.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::access_control;
use super::access_log::{Entry, LoggedBody};
use super::audience;
use super::caller::Caller;
use super::client_address::FORWARDED_PREFIX;
use super::connection_places::Overload;
use super::current::Current;
use super::negotiation::prefers_page;
use super::problem::{PROBLEM_JSON, Problem};
use super::relation_routes::{RESERVED, RouteTarget};
use super::security_headers;
use super::site::{Site, with_path};
use super::state::AppState;
use super::stored_response::{CachePolicy, set_headers};

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Whether the client may see more than the health of the server.
#[derive(Debug, Clone, Copy)]
pub struct Authorized(pub bool);

/// The view or table of the route.
#[derive(Debug, Clone, Copy)]
pub struct MatchedRelation(pub RouteTarget);

const ALLOW: &str = "GET, HEAD, OPTIONS";

pub async fn handle(
    State(current): State<Arc<Current>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    // the request is answered with these definitions to the end, even if they change meanwhile
    let state = current.state().await;
    request.extensions_mut().insert(current.definitions_report());
    let accept = request.headers().get(header::ACCEPT).cloned();
    let is_head = request.method() == Method::HEAD;
    let requested = request.uri().path().to_owned();
    let peer = request.extensions().get::<Peer>();
    let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip());
    let client = state.trusted_proxies.client(peer, request.headers());
    let site = locate(&state, peer, &mut request);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut checked = check(&state, client, &mut request).await;
    let state = match current.state_of(Arc::clone(&state), request.extensions().get()) {
        Some(of_client) => of_client,
        None => {
            checked =
                Err(audience::for_analysts("this server shows exact numbers", "use another token"));
            state
        }
    };
    request.extensions_mut().insert(Arc::clone(&state));
    let mut response = match checked {
        Ok(()) if method == Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => {
            if is_head {
                // the routes would remove the body, and with it the length that it has
                *request.method_mut() = Method::GET;
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        render_problem(&state, &problem, &site, wants_page(&uri, accept), &mut response);
    }
    if method == Method::OPTIONS || response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(ALLOW));
    }
    security_headers::set(response.headers_mut(), state.requires_https);
    if !state.trusted_proxies.is_empty() {
        let name = HeaderValue::from_static(FORWARDED_PREFIX);
        response.headers_mut().append(header::VARY, name);
    }
    if is_head {
        remove_body(&mut response);
    }
    let route = route_label(&state, uri.path(), &response);
    state.metrics.record_request(&route, response.status().as_str(), started.elapsed());
    if state.options.access_log {
        let status = response.status();
        let path = requested;
        let log = state.options.log.clone();
        let entry = Entry { client, method, path, status, started, log };
        return response.map(|body| Body::new(LoggedBody::new(body, entry)));
    }
    response
}

/// The site of the client, which the routes get as well. The prefix is removed from the path of the
/// request.
fn locate(state: &AppState, peer: IpAddr, request: &mut Request) -> Site {
    let forwarded = state.trusted_proxies.prefix(peer, request.headers());
    let is_route = |segment: &str| state.routes.begins_with(segment);
    let path = request.uri().path();
    let (site, rest) = Site::of(path, state.base_path.as_ref(), forwarded, is_route);
    if let Some(uri) = rest.and_then(|rest| with_path(request.uri(), rest)) {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(site.clone());
    site
}

async fn check(state: &AppState, address: IpAddr, request: &mut Request) -> Result<(), Problem> {
    state.access.check_host(request.uri(), request.headers())?;
    let identified = state.access.identify(address, request.headers()).await;
    request.extensions_mut().insert(Authorized(identified.is_ok()));
    let path = request.uri().path();
    let identity = match identified {
        Ok(identity) => identity,
        // health checks need no token
        Err(_) if is_health(path) => None,
        Err(problem) => return Err(problem),
    };
    if let Some(overload) = request.extensions().get::<Overload>()
        && !is_health(path)
        && path != "/metrics"
    {
        return Err(too_many_connections(*overload));
    }
    request.extensions_mut().insert(Caller { address, identity });
    match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => {}
        _ => {
            let detail = format!("this server is read-only; the methods are {ALLOW}");
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail));
        }
    }
    access_control::check_body(request.headers())
}

fn is_health(path: &str) -> bool {
    path == "/health" || path.starts_with("/health/")
}

fn too_many_connections(overload: Overload) -> Problem {
    Problem::unavailable(match overload {
        Overload::Server { limit } => format!(
            "{limit} connections are open; try again in a moment, or raise serve.max_connections"
        ),
        Overload::Address { limit } => format!(
            "{limit} connections from your address are open; close some, or raise \
             serve.max_connections_per_address"
        ),
    })
}

/// True when the client should get an error as a page.
fn wants_page(uri: &Uri, accept: Option<HeaderValue>) -> bool {
    let query = uri.query().unwrap_or_default();
    match query.split('&').find_map(|p| p.strip_prefix("format=")) {
        Some(format) => format == "html",
        None => prefers_page(&accept.into_iter().map(|value| (header::ACCEPT, value)).collect()),
    }
}

fn render_problem(
    state: &AppState,
    problem: &Problem,
    site: &Site,
    as_page: bool,
    response: &mut Response,
) {
    let (status, title, detail) = (problem.status.as_u16(), problem.title(), &problem.detail);
    let (root, public) = (site.root(), state.is_public());
    let page = || state.templates.problem(&root, public, status, title, detail).ok();
    let page = as_page.then(page).flatten();
    let (media_type, body) = match page {
        Some(page) => ("text/html; charset=utf-8", page),
        None => (PROBLEM_JSON, problem.json()),
    };
    *response.body_mut() = Body::from(body);
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    set_headers(response.headers_mut(), &media_type, None, CachePolicy::Never, None);
}

/// A response to `HEAD` keeps the length of the body. A streamed body has no length, which differs
/// from a length of 0.
fn remove_body(response: &mut Response) {
    *response.body_mut() = match response.body().size_hint().exact() {
        Some(bytes) => {
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
            Body::empty()
        }
        None => Body::from_stream(futures::stream::empty::<Result<Bytes, std::io::Error>>()),
    };
}

/// The label of the route in the metrics. All unknown paths share one, so that clients cannot create
/// labels.
fn route_label(state: &AppState, path: &str, response: &Response) -> String {
    if let Some(MatchedRelation(target)) = response.extensions().get() {
        return state.routes.path(*target);
    }
    let first = path.split('/').nth(1).unwrap_or_default();
    match first {
        "" => "/".to_owned(),
        reserved if RESERVED.contains(&reserved) => format!("/{reserved}"),
        _ => "unknown".to_owned(),
    }
}
