//! Computes the rows of a view into a temporary table: unlike an INSERT, CREATE TABLE AS can run on
//! all cores.
//!
//! A view that only compares ids is computed on the numbers that stand for them, and its SQL is unchanged:
//! it sees numbers in place of ids.

use anyhow::Result;
use postgres::Transaction;

use super::copy_rows::copy_rows;
use super::cursor_rows::DECLARE;
use super::inputs::Inputs;
use super::names::SchemaName;
use super::numbered_rows::with_numbers;
use super::search_path;
use super::server_errors::{explain_sql, failed};
use super::visible_tables::{Scope, Visible};
use crate::domain::tables::quoted;
use crate::views::{NEWEST_DATE, without_semicolon};
use crate::warehouse::Rows;

/// The temporary table that a result is computed into.
pub const COMPUTED: &str = "mobility_computed";
/// The temporary table for rows with ids that are to become numbers.
const WITH_IDS: &str = "mobility_with_ids";

/// The newest date with events, without reading them.
const NEWEST_PARTITION: &str = "(SELECT MAX(date) FROM {schema}.mobility_leaf \
                                WHERE retired_by IS NULL AND row_count > 0)";

/// Checks a SELECT by planning it without running it. DECLARE CURSOR accepts only a single statement, and
/// none that changes data.
///
/// # Errors
/// Errors of the server, with the position in the SQL.
pub fn check(transaction: &mut Transaction, schema: &SchemaName, sql: &str) -> Result<()> {
    let select = without_semicolon(sql);
    let mut attempt = transaction.savepoint("planning").map_err(failed)?;
    // the cursor reserves memory for rows that are never computed
    attempt.batch_execute("SET LOCAL work_mem = '64kB'").map_err(failed)?;
    search_path::set(&mut attempt, schema, select, false)?;
    attempt
        .execute(&format!("{DECLARE}{select}"), &[])
        .map_err(|e| explain_sql(&e, select, DECLARE.len()))?;
    attempt.rollback().map_err(failed)
}

/// Creates [`COMPUTED`] with the columns of a SELECT and without rows.
///
/// # Errors
/// Errors of the server, with the position in the SQL.
pub fn compute_columns(
    transaction: &mut Transaction,
    schema: &SchemaName,
    sql: &str,
) -> Result<()> {
    let select = without_semicolon(sql);
    drop_table(transaction, COMPUTED)?;
    search_path::set(transaction, schema, select, false)?;
    create_temporary(transaction, COMPUTED, ("", select, "\nWITH NO DATA"))?;
    search_path::reset(transaction)
}

/// A view to be computed.
pub struct Computation<'a> {
    pub schema: &'a SchemaName,
    pub inputs: &'a Inputs,
    pub sql: &'a str,
    /// The columns of the result.
    pub columns: &'a [String],
    /// Keep the numbers of ids in the result, if the SQL is computed on them.
    pub keep_numbers: bool,
    /// The column whose values are negated.
    pub negated: Option<&'a str>,
}

