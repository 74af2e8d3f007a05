//! Analysis of whether the result of a view follows from relations that are known.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{ObjectName, Query, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// Functions and keywords with another value at each call or on each day.
const CHANGING: [&str; 17] = [
    "clock_timestamp",
    "current_date",
    "current_time",
    "current_timestamp",
    "gen_random_uuid",
    "localtime",
    "localtimestamp",
    "nextval",
    "now",
    "random",
    "random_normal",
    "statement_timestamp",
    "timeofday",
    "today",
    "transaction_timestamp",
    "uuid",
    "uuid_generate_v4",
];

/// True if a SELECT reads only relations for which `is_known` is true, by their names without a schema, and
/// calls no function that is known to change by itself.
pub fn reads_named_relations_only(sql: &str, is_known: impl Fn(&str) -> bool) -> bool {
    let dialect = PostgreSqlDialect {};
    let Ok(tokens) = Tokenizer::new(&dialect, sql).tokenize() else { return false };
    let Ok(statements) = Parser::parse_sql(&dialect, sql) else { return false };
    let mut relations = Relations::default();
    let _ = statements.visit(&mut relations);
    let is_changing = |token: &Token| matches!(token, Token::Word(word) if CHANGING.contains(&&*word.value.to_lowercase()));
    let known = |name: &String| relations.ctes.contains(name) || is_known(name);
    statements.len() == 1 && !tokens.iter().any(is_changing) && relations.read.iter().all(known)
}

#[derive(Default)]
struct Relations {
    read: BTreeSet<String>,
    /// Names of common table expressions.
    ctes: BTreeSet<String>,
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.read.insert(relation.to_string().to_lowercase());
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.ctes.extend(tables.map(|table| table.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::reads_named_relations_only;

    #[test]
    fn foreign_relations_and_changing_functions_are_noticed() {
        let only_lau = |sql: &str| reads_named_relations_only(sql, |name| name == "lau");
        assert!(only_lau(
            "WITH x AS (SELECT * FROM lau) SELECT count(*) FROM x JOIN Lau l ON true"
        ));
        for sql in [
            "SELECT * FROM other",
            "SELECT * FROM other.lau",
            "SELECT now() FROM lau",
            "SELECT CURRENT_DATE FROM lau",
            "SELECT * FROM",
        ] {
            assert!(!only_lau(sql), "{sql}");
        }
    }
}
