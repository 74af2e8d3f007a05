//! What functions do with user ids and with exact times.
//!
//! All lists name what is known to be harmless: a function that they lack counts as one that tells of
//! single users.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

/// Aggregates whose value does not depend on which ids they get, only on how many.
const COUNTING: [&str; 2] = ["count", "approx_distinct"];

/// Aggregates whose value summarises all rows. Others collect or pick values of single rows.
const SUMMARISING: [&str; 19] = [
    "approx_median",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
    "avg",
    "bool_and",
    "bool_or",
    "corr",
    "covar_pop",
    "covar_samp",
    "grouping",
    "max",
    "median",
    "min",
    "percentile_cont",
    "stddev",
    "stddev_pop",
    "sum",
    "var",
    "var_pop",
];

/// Window functions that number rows, so that a single row can be picked by its number.
const NUMBERING: [&str; 3] = ["dense_rank", "rank", "row_number"];

/// Window functions that divide rows into parts.
const DIVIDING: [&str; 3] = ["cume_dist", "ntile", "percent_rank"];

/// Functions that do not single out particular ids: they return a value for every id.
const TOTAL: [&str; 27] = [
    "btrim",
    "character_length",
    "concat",
    "concat_ws",
    "digest",
    "encode",
    "get_field",
    "greatest",
    "least",
    "left",
    "lower",
    "lpad",
    "ltrim",
    "make_array",
    "md5",
    "named_struct",
    "octet_length",
    "reverse",
    "right",
    "rpad",
    "rtrim",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "struct",
    "substr",
];

/// Units in which a time is no longer exact.
const COARSE_UNITS: [&str; 7] = ["minute", "hour", "day", "week", "month", "quarter", "year"];

/// Parts of a time that do not tell it exactly.
const COARSE_PARTS: [&str; 13] = [
    "minute", "hour", "day", "dow", "isodow", "doy", "week", "month", "quarter", "year", "isoyear",
    "decade", "century",
];

const NANOSECONDS_PER_MINUTE: i64 = 60_000_000_000;

/// What an aggregate does with its argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    Counts,
    Summarises,
    /// Returns values of single rows.
    Collects,
}

/// What the aggregate of that name does.
pub fn aggregation(name: &str) -> Aggregation {
    match name {
        name if COUNTING.contains(&name) => Aggregation::Counts,
        name if SUMMARISING.contains(&name) => Aggregation::Summarises,
        _ => Aggregation::Collects,
    }
}

/// True if the window function of that name numbers rows.
pub fn numbers_rows(name: &str) -> bool {
    NUMBERING.contains(&name)
}

/// True if the window function of that name divides rows into parts.
pub fn divides_rows(name: &str) -> bool {
    DIVIDING.contains(&name)
}

/// True if the function of that name treats all ids alike.
pub fn is_total(name: &str) -> bool {
    TOTAL.contains(&name)
}

/// True if the result of the call no longer tells the exact time in its arguments.
pub fn coarsens(name: &str, args: &[Expr]) -> bool {
    let unit_in = |units: &[&str]| {
        let unit = args.first().and_then(text).map(|unit| unit.to_lowercase());
        unit.is_some_and(|unit| units.contains(&unit.as_str()))
    };
    match name {
        "date_trunc" => unit_in(&COARSE_UNITS),
        "date_part" => unit_in(&COARSE_PARTS),
        "date_bin" => matches!(args.first(), Some(Expr::Literal(width, _)) if is_coarse(width)),
        _ => false,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

fn is_coarse(width: &ScalarValue) -> bool {
    match width {
        ScalarValue::IntervalYearMonth(Some(months)) => *months > 0,
        ScalarValue::IntervalDayTime(Some(width)) => width.days > 0 || width.milliseconds >= 60_000,
        ScalarValue::IntervalMonthDayNano(Some(width)) => {
            width.months > 0 || width.days > 0 || width.nanoseconds >= NANOSECONDS_PER_MINUTE
        }
        _ => false,
    }
}