impl Computation<'_> {
    /// Prepares the transaction for [`Computation::run`], by the search path that the SQL needs until
    /// [`search_path::reset`].
    ///
    /// # Errors
    /// Errors of the server.
    pub fn enter(&self, transaction: &mut Transaction) -> Result<()> {
        search_path::set(transaction, self.schema, without_semicolon(self.sql), false)
    }

    /// Computes the view into the temporary table `target`, over all rows or those of a scope; returns the
    /// number of rows.
    ///
    /// # Errors
    /// Errors of the server, with the position in the SQL.
    pub fn run(
        &self,
        transaction: &mut Transaction,
        target: &str,
        scope: Option<&Scope>,
    ) -> Result<u64> {
        if let Some(rows) = self.rows_of_files(scope)?
            && let Some(copied) = self.fill(transaction, target, (scope, rows))?
        {
            return Ok(copied);
        }
        self.create(transaction, target, scope, "")
    }

    /// Copies rows that were computed elsewhere, with ids as text, into the temporary table `target`; returns their
    /// number, or `None`, without the table, if their types differ from those of the server.
    ///
    /// # Errors
    /// Rows that cannot be read; errors of the server, with the position in the SQL.
    pub fn fill(
        &self,
        transaction: &mut Transaction,
        target: &str,
        (scope, rows): (Option<&Scope>, Rows),
    ) -> Result<Option<u64>> {
        self.create(transaction, target, scope, "\nWITH NO DATA")?;
        let copied = self.copy(transaction, target, rows)?;
        if copied.is_none() {
            drop_table(transaction, target)?;
        }
        Ok(copied)
    }

    /// Creates the temporary table `target` from the SQL; returns the number of rows.
    fn create(
        &self,
        transaction: &mut Transaction,
        target: &str,
        scope: Option<&Scope>,
        end: &str,
    ) -> Result<u64> {
        let newest = self.schema.fill(NEWEST_PARTITION);
        let select = &*without_semicolon(self.sql).replace(NEWEST_DATE, &newest);
        let on_numbers = self.inputs.on_numbers(without_semicolon(self.sql));
        let words = search_path::possible_relations(select);
        let visible =
            Visible { schema: self.schema, inputs: self.inputs, words, on_numbers, scope };
        let with = visible.expressions();
        let (list, joins) = self.output(on_numbers);
        drop_table(transaction, target)?;
        let before = format!("{with}SELECT {list} FROM (\n");
        let after = format!("\n) AS q{joins}{end}");
        create_temporary(transaction, target, (&before, select, &after))
    }

    /// The rows that this program computes in place of the server, with ids as text.
    fn rows_of_files(&self, scope: Option<&Scope>) -> Result<Option<Rows>> {
        match scope {
            Some(scope) if self.negated.is_none() => {
                self.inputs.rows_of_files(self.sql, scope.period, &scope.partitions)
            }
            _ => Ok(None),
        }
    }

    /// Copies rows into the temporary table `target`; returns their number, or `None` if their types differ.
    fn copy(&self, transaction: &mut Transaction, target: &str, rows: Rows) -> Result<Option<u64>> {
        if !self.keep_numbers || !self.inputs.on_numbers(without_semicolon(self.sql)) {
            return copy_rows(transaction, &format!("pg_temp.{target}"), self.columns, rows);
        }
        // the ids of the rows become numbers: here, unless there are too many of them
        let rows = match with_numbers(transaction, self.schema, rows)? {
            (true, rows) => {
                return copy_rows(transaction, &format!("pg_temp.{target}"), self.columns, rows);
            }
            (false, rows) => rows,
        };
        let column = |name: &String| match name.as_str() {
            "user_id" | "cell_id" => format!("NULL::text COLLATE \"C\" AS {}", quoted(name)),
            name => format!("q.{}", quoted(name)),
        };
        let columns: Vec<String> = self.columns.iter().map(column).collect();
        let with_ids = format!(
            "CREATE TEMP TABLE {WITH_IDS} AS SELECT {} FROM pg_temp.{target} q WITH NO DATA",
            columns.join(", ")
        );
        drop_table(transaction, WITH_IDS)?;
        transaction.batch_execute(&with_ids).map_err(failed)?;
        let source = format!("pg_temp.{WITH_IDS}");
        let Some(copied) = copy_rows(transaction, &source, self.columns, rows)? else {
            return Ok(None);
        };
        let mut joins = String::new();
        let number = |name: &String| match name.as_str() {
            "user_id" => {
                joins.push_str(
                    &self
                        .schema
                        .fill(" LEFT JOIN {schema}.mobility_user u ON u.user_id = q.user_id"),
                );
                "u.user_no".to_owned()
            }
            "cell_id" => {
                joins.push_str(
                    &self
                        .schema
                        .fill(" LEFT JOIN {schema}.mobility_cell c ON c.cell_id = q.cell_id"),
                );
                "c.cell_no".to_owned()
            }
            name => format!("q.{}", quoted(name)),
        };
        let list: Vec<String> = self.columns.iter().map(number).collect();
        let insert = format!(
            "ANALYZE {source}; INSERT INTO pg_temp.{target} SELECT {} FROM {source} q{joins}; DROP TABLE {source}",
            list.join(", ")
        );
        transaction.batch_execute(&insert).map_err(failed)?;
        Ok(Some(copied))
    }

    /// The columns of the result, and the joins that give back the ids.
    fn output(&self, on_numbers: bool) -> (String, String) {
        let mut joins = String::new();
        let mut join = |table: &str, alias: &str, number: &str, id: &str| {
            joins.push_str(&format!(
                " LEFT JOIN {} {alias} ON {alias}.{number} = q.{id}",
                self.schema.relation(table)
            ));
            format!("{alias}.{id}")
        };
        let with_ids = on_numbers && !self.keep_numbers;
        let column = |name: &String| match name.as_str() {
            "user_id" if with_ids => join("mobility_user", "mobility_u", "user_no", "user_id"),
            "cell_id" if with_ids => join("mobility_cell", "mobility_c", "cell_no", "cell_id"),
            name if self.negated == Some(name) => format!("- q.{0} AS {0}", quoted(name)),
            name => format!("q.{}", quoted(name)),
        };
        let list: Vec<String> = self.columns.iter().map(column).collect();
        (list.join(", "), joins)
    }
}

/// Drops a temporary table if it exists.
///
/// # Errors
/// Errors of the server.
pub fn drop_table(transaction: &mut Transaction, table: &str) -> Result<()> {
    transaction.batch_execute(&format!("DROP TABLE IF EXISTS pg_temp.{table}")).map_err(failed)
}

fn create_temporary(
    transaction: &mut Transaction,
    table: &str,
    (before, select, after): (&str, &str, &str),
) -> Result<u64> {
    let before = format!("CREATE TEMP TABLE {table} AS {before}");
    transaction
        .execute(&format!("{before}{select}{after}"), &[])
        .map_err(|e| explain_sql(&e, select, before.chars().count()))
}
