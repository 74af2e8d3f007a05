//! Comparisons of casts that lose information, such as `CAST(hour AS DATE) = DATE '2024-10-01'`. The engine takes the
//! column for constant after such a filter, since it casts the bounds back, and leaves it out of the order of rows.

use chrono::NaiveDate;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Cast, Expr, ExprSchemable, Filter, LogicalPlan, Operator, TryCast, lit,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// Compares time stamps with the bounds of a date instead of their date with it, which also leaves out files by their
/// statistics, and hides all other comparisons of lossy casts from the analysis of bounds.
#[derive(Debug)]
pub struct CompareWithoutLoss;

impl OptimizerRule for CompareWithoutLoss {
    fn name(&self) -> &'static str {
        "compare_without_loss"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = &plan else { return Ok(Transformed::no(plan)) };
        let schema = filter.input.schema();
        let mut is_changed = false;
        let mut conditions = Vec::new();
        for condition in split_conjunction(&filter.predicate) {
            let changed = without_loss(condition, schema)?;
            is_changed |= changed.is_some();
            conditions.push(changed.unwrap_or_else(|| condition.clone()));
        }
        let Some(predicate) = conjunction(conditions).filter(|_| is_changed) else {
            return Ok(Transformed::no(plan));
        };
        let filter = Filter::try_new(predicate, filter.input.clone())?;
        Ok(Transformed::yes(LogicalPlan::Filter(filter)))
    }
}

/// An equivalent condition of a filter; `None` if it can stay.
fn without_loss(condition: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    if let Some(range) = date_range(condition, schema)? {
        return Ok(Some(range));
    }
    let is_hidden = matches!(condition, Expr::IsTrue(_));
    let is_lossy = !is_hidden && condition.exists(|part| Ok(is_lossy(part, schema)))?;
    // a row passes a filter only where its condition is true
    Ok(is_lossy.then(|| Expr::IsTrue(Box::new(condition.clone()))))
}

/// The comparison of a date of a time stamp with a literal, as a comparison of the time stamp.
fn date_range(condition: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return Ok(None) };
    let (cast, op, literal) = match (left.as_ref(), right.as_ref()) {
        (cast, Expr::Literal(ScalarValue::Date32(Some(day)), _)) => (cast, *op, *day),
        (Expr::Literal(ScalarValue::Date32(Some(day)), _), cast) => match op.swap() {
            Some(op) => (cast, op, *day),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let Some((time, kind)) = cast_of(cast) else { return Ok(None) };
    let source = time.get_type(schema)?;
    if *kind != DataType::Date32 || !matches!(source, DataType::Timestamp(_, None)) {
        return Ok(None);
    }
    let start = |day: Option<i32>| -> Option<Expr> {
        // a day of the calendar, whose time stamps do not overflow
        NaiveDate::from_epoch_days(day?)?;
        Some(lit(ScalarValue::Date32(day).cast_to(&source).ok()?))
    };
    let (Some(first), Some(next)) = (start(Some(literal)), start(literal.checked_add(1))) else {
        return Ok(None);
    };
    let time = || time.clone();
    Ok(match op {
        Operator::Eq => Some(time().gt_eq(first).and(time().lt(next))),
        Operator::NotEq => Some(time().lt(first).or(time().gt_eq(next))),
        Operator::Lt => Some(time().lt(first)),
        Operator::LtEq => Some(time().lt(next)),
        Operator::Gt => Some(time().gt_eq(next)),
        Operator::GtEq => Some(time().gt_eq(first)),
        _ => None,
    })
}

/// What a cast converts, and into what.
fn cast_of(expr: &Expr) -> Option<(&Expr, &DataType)> {
    match expr {
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
            Some((expr, field.data_type()))
        }
        _ => None,
    }
}

/// True for a cast that different values may leave equal.
fn is_lossy(expr: &Expr, schema: &DFSchema) -> bool {
    let Some((value, target)) = cast_of(expr) else { return false };
    // a literal is no column
    if value.column_refs().is_empty() {
        return false;
    }
    let Ok(source) = value.get_type(schema) else { return true };
    let is_text =
        |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let width = DataType::primitive_width;
    let is_wider =
        source.is_signed_integer() && target.is_signed_integer() && width(target) >= width(&source);
    source != *target && !is_wider && !(is_text(&source) && is_text(target))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
    };
    use datafusion::arrow::datatypes::Int64Type;
    use datafusion::datasource::MemTable;

    use datafusion::execution::SessionStateBuilder;
    use datafusion::prelude::SessionContext;

    use super::CompareWithoutLoss;

    const DAY_US: i64 = 86_400_000_000;

    /// Numbers of the rows of a query over the rows 0 to 11: half days from day -3 on in `at`, and thirds from -2 on
    /// in `share`, both in another order than `n`.
    fn rows(condition: &str, order: &str) -> Vec<i64> {
        let numbers: Vec<i64> = (0..12).map(|n| n * 5 % 12).collect();
        let at = numbers.iter().map(|n| (n - 6) * DAY_US / 2);
        let share = numbers.iter().map(|n| (*n as f64 - 6.0) / 3.0);
        let columns: [(&str, ArrayRef); 3] = [
            ("n", Arc::new(Int64Array::from(numbers.clone()))),
            ("at", Arc::new(TimestampMicrosecondArray::from_iter_values(at))),
            ("share", Arc::new(Float64Array::from_iter_values(share))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
        let state = SessionStateBuilder::new().with_default_features();
        let state = state.with_optimizer_rule(Arc::new(CompareWithoutLoss)).build();
        let context = SessionContext::new_with_state(state);
        context.register_table("t", Arc::new(table)).unwrap();
        let sql = format!("SELECT n FROM t WHERE {condition} ORDER BY {order}");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let batches = runtime.block_on(async { context.sql(&sql).await?.collect().await }).unwrap();
        let values =
            |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        batches.iter().flat_map(values).collect()
    }

    #[test]
    fn rows_are_ordered_by_a_column_whose_cast_is_constant() {
        // two half days, and the thirds that are cut to 0
        assert_eq!(rows("CAST(at AS DATE) = DATE '1970-01-02'", "at, n"), [8, 9]);
        assert_eq!(rows("CAST(at AS DATE) = DATE '1970-01-02'", "at DESC, n"), [9, 8]);
        assert_eq!(rows("CAST(share AS INT) = 0", "share"), [4, 5, 6, 7, 8]);
        assert_eq!(rows("CAST(share AS INT) BETWEEN 1 AND 1", "share DESC"), [11, 10, 9]);
        assert_eq!(rows("NOT (CAST(share AS INT) <> 0)", "share"), [4, 5, 6, 7, 8]);
    }

    #[test]
    fn comparisons_of_dates_with_time_stamps_keep_their_meaning() {
        let day = "DATE '1969-12-31'";
        for (condition, expected) in [
            (format!("CAST(at AS DATE) = {day}"), vec![4, 5]),
            (format!("{day} = CAST(at AS DATE)"), vec![4, 5]),
            (format!("CAST(at AS DATE) < {day}"), vec![0, 1, 2, 3]),
            (format!("CAST(at AS DATE) <= {day}"), vec![0, 1, 2, 3, 4, 5]),
            (format!("{day} < CAST(at AS DATE)"), vec![6, 7, 8, 9, 10, 11]),
            (format!("CAST(at AS DATE) >= {day} AND n < 7"), vec![4, 5, 6]),
            (format!("CAST(at AS DATE) <> {day}"), vec![0, 1, 2, 3, 6, 7, 8, 9, 10, 11]),
        ] {
            assert_eq!(rows(&condition, "at"), expected, "{condition}");
        }
    }
}
