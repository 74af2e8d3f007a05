//! Analysis of how a view uses user and cell ids: whether it only compares them for equality.
//!
//! If so, a warehouse may compute the view on integers in place of the ids, and translate them back in the
//! result: integers are compared, sorted and hashed many times faster than pseudonyms of 64
//! characters.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, ObjectName,
    Query, Select, SelectItem, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::domain::tables::Table;

const IDS: [&str; 2] = ["user_id", "cell_id"];

/// True if a SELECT over the tables only selects user and cell ids, groups by them, counts them and
/// compares them for equality; it may also read other relations for which `has_numbers` is true.
pub fn compares_ids_only(sql: &str, has_numbers: impl Fn(&str) -> bool) -> bool {
    let Ok(statements) = Parser::parse_sql(&PostgreSqlDialect {}, sql) else { return false };
    let mut uses = Uses::default();
    let _ = statements.visit(&mut uses);
    let known = |name: &String| {
        uses.ctes.contains(name) || Table::from_name(name).is_some() || has_numbers(name)
    };
    statements.len() == 1
        && !uses.renamed
        && uses.occurrences == uses.equality_only
        && uses.relations.iter().all(known)
}

#[derive(Default)]
struct Uses {
    /// Occurrences of ids.
    occurrences: usize,
    /// Those of them for which only equality matters.
    equality_only: usize,
    /// Something else gets the name of an id, or columns are renamed in a way that is not tracked.
    renamed: bool,
    relations: BTreeSet<String>,
    /// Names of common table expressions.
    ctes: BTreeSet<String>,
}

/// The name of the id if the expression is a bare id column.
fn id(expr: &Expr) -> Option<&'static str> {
    let last = match expr {
        Expr::Identifier(name) => name,
        Expr::CompoundIdentifier(parts) => parts.last()?,
        _ => return None,
    };
    IDS.into_iter().find(|id| last.value.eq_ignore_ascii_case(id))
}

fn counted_id(name: &ObjectName, arguments: &FunctionArguments) -> bool {
    let FunctionArguments::List(list) = arguments else { return false };
    let one = match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))] => id(expr).is_some(),
        _ => false,
    };
    one && list.clauses.is_empty() && name.to_string().eq_ignore_ascii_case("count")
}

impl Visitor for Uses {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.occurrences += usize::from(id(expr).is_some());
        self.equality_only += match expr {
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right }
                if id(left).is_some() && id(left) == id(right) =>
            {
                2
            }
            Expr::IsNull(inner) | Expr::IsNotNull(inner) if id(inner).is_some() => 1,
            Expr::Function(f) if f.over.is_none() && counted_id(&f.name, &f.args) => 1,
            _ => 0,
        };
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    self.equality_only += usize::from(id(expr).is_some());
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let alias = IDS.into_iter().find(|id| alias.value.eq_ignore_ascii_case(id));
                    match (id(expr), alias) {
                        (None, None) => {}
                        (of, to) if of == to => self.equality_only += 1,
                        _ => self.renamed = true,
                    }
                }
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {}
                _ => self.renamed = true,
            }
        }
        match &select.group_by {
            GroupByExpr::Expressions(by, _) => {
                self.equality_only += by.iter().filter(|expr| id(expr).is_some()).count();
            }
            GroupByExpr::All(_) => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.ctes.insert(table.alias.name.value.to_lowercase());
            self.renamed |= !table.alias.columns.is_empty();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.relations.insert(relation.to_string().to_lowercase());
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        self.renamed |= match table {
            TableFactor::Table { alias, args, .. } => {
                args.is_some() || alias.as_ref().is_some_and(|a| !a.columns.is_empty())
            }
            TableFactor::Derived { alias, .. } => {
                alias.as_ref().is_some_and(|a| !a.columns.is_empty())
            }
            TableFactor::NestedJoin { .. } => false,
            _ => true,
        };
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::views::Registry;

    #[test]
    fn built_in_views_over_tables_only_compare_ids() {
        let registry = Registry::read((&Config::default()).into()).unwrap();
        for view in registry.views() {
            let over_tables = registry.dependencies(view).unwrap().is_empty();
            assert_eq!(compares_ids_only(&view.sql, |_| false), over_tables, "{}", view.view);
        }
    }

    #[test]
    fn view_with_numbers_is_read_as_a_table_is() {
        let sql = "SELECT COUNT(*) AS n FROM user_cell_dates GROUP BY user_id";
        assert!(!compares_ids_only(sql, |_| false));
        assert!(compares_ids_only(sql, |name| name == "user_cell_dates"));
    }

    #[test]
    fn other_uses_of_an_id_need_the_text() {
        let table = "mobile_events_compressed";
        for sql in [
            "SELECT LENGTH(user_id) FROM t",
            "SELECT MIN(user_id) FROM t",
            "SELECT COUNT(DISTINCT UPPER(user_id)) FROM t",
            "SELECT COUNT(*) FILTER (WHERE user_id LIKE 'a%') FROM t",
            "SELECT date FROM t WHERE user_id = 'u1'",
            "SELECT date FROM t WHERE cell_id IN ('1', '2')",
            "SELECT date FROM t WHERE user_id = cell_id",
            "SELECT user_id AS person FROM t",
            "SELECT COUNT(*) AS user_id FROM t",
            "SELECT person FROM (SELECT user_id FROM t) AS x(person)",
            "WITH x(person) AS (SELECT user_id FROM t) SELECT person FROM x",
            "SELECT user_id FROM t ORDER BY user_id LIMIT 5",
            "SELECT date FROM t GROUP BY date HAVING MAX(user_id) > 'b'",
            "SELECT ROW_NUMBER() OVER (ORDER BY user_id) FROM t",
            "SELECT STRING_AGG(cell_id, ',') FROM t",
            "SELECT user_id FROM other_view",
            "SELECT DISTINCT ON (user_id) date FROM t",
            "SELECT 1 FROM t; SELECT user_id FROM t",
            "SELECT user_id FROM",
        ] {
            let sql = sql.replace("FROM t", &format!("FROM {table}"));
            assert!(!compares_ids_only(&sql, |_| false), "{sql}");
        }
    }

    #[test]
    fn selecting_grouping_counting_and_joining_only_compare_ids() {
        for sql in [
            "SELECT e.user_id, COUNT(e.cell_id) FROM mobile_events_compressed e GROUP BY e.user_id",
            "WITH x AS (SELECT DISTINCT user_id AS user_id, date FROM mobile_events_compressed) \
             SELECT a.date, COUNT(*) FROM x a JOIN x b ON a.user_id = b.user_id GROUP BY a.date",
            "SELECT c.cell_id FROM cell_plan c LEFT JOIN mobile_events_compressed e \
             ON c.cell_id = e.cell_id WHERE e.cell_id IS NULL",
            "SELECT COUNT(*) FROM mobile_events_compressed JOIN cell_plan USING (cell_id)",
        ] {
            assert!(compares_ids_only(sql, |_| false), "{sql}");
        }
    }
}
