//! The quality report as a page: of the server, or as one file.

mod page;

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::extract::{Request, State as Extract};
use axum::response::Response;
use chrono::NaiveDate;
use serde::de::DeserializeOwned;

use super::assets::Assets;
use super::links;
use super::negotiate;
use super::negotiate::Shape;
use super::page::Pages;
use super::params::Params;
use super::problem::Problem;
use super::state::{Shared, State};
use crate::checks::Limits;
use crate::domain::tables::Table;
use crate::output::quality_report::Report;
use crate::stages::quality::rows_of;
use crate::warehouse::{Relation, Select, Warehouse};
use page::{Around, context};

/// `/quality`: the report of what is loaded.
///
/// # Errors
/// 400 for a parameter that means nothing here; 503 when the warehouse is away.
pub async fn answer(
    Extract(shared): Extract<State>,
    request: Request,
) -> Result<Response, Problem> {
    let mut params = Params::read(request.uri().query().unwrap_or_default())?;
    refuse_others(&params)?;
    let offered = [Shape::Html, Shape::Json];
    let shape = match params.format.take() {
        Some(name) => negotiate::by_name(&name)?,
        None => negotiate::by_accept(request.headers(), &offered)?,
    };
    if !offered.contains(&shape) {
        let other = "/quality is html or json; /tables/quality_daily has the other formats";
        return Err(Problem::parameter("format", other));
    }
    let key = format!("quality {} {}", shape.name(), params.canonical());
    let make = move |shared: &Shared, _: &_, warehouse: &dyn Warehouse| {
        let report = report(warehouse, &params, shared.config.checks.limits())?;
        let text = match shape {
            Shape::Html => page(shared, &report, &params)?,
            _ => report.json()?,
        };
        Ok(text.into_bytes())
    };
    let answer: Arc<_> = shared.made(&key, shape.media_type(), make).await?;
    Ok(answer.respond(request.headers()))
}

fn refuse_others(params: &Params) -> Result<(), Problem> {
    let given = [
        ("lau", params.lau.is_some()),
        ("order_by", !params.order.is_empty()),
        ("limit", params.limit.is_some()),
        ("offset", params.offset > 0),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => {
            let detail = "/quality takes format, date, from and to; /tables/quality_daily the rest";
            Err(Problem::parameter(name, detail))
        }
        None => Ok(()),
    }
}

/// The report of the dates that are asked for.
fn report(warehouse: &dyn Warehouse, params: &Params, limits: Limits) -> Result<Report> {
    let dates = rows(warehouse, Table::QualityDaily)?;
    let report = Report::new(dates, rows(warehouse, Table::QualityCodes)?, limits);
    let (from, to) = (params.date.or(params.from), params.date.or(params.to));
    if from.is_none() && to.is_none() {
        return Ok(report);
    }
    Ok(report.only(&(from.unwrap_or(NaiveDate::MIN)..=to.unwrap_or(NaiveDate::MAX))))
}

fn rows<T: DeserializeOwned>(warehouse: &dyn Warehouse, table: Table) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for batch in warehouse.select(&Select::all(Relation::Table(table)))? {
        all.extend(rows_of(&batch?)?);
    }
    Ok(all)
}

fn page(shared: &Shared, report: &Report, params: &Params) -> Result<String> {
    let around = Around {
        json: links::to("/quality", Shape::Json, params),
        from: params.date.or(params.from),
        to: params.date.or(params.to),
        ..Around::default()
    };
    shared.pages.fill("quality.html", context(report, around)?)
}

/// The report as a page that needs no server.
///
/// # Errors
/// None in practice: templates and styles are part of the program.
pub fn file(report: &Report) -> Result<String> {
    let text = |name: &str| Assets::text(name).with_context(|| format!("no asset {name}"));
    let around = Around {
        alone: true,
        styles: format!("{}\n{}", text("mobility.css")?, text("pages.css")?),
        script: text("theme.js")?,
        ..Around::default()
    };
    Pages::new()?.fill("quality.html", context(report, around)?)
}
