//! Computes a view for several small periods at once. Planning a query takes much longer than computing the
//! view over a small date, so that a year of small dates would otherwise be spent on planning.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Schema};
use chrono::NaiveDate;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

use super::Embedded;
use super::filter::sorted;
use super::rows_by_period::RowsByPeriod;
use super::session::Memory;
use super::stored_results::{Period, Span, StoredResults};
use super::versions::Version;
use crate::views::{OrderBy, Unit, View};
use crate::warehouse::Rows;

/// Periods are computed together up to this size of the files of hourly presence that they read, so that
/// memory use does not grow with the number of dates.
pub const MAX_BYTES: u64 = 12 << 20;
/// The same for views that read the results of others alone: the rows of these by date.
pub const MAX_ROWS: u64 = 200_000;
/// As [`MAX_BYTES`] for parts of an accumulated sum. One that changes is computed again for all of its dates.
pub const MAX_BYTES_OF_SUM: u64 = 2 << 20;

impl Embedded {
    /// Rows of the results by date that the SQL of a view names. Results of longer periods are read once for
    /// all dates that are computed together, so that they are left out.
    pub(super) fn rows_by_date(&self, view: &View, folder: &Path) -> BTreeMap<NaiveDate, u64> {
        let is_by_date = |source: &&View| source.growth.is_some_and(|g| g.unit == Unit::Date);
        let mut rows = BTreeMap::new();
        for source in self.views.sources(view).into_iter().filter(is_by_date) {
            for piece in StoredResults::read(folder, &source.view).current {
                if let Some(date) = piece.of.start {
                    *rows.entry(date).or_default() += piece.range.rows;
                }
            }
        }
        rows
    }

    /// The rows of a view by period, for consecutive periods; `None` if that cannot be told from the rows of
    /// all of them: if no column says to which period a row belongs, if numbers could depend on the order of
    /// addition, or if the first period has other rows when it is computed alone, as with a view that is not
    /// what its header says. `is_proven` tells that other periods of the view were the same. The iterator ends with
    /// [`OfNoPeriod`](super::rows_by_period::OfNoPeriod) if there are rows of other periods.
    ///
    /// # Errors
    /// A view that the engine rejects, with file, line and reason.
    pub(super) fn compute_together(
        &self,
        source: (&Version, &View, &Path),
        periods: &[Period],
        (memory, is_proven): (Memory, bool),
    ) -> Result<Option<impl Iterator<Item = Result<RecordBatch>> + use<>>> {
        let view = source.1;
        let Some(span) = Span::of(periods) else { return Ok(None) };
        let frame = self.plan_span(source, Some(span), memory)?;
        let column = period_column(view, frame.schema().as_arrow()).map(str::to_owned);
        let Some(column) = column.filter(|_| !adds_inexact_numbers(frame.logical_plan())) else {
            return Ok(None);
        };
        let by_period = OrderBy { column: column.clone(), descending: false };
        let order: Vec<OrderBy> = std::iter::once(by_period).chain(view.order.clone()).collect();
        let frame = sorted(frame, &order).map_err(|error| view.placed(error))?;
        // before the rows of all of them, which take memory as soon as they are computed
        let alone = match is_proven {
            true => None,
            false => Some(all_rows(self.compute_span(source, Span::of(&periods[..1]), memory)?)?),
        };
        let starts = periods.iter().filter_map(|period| period.start).collect();
        let mut by_period = RowsByPeriod::new(self.rows(frame)?, column, starts).peekable();
        let is_same = alone
            .is_none_or(|alone| matches!(by_period.peek(), Some(Ok(first)) if *first == alone));
        Ok(is_same.then_some(by_period))
    }
}

/// The column that tells the period of a row.
fn period_column<'a>(view: &'a View, schema: &'a Schema) -> Option<&'a str> {
    if let Some(period) = &view.period {
        return Some(period);
    }
    let has = |name: &str, is_kind: fn(&DataType) -> bool| {
        let field = schema.field_with_name(name).ok()?;
        is_kind(field.data_type()).then(|| field.name().as_str())
    };
    has("date", |kind| *kind == DataType::Date32)
        .or_else(|| has("hour", |kind| matches!(kind, DataType::Timestamp(_, None))))
}

/// True if an aggregate may depend on the order of the rows, because it adds floating-point numbers.
fn adds_inexact_numbers(plan: &LogicalPlan) -> bool {
    let is_inexact = |expressions: &[Expr], schema: &DFSchema| {
        expressions.iter().any(|expr| {
            let kind = expr.get_type(schema);
            let name = expr.schema_name().to_string().to_lowercase();
            let is_chosen = name.starts_with("min(") || name.starts_with("max(");
            !is_chosen && kind.is_ok_and(|kind| kind.is_floating())
        })
    };
    let mut found = false;
    let visited = plan.apply_with_subqueries(|node| {
        found |= match node {
            LogicalPlan::Aggregate(node) => is_inexact(&node.aggr_expr, node.input.schema()),
            LogicalPlan::Window(node) => is_inexact(&node.window_expr, node.input.schema()),
            _ => false,
        };
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found || visited.is_err()
}

fn all_rows(rows: Rows) -> Result<RecordBatch> {
    let schema = rows.schema();
    let batches = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(concat_batches(&schema, &batches)?)
}

#[cfg(test)]
mod tests {
    use chrono::Datelike;

    use super::*;
    use crate::warehouse::batches::batches;

    #[test]
    fn periods_are_computed_together_up_to_a_size() {
        let sizes = [1, MAX_BYTES - 1, 1, MAX_BYTES + 1, 5, 6];
        let period = |number| {
            let start = NaiveDate::from_ymd_opt(2024, 10, number);
            Period { start, fingerprint: String::new(), reads: None }
        };
        let periods: Vec<Period> = (1..=6).map(period).collect();
        let size = |period: &Period| sizes[period.start.unwrap().day0() as usize];
        let lengths: Vec<usize> = batches(&periods, MAX_BYTES, size).map(<[Period]>::len).collect();
        assert_eq!(lengths, [2, 1, 1, 2]);
        assert_eq!(batches(&[], MAX_BYTES, size).count(), 0);
    }
}
