//! The filters, the order and the limits of a [`Select`] as DataFusion expressions.

use anyhow::{Result, bail};
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::SortExpr;
use datafusion::prelude::{DataFrame, Expr, ident, lit};

use super::rows::contract_schema;
use super::session;
use crate::views::OrderBy;
use crate::warehouse::Select;
use crate::warehouse::select::DayColumn;

/// The rows that match the filters of a select, and the columns to sort them by.
///
/// # Errors
/// A filter or order on a column that the relation lacks.
pub fn filtered(frame: DataFrame, select: &Select) -> Result<(DataFrame, Vec<OrderBy>)> {
    let resolved = select.resolve(&contract_schema(frame.schema().as_arrow()))?;
    let mut conditions = Vec::new();
    if let Some(lau) = &select.lau {
        conditions.push(ident("lau_id").eq(lit(lau.as_str())));
    }
    if let Some(day) = &resolved.day {
        conditions.extend(select.from.map(|d| at_least(day, d)));
        conditions.extend(select.to.map(|d| before(day, d)));
    }
    let frame = match conditions.into_iter().reduce(Expr::and) {
        Some(condition) => frame.filter(condition).map_err(session::explain)?,
        None => frame,
    };
    Ok((frame, resolved.by))
}

fn at_least(day: &DayColumn, date: NaiveDate) -> Expr {
    match day {
        DayColumn::Date(column) => ident(column).gt_eq(day_literal(date)),
        DayColumn::Time(column) => ident(column).gt_eq(midnight(date)),
    }
}

fn before(day: &DayColumn, last: NaiveDate) -> Expr {
    match day {
        DayColumn::Date(column) => ident(column).lt_eq(day_literal(last)),
        DayColumn::Time(column) => ident(column).lt(midnight(last + TimeDelta::days(1))),
    }
}

/// A date as an expression.
pub fn day_literal(date: NaiveDate) -> Expr {
    lit(ScalarValue::Date32(Some(date.to_epoch_days())))
}

fn midnight(date: NaiveDate) -> Expr {
    let us = date.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
    lit(ScalarValue::TimestampMicrosecond(Some(us), None))
}

/// Sorts rows; as in PostgreSQL, nulls come last in ascending and first in descending order.
///
/// # Errors
/// An order by a column that the frame lacks.
pub fn sorted(frame: DataFrame, order: &[OrderBy]) -> Result<DataFrame> {
    if order.is_empty() {
        return Ok(frame);
    }
    let columns: Vec<&str> =
        frame.schema().fields().iter().map(|field| field.name().as_str()).collect();
    if let Some(missing) =
        order.iter().find(|o| frame.schema().field_with_unqualified_name(&o.column).is_err())
    {
        bail!(
            "the header orders by {:?}, but the columns are {}",
            missing.column,
            columns.join(", ")
        );
    }
    let keys: Vec<SortExpr> =
        order.iter().map(|o| ident(&o.column).sort(!o.descending, o.descending)).collect();
    frame.sort(keys).map_err(session::explain)
}

/// Leaves out the rows before the offset of a select and those after its limit.
///
/// # Errors
/// None in practice.
pub fn limited(frame: DataFrame, select: &Select) -> Result<DataFrame> {
    if select.offset == 0 && select.limit.is_none() {
        return Ok(frame);
    }
    let limit = select.limit.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let offset = usize::try_from(select.offset).unwrap_or(usize::MAX);
    frame.limit(offset, limit).map_err(session::explain)
}
