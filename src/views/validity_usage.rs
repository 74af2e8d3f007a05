//! Analysis of how a view uses the cell plan: whether it only sees the cells that are valid on a date.
//!
//! If so, its rows of a date are unchanged by a version of a cell that is valid on other dates.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, ObjectNamePart, Select, SelectItem,
    TableFactor, TableWithJoins, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::domain::tables::Table;

const START: &str = "valid_date_start";
const END: &str = "valid_date_end";
/// The column of events that validities are compared with.
const DATE: &str = "date";

/// True if a SELECT restricts each cell plan that it reads to the rows valid on a column `date`, by
/// conditions `valid_date_start IS NULL OR date >= valid_date_start` and
/// `valid_date_end IS NULL OR date <= valid_date_end`, and uses the validities for nothing else.
pub fn reads_valid_cells_only(sql: &str) -> bool {
    let dialect = PostgreSqlDialect {};
    let Ok(tokens) = Tokenizer::new(&dialect, sql).tokenize() else { return false };
    let Ok(statements) = Parser::parse_sql(&dialect, sql) else { return false };
    let mut uses = Uses::default();
    let _ = statements.visit(&mut uses);
    let count = |name: &str| {
        let is_name =
            |token: &&Token| matches!(token, Token::Word(w) if w.value.eq_ignore_ascii_case(name));
        tokens.iter().filter(is_name).count()
    };
    let plan = Table::CellPlan.name();
    // each condition names a validity twice, and a plan without an alias occurs in qualified columns too
    !uses.unclear
        && statements.len() == 1
        && count(START) + count(END) == 4 * uses.restricted
        && count(plan) == uses.restricted + uses.qualified
        && count("natural") == 0
}

#[derive(Default)]
struct Uses {
    /// Occurrences of the plan that are restricted to one date.
    restricted: usize,
    /// Columns that are qualified with the name of the plan.
    qualified: usize,
    /// The plan, or something with the name `date`, is used in a way that is not tracked.
    unclear: bool,
}

impl Visitor for Uses {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let has_plan = select.from.iter().any(|from| !plans(from).is_empty());
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAlias { expr, alias } if is(alias, DATE) => {
                    self.unclear |= !is_column(expr, DATE);
                }
                // they would show the validities
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                    self.unclear |= has_plan;
                }
                _ => {}
            }
        }
        for from in &select.from {
            for (position, alias) in plans(from) {
                if is_restricted(select, from, position, &alias) {
                    self.restricted += 1;
                } else {
                    self.unclear = true;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        self.unclear |= match factor {
            TableFactor::Table { alias, args, .. } => {
                args.is_some() || alias.as_ref().is_some_and(|a| !a.columns.is_empty())
            }
            TableFactor::Derived { alias, .. } => {
                alias.as_ref().is_some_and(|a| !a.columns.is_empty())
            }
            _ => true,
        };
        ControlFlow::Continue(())
    }

    fn pre_visit_query(
        &mut self,
        query: &datafusion::sql::sqlparser::ast::Query,
    ) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.unclear |= tables.into_iter().any(|table| !table.alias.columns.is_empty());
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr
            && parts.first().is_some_and(|part| is(part, Table::CellPlan.name()))
        {
            self.qualified += 1;
        }
        ControlFlow::Continue(())
    }
}

/// The positions of the plan among the tables that are joined, with the name of each; 0 is the first table.
fn plans(from: &TableWithJoins) -> Vec<(usize, Ident)> {
    let factors = std::iter::once(&from.relation).chain(from.joins.iter().map(|j| &j.relation));
    let plan = |(position, factor): (usize, &TableFactor)| {
        let TableFactor::Table { name, alias, .. } = factor else { return None };
        let [ObjectNamePart::Identifier(table)] = name.0.as_slice() else { return None };
        let shown = alias.as_ref().map_or(table, |alias| &alias.name);
        is(table, Table::CellPlan.name()).then(|| (position, shown.clone()))
    };
    factors.enumerate().filter_map(plan).collect()
}

/// True if rows of the plan at `position` only join if they are valid on the date of another table.
fn is_restricted(select: &Select, from: &TableWithJoins, position: usize, alias: &Ident) -> bool {
    let mut conditions: Vec<&Expr> = select.selection.iter().collect();
    for (number, join) in from.joins.iter().enumerate() {
        let (constraint, is_outer) = match &join.join_operator {
            JoinOperator::Join(c) | JoinOperator::Inner(c) | JoinOperator::CrossJoin(c) => {
                (c, false)
            }
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => (c, true),
            _ => return false,
        };
        // the condition of an outer join only restricts the table that it adds
        if let JoinConstraint::On(condition) = constraint
            && (!is_outer || number + 1 == position)
        {
            conditions.push(condition);
        }
    }
    let mut parts = Vec::new();
    conditions.into_iter().for_each(|condition| split(condition, &BinaryOperator::And, &mut parts));
    [START, END].iter().all(|column| parts.iter().any(|part| admits(part, column, alias)))
}

