//! The dashboard as one file: its page with the answers of the routes it asks inside.
//!
//! The routes are asked as a browser would ask them, only without a network between. So a report
//! can hold nothing that the server would refuse: rows of single users answer 403 here as well,
//! whatever the config allows.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Map, Value};
use tower::ServiceExt;

use super::assets::Assets;
use super::state::Shared;
use super::{Settings, bind, inline, map, routes};
use crate::config::Config;
use crate::warehouse::Warehouse;

/// Rows of a view that is shown as a table; the dashboard shows the first ones.
const TABLE_ROWS: u64 = 100;
/// Rows to ask for at once, the most that the route gives.
const ROWS: u64 = 100_000;

/// The text of the report file.
///
/// # Errors
/// A warehouse without data or that cannot be read.
pub fn html(mut config: Config) -> Result<String> {
    // nobody listens there; it only has to be an address that needs no token
    config.serve.bind = "127.0.0.1:0".to_owned();
    config.serve.token = None;
    config.serve.allow_user_rows = false;
    let settings = Settings::default();
    let address = bind::address(&config, &settings)?;
    let shared = Arc::new(Shared::new(config, settings, &address)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no threads for the report")?;
    // a warehouse may not end inside an async task, so the router stays out here
    let router = routes::router(shared);
    let routes = runtime.block_on(answers(&router))?;
    let page = Assets::text("dashboard.html").context("no asset dashboard.html")?;
    inline::page(&page, Assets::text, &serde_json::json!({ "routes": routes }))
}

/// The drawing of `/map`.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn outlines(warehouse: &dyn Warehouse) -> Result<Value> {
    Ok(serde_json::from_slice(&map::json(warehouse)?)?)
}

/// What the dashboard asks for, by route.
async fn answers(router: &Router) -> Result<Map<String, Value>> {
    let mut routes = Map::new();
    let views = ask(router, "/views").await?;
    for view in views["views"].as_array().into_iter().flatten() {
        let (Some(href), true) = (view["href"].as_str(), view["allowed"] == true) else { continue };
        let most = (view["chart"]["kind"] == "table").then_some(TABLE_ROWS);
        routes.insert(href.to_owned(), rows(router, href, most).await?);
    }
    let mut summary = ask(router, "/summary").await?;
    // where the data lies is nothing for those whom a report is sent to
    summary["warehouse"] = Value::Null;
    routes.insert("/summary".to_owned(), summary);
    routes.insert("/map".to_owned(), ask(router, "/map").await?);
    routes.insert("/views".to_owned(), views);
    Ok(routes)
}

/// All rows of a view, or the first ones, as one answer.
async fn rows(router: &Router, href: &str, most: Option<u64>) -> Result<Value> {
    let limit = most.unwrap_or(ROWS);
    let page = |offset: usize| format!("{href}?format=json&limit={limit}&offset={offset}");
    let mut all = ask(router, &page(0)).await?;
    let total = all["total"].as_u64().unwrap_or_default();
    let Some(mut rows) = all["rows"].as_array_mut().map(std::mem::take) else {
        bail!("{href} gives no rows");
    };
    while most.is_none() && (rows.len() as u64) < total {
        let mut next = ask(router, &page(rows.len())).await?;
        match next["rows"].as_array_mut() {
            Some(more) if !more.is_empty() => rows.append(more),
            _ => break,
        }
    }
    all["rows"] = rows.into();
    if let Some(fields) = all.as_object_mut() {
        // without a server there is nothing to follow
        fields.remove("links");
    }
    Ok(all)
}

async fn ask(router: &Router, address: &str) -> Result<Value> {
    let request = Request::get(address)
        .header(header::HOST, "127.0.0.1")
        .header(header::ACCEPT, "application/json")
        .body(Body::empty())?;
    let response = router.clone().oneshot(request).await?;
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await?;
    let body: Value = serde_json::from_slice(&body)
        .with_context(|| format!("{address} answers {status} and no JSON"))?;
    match (status, body["detail"].as_str()) {
        (StatusCode::OK, _) => Ok(body),
        (_, Some(detail)) => Err(anyhow!("{detail}")),
        (status, None) => Err(anyhow!("{address} answers {status}")),
    }
}
