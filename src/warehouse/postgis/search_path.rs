//! The search path for SQL of views and users, whose table names have no schema: they stand for the
//! tables of the warehouse, and never for those of another schema.
//!
//! Functions and operators of PostGIS are found through the path as well, and PostGIS is mostly
//! installed in `public`, beside tables of others. Its schema is therefore part of the path only if no
//! word of the SQL is the name of such a table.

use std::collections::BTreeSet;

use anyhow::Result;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use postgres::GenericClient;

use super::names::SchemaName;
use super::server_errors::failed;

/// The search path of all statements that name their schemas.
pub const QUALIFIED: &str = "pg_catalog, pg_temp";

/// Sets the path until the end of the transaction. $1: the schema; $2: whether temporary relations hide
/// those of the schema; $3: the words of the SQL, null if they are unknown.
const SET: &str = "\
SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ',
  CASE WHEN $2::boolean THEN 'pg_temp' END,
  pg_catalog.quote_ident($1::text),
  (SELECT pg_catalog.quote_ident(n.nspname)
   FROM pg_catalog.pg_extension e
   JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
   WHERE e.extname = 'postgis' AND n.nspname <> $1 AND $3::text[] IS NOT NULL
     AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_class c
       WHERE c.relnamespace = n.oid AND c.relname = ANY ($3) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
         AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_class own
           JOIN pg_catalog.pg_namespace s ON s.oid = own.relnamespace
           WHERE s.nspname = $1 AND own.relname = c.relname)
         AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_depend d
           WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
             AND d.deptype = 'e'))),
  CASE WHEN NOT $2 THEN 'pg_temp' END), true)";

/// Sets the search path for `sql` until the end of the transaction. With `temporary_first`, temporary
/// relations hide those of the schema.
///
/// # Errors
/// Errors of the server.
pub fn set<C: GenericClient>(
    client: &mut C,
    schema: &SchemaName,
    sql: &str,
    temporary_first: bool,
) -> Result<()> {
    set_for(client, schema, possible_relations(sql), temporary_first)
}

/// [`set`] for SQL with these possible names of relations; `None` if they are unknown.
///
/// # Errors
/// Errors of the server.
pub fn set_for<C: GenericClient>(
    client: &mut C,
    schema: &SchemaName,
    words: Option<BTreeSet<String>>,
    temporary_first: bool,
) -> Result<()> {
    let words = words.map(|words| words.into_iter().collect::<Vec<_>>());
    client.execute(SET, &[&schema.name(), &temporary_first, &words]).map_err(failed).map(drop)
}

/// The search path of qualified statements, again.
///
/// # Errors
/// Errors of the server.
pub fn reset<C: GenericClient>(client: &mut C) -> Result<()> {
    client.batch_execute(&format!("SET LOCAL search_path = {QUALIFIED}")).map_err(failed)
}

/// The words that may be names of relations without a schema, as the server folds their case; `None` if
/// the text cannot be split into words.
pub fn possible_relations(sql: &str) -> Option<BTreeSet<String>> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().ok()?;
    let is_space = |token: &Token| matches!(token, Token::Whitespace(_));
    let tokens: Vec<Token> = tokens.into_iter().filter(|t| !is_space(t)).collect();
    let mut words = BTreeSet::new();
    for (i, token) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let after_dot = i > 0 && tokens[i - 1] == Token::Period;
        let is_call = tokens.get(i + 1) == Some(&Token::LParen);
        // the server decodes escapes in U&"..." names, this does not
        let escaped = i > 1
            && tokens[i - 1] == Token::Ampersand
            && matches!(&tokens[i - 2], Token::Word(w) if w.value.eq_ignore_ascii_case("u"));
        if escaped {
            return None;
        }
        if !after_dot && !is_call {
            words.insert(match word.quote_style {
                Some(_) => word.value.clone(),
                None => word.value.to_lowercase(),
            });
        }
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::possible_relations;

    #[test]
    fn names_with_a_schema_and_functions_are_not_possible_relations() {
        let words =
            possible_relations("SELECT ST_X (geometry), 'lau' FROM Lau, \"Big\", other.mine -- x");
        let words: Vec<String> = words.unwrap().into_iter().collect();
        assert_eq!(words, ["Big", "from", "geometry", "lau", "other", "select"]);
        assert_eq!(possible_relations("SELECT 'open"), None);
        assert_eq!(possible_relations("SELECT * FROM U&\"l\\0061u\""), None);
    }
}