/// The operands of a chain of one operator.
fn split<'a>(expr: &'a Expr, operator: &BinaryOperator, parts: &mut Vec<&'a Expr>) {
    match expr {
        Expr::Nested(inner) => split(inner, operator, parts),
        Expr::BinaryOp { left, op, right } if op == operator => {
            split(left, operator, parts);
            split(right, operator, parts);
        }
        other => parts.push(other),
    }
}

/// True for `column IS NULL OR date >= column`; `<=` for the end of a validity.
fn admits(condition: &Expr, column: &str, alias: &Ident) -> bool {
    let mut parts = Vec::new();
    split(condition, &BinaryOperator::Or, &mut parts);
    let is_validity = |expr: &Expr| match expr {
        Expr::Identifier(name) => is(name, column),
        Expr::CompoundIdentifier(parts) => {
            matches!(parts.as_slice(), [table, name] if table.value == alias.value && is(name, column))
        }
        _ => false,
    };
    let is_null = |expr: &Expr| matches!(expr, Expr::IsNull(inner) if is_validity(inner));
    let (after, before) = match column {
        START => (BinaryOperator::GtEq, BinaryOperator::LtEq),
        _ => (BinaryOperator::LtEq, BinaryOperator::GtEq),
    };
    let compares = |expr: &Expr| match expr {
        Expr::BinaryOp { left, op, right } => {
            (*op == after && is_column(left, DATE) && is_validity(right))
                || (*op == before && is_validity(left) && is_column(right, DATE))
        }
        _ => false,
    };
    matches!(parts.as_slice(), [a, b] if (is_null(a) && compares(b)) || (compares(a) && is_null(b)))
}

fn is(name: &Ident, expected: &str) -> bool {
    name.value.eq_ignore_ascii_case(expected)
}

fn is_column(expr: &Expr, name: &str) -> bool {
    match expr {
        Expr::Identifier(column) => is(column, name),
        Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|column| is(column, name)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::Registry;

    const VALID: &str = "(c.valid_date_start IS NULL OR e.date >= c.valid_date_start) \
                         AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)";

    #[test]
    fn built_in_views_with_the_plan_read_valid_cells_only() {
        let registry = Registry::read((&crate::config::Config::default()).into()).unwrap();
        let with_plan: Vec<_> =
            registry.views().iter().filter(|view| view.sql.contains("cell_plan")).collect();
        assert!(with_plan.len() >= 2);
        for view in with_plan {
            assert!(reads_valid_cells_only(&view.sql), "{}", view.view);
        }
    }

    #[test]
    fn conditions_on_a_date_are_recognised_in_joins_and_filters() {
        for sql in [
            "SELECT e.date, c.lau_id FROM events e JOIN cell_plan c ON c.cell_id = e.cell_id AND VALID",
            "SELECT e.date FROM events e LEFT JOIN cell_plan c ON VALID WHERE e.date IS NOT NULL",
            "SELECT e.date FROM events e, cell_plan c WHERE c.cell_id = e.cell_id AND VALID",
            "SELECT date FROM cell_plan JOIN events USING (cell_id) \
             WHERE (valid_date_start <= date OR valid_date_start IS NULL) \
               AND (cell_plan.valid_date_end IS NULL OR cell_plan.valid_date_end >= date)",
        ] {
            assert!(reads_valid_cells_only(&sql.replace("VALID", VALID)), "{sql}");
        }
    }

    #[test]
    fn other_uses_of_the_plan_depend_on_cells_of_other_dates() {
        for sql in [
            "SELECT e.date FROM events e JOIN cell_plan c ON c.cell_id = e.cell_id",
            "SELECT e.date, c.valid_date_end FROM events e JOIN cell_plan c ON VALID",
            "SELECT * FROM events e JOIN cell_plan c ON VALID",
            "SELECT e.date, c.* FROM events e JOIN cell_plan c ON VALID",
            "SELECT e.date FROM events e JOIN cell_plan c ON NOT (VALID)",
            "SELECT e.date FROM events e JOIN cell_plan c ON c.cell_id = e.cell_id OR VALID",
            "SELECT c.lau_id FROM cell_plan c LEFT JOIN events e ON VALID",
            "SELECT e.date FROM events e RIGHT JOIN cell_plan c ON VALID",
            "SELECT e.date FROM events e JOIN cell_plan c ON \
             (c.valid_date_start IS NULL OR e.date >= c.valid_date_start)",
            "SELECT e.date FROM events e JOIN cell_plan c ON VALID JOIN cell_plan d ON d.cell_id = c.cell_id",
            "SELECT e.date FROM (SELECT day + 7 AS date FROM events) e JOIN cell_plan c ON VALID",
            "SELECT e.date FROM (SELECT day FROM events) AS e(date) JOIN cell_plan c ON VALID",
            "SELECT e.date FROM events e NATURAL JOIN cell_plan c WHERE VALID",
            "SELECT e.date FROM events e JOIN cell_plan c ON \
             (c.valid_date_start IS NULL OR e.date > c.valid_date_start) \
             AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)",
            "SELECT e.date FROM",
        ] {
            assert!(!reads_valid_cells_only(&sql.replace("VALID", VALID)), "{sql}");
        }
    }
}
