//! The days that the filters of a query leave over, by which files are chosen before any is opened.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Operator, TryCast};
use datafusion::prelude::Expr;

/// Seconds of a day.
const DAY_S: i64 = 24 * 60 * 60;

/// The first and the last day, since 1970, that rows can have in the column for all filters to hold.
pub fn days_within(filters: &[Expr], column: &str) -> (i32, i32) {
    let mut days = (i32::MIN, i32::MAX);
    for filter in filters {
        narrow(filter, column, &mut days);
    }
    days
}

fn narrow(filter: &Expr, column: &str, days: &mut (i32, i32)) {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            narrow(left, column, days);
            narrow(right, column, days);
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (op, literal) = match (is_column(left, column), is_column(right, column)) {
                (true, false) => (*op, right),
                (false, true) => match op.swap() {
                    Some(op) => (op, left),
                    None => return,
                },
                _ => return,
            };
            let Some((day, is_midnight)) = day_of(literal) else { return };
            if matches!(op, Operator::Eq | Operator::Gt | Operator::GtEq) {
                days.0 = days.0.max(day);
            }
            match op {
                Operator::Lt if is_midnight => days.1 = days.1.min(day.saturating_sub(1)),
                Operator::Eq | Operator::Lt | Operator::LtEq => days.1 = days.1.min(day),
                _ => {}
            }
        }
        Expr::Between(Between { expr, negated: false, low, high }) if is_column(expr, column) => {
            if let (Some((low, _)), Some((high, _))) = (day_of(low), day_of(high)) {
                *days = (days.0.max(low), days.1.min(high));
            }
        }
        _ => {}
    }
}

/// True for the column, or the date of the column.
fn is_column(expr: &Expr, name: &str) -> bool {
    match expr {
        Expr::Column(column) => column.name == name,
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
            let is_day =
                matches!(field.data_type(), DataType::Date32 | DataType::Timestamp(_, None));
            is_day && is_column(expr, name)
        }
        _ => false,
    }
}

/// The day of a literal, and whether it is the first moment of that day.
fn day_of(expr: &Expr) -> Option<(i32, bool)> {
    let Expr::Literal(value, _) = expr else { return None };
    let (value, units) = match value {
        ScalarValue::Date32(day) => return Some(((*day)?, true)),
        ScalarValue::TimestampSecond(value, None) => (*value, 1),
        ScalarValue::TimestampMillisecond(value, None) => (*value, 1_000),
        ScalarValue::TimestampMicrosecond(value, None) => (*value, 1_000_000),
        ScalarValue::TimestampNanosecond(value, None) => (*value, 1_000_000_000),
        _ => return None,
    };
    let length = DAY_S * units;
    let day = i32::try_from(value?.div_euclid(length)).ok()?;
    Some((day, value?.rem_euclid(length) == 0))
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{cast, ident, lit};

    use super::*;

    #[test]
    fn filters_on_a_date_or_time_leave_days_over() {
        let date = |day| lit(ScalarValue::Date32(Some(day)));
        let time =
            |hours: i64| lit(ScalarValue::TimestampMicrosecond(Some(hours * 3_600_000_000), None));
        let all = (i32::MIN, i32::MAX);
        let day = || ident("date");
        for (filter, expected) in [
            (day().eq(date(7)), (7, 7)),
            (date(7).lt_eq(day()), (7, i32::MAX)),
            (day().gt_eq(date(7)).and(day().lt(date(9))), (7, 8)),
            (day().between(date(-2), date(9)), (-2, 9)),
            (day().gt_eq(time(25)), (1, i32::MAX)),
            (day().lt(time(48)), (i32::MIN, 1)),
            (day().lt(time(49)), (i32::MIN, 2)),
            (day().gt(time(-1)), (-1, i32::MAX)),
            (cast(day(), DataType::Date32).eq(date(3)), (3, 3)),
            (cast(day(), DataType::Int64).eq(lit(3i64)), all),
            (day().eq(date(1)).or(day().eq(date(2))), all),
            (day().not_eq(date(1)), all),
            (ident("other").eq(date(1)), all),
        ] {
            assert_eq!(days_within(std::slice::from_ref(&filter), "date"), expected, "{filter}");
        }
    }
}
