//! Whether a view sees of the cell plan only what is valid on the dates of the events. A new version of a cell
//! that is valid from tomorrow then changes no row of the past.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, JoinConstraint, JoinOperator, ObjectName, Select, SelectItem,
    TableFactor, TableWithJoins, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::domain::tables::Table;

const START: &str = "valid_date_start";
const END: &str = "valid_date_end";

/// True if each use of the cell plan in the SQL is a join with hourly presence by the validity of the cell on
/// the date of the event, in the form of the built-in views, and nothing else depends on the validity.
pub fn sees_valid_cells_only(sql: &str) -> bool {
    let Ok(statements) = Parser::parse_sql(&PostgreSqlDialect {}, sql) else { return false };
    let mut uses = Uses::default();
    let _ = statements.visit(&mut uses);
    uses.plans == uses.restricted && uses.validities == 4 * uses.restricted && !uses.shows_all
}

#[derive(Default)]
struct Uses {
    /// Occurrences of the cell plan.
    plans: usize,
    /// Those that are restricted to valid cells.
    restricted: usize,
    /// Occurrences of columns of validity.
    validities: usize,
    /// All columns are shown, those of validity among them.
    shows_all: bool,
}

impl Visitor for Uses {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.plans += usize::from(is_table(relation, Table::CellPlan));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Some((_, column)) = column(expr) {
            self.validities += usize::from(column == START || column == END);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let is_star = |item: &SelectItem| {
            matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
        };
        let mut found = 0;
        for from in &select.from {
            found += restricted_in(from, select.selection.as_ref());
        }
        self.restricted += found;
        self.shows_all |= found > 0 && select.projection.iter().any(is_star);
        ControlFlow::Continue(())
    }
}

/// The number of cell plans in a FROM clause that are restricted to valid cells.
fn restricted_in(from: &TableWithJoins, selection: Option<&Expr>) -> usize {
    let presence = [Table::MobileEventsCompressed, Table::MobileEventsPlaced];
    let relations = std::iter::once(&from.relation).chain(from.joins.iter().map(|j| &j.relation));
    let events: Vec<String> = relations
        .filter_map(|relation| presence.into_iter().find_map(|table| name_of(relation, table)))
        .collect();
    let mut found = 0;
    for join in &from.joins {
        let Some(plan) = name_of(&join.relation, Table::CellPlan) else { continue };
        let on = match &join.join_operator {
            JoinOperator::Join(JoinConstraint::On(on))
            | JoinOperator::Inner(JoinConstraint::On(on))
            | JoinOperator::Left(JoinConstraint::On(on))
            | JoinOperator::LeftOuter(JoinConstraint::On(on)) => Some(on),
            _ => None,
        };
        let mut conditions = Vec::new();
        on.into_iter().chain(selection).for_each(|expr| conjuncts(expr, &mut conditions));
        let holds = |validity: &str| {
            conditions.iter().any(|expr| is_validity(expr, &plan, validity, &events))
        };
        found += usize::from(on.is_some() && holds(START) && holds(END));
    }
    found
}

/// The name by which the columns of a table are qualified.
fn name_of(relation: &TableFactor, table: Table) -> Option<String> {
    let TableFactor::Table { name, alias, .. } = relation else { return None };
    let alias = alias.as_ref().map(|alias| alias.name.value.to_lowercase());
    is_table(name, table).then(|| alias.unwrap_or_else(|| table.name().to_owned()))
}

fn is_table(name: &ObjectName, table: Table) -> bool {
    name.to_string().eq_ignore_ascii_case(table.name())
}

fn conjuncts<'a>(expr: &'a Expr, into: &mut Vec<&'a Expr>) {
    match plain(expr) {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left, into);
            conjuncts(right, into);
        }
        other => into.push(other),
    }
}

fn plain(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => plain(inner),
        other => other,
    }
}

/// Qualifier and name of a column in lower case.
fn column(expr: &Expr) -> Option<(String, String)> {
    match plain(expr) {
        Expr::Identifier(name) => Some((String::new(), name.value.to_lowercase())),
        Expr::CompoundIdentifier(parts) => {
            let [.., table, name] = parts.as_slice() else { return None };
            Some((table.value.to_lowercase(), name.value.to_lowercase()))
        }
        _ => None,
    }
}

/// True for `c.valid_date_start IS NULL OR e.date >= c.valid_date_start`, and likewise for the end.
fn is_validity(expr: &Expr, plan: &str, validity: &str, events: &[String]) -> bool {
    let Expr::BinaryOp { left, op: BinaryOperator::Or, right } = plain(expr) else { return false };
    let is_bound = |expr: &Expr| column(expr) == Some((plan.to_owned(), validity.to_owned()));
    let is_date = |expr: &Expr| {
        column(expr).is_some_and(|(table, name)| name == "date" && events.contains(&table))
    };
    let is_open = |expr: &Expr| matches!(plain(expr), Expr::IsNull(inner) if is_bound(inner));
    let (after, before) = match validity {
        START => (BinaryOperator::GtEq, BinaryOperator::LtEq),
        _ => (BinaryOperator::LtEq, BinaryOperator::GtEq),
    };
    let is_within = |expr: &Expr| match plain(expr) {
        Expr::BinaryOp { left, op, right } => {
            *op == after && is_date(left) && is_bound(right)
                || *op == before && is_bound(left) && is_date(right)
        }
        _ => false,
    };
    is_open(left) && is_within(right) || is_open(right) && is_within(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::Registry;

    #[test]
    fn built_in_views_over_the_cell_plan_see_valid_cells_only() {
        let registry = Registry::read(&Default::default(), &Default::default()).unwrap();
        let mut found = 0;
        for view in registry.views().iter().filter(|view| registry.names(view, Table::CellPlan)) {
            assert!(sees_valid_cells_only(&view.sql), "{}", view.view);
            found += 1;
        }
        assert_eq!(found, 2);
    }

    #[test]
    fn other_uses_of_the_cell_plan_are_told_apart() {
        let validity = "(c.valid_date_start IS NULL OR e.date >= c.valid_date_start) \
                        AND (c.valid_date_end >= e.date OR c.valid_date_end IS NULL)";
        let select = |columns: &str, join: &str, on: &str| {
            format!(
                "SELECT {columns} FROM mobile_events_placed e {join} cell_plan c \
                 ON c.cell_id = e.cell_id AND {on}"
            )
        };
        assert!(sees_valid_cells_only(&select("e.date, c.lau_id", "JOIN", validity)));
        assert!(sees_valid_cells_only(&select("c.lau_id", "LEFT JOIN", validity)));
        for sql in [
            select("*", "JOIN", validity),
            select("c.valid_date_end", "JOIN", validity),
            select("e.date", "RIGHT JOIN", validity),
            select("e.date", "JOIN", "TRUE"),
            select("e.date", "JOIN", &validity.replace(">= e.date", "> e.date")),
            select("e.date", "JOIN", &validity.replace("e.date >=", "e.hour >=")),
            select("e.date", "JOIN", &validity.replace(" AND ", " OR ")),
            format!(
                "{} UNION ALL SELECT cell_id FROM cell_plan",
                select("c.cell_id", "JOIN", validity)
            ),
            "SELECT COUNT(*) FROM cell_plan".to_owned(),
            "SELECT".to_owned(),
        ] {
            assert!(!sees_valid_cells_only(&sql), "{sql}");
        }
    }
}
