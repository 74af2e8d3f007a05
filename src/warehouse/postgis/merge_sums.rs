//! Merges what dates add to sums, or take away from them, into the table of the sums.

use anyhow::Result;
use postgres::Transaction;
use postgres::error::SqlState;

use super::compute_view::{COMPUTED, Computation, drop_table};
use super::inputs::{Inputs, Reads};
use super::names::SchemaName;
use super::relations::column_types;
use super::same_rows::are_same;
use super::search_path;
use super::server_errors::failed;
use super::stored_views::StoredView;
use super::visible_tables::Scope;
use crate::domain::tables::quoted;
use crate::warehouse::Rows;

/// Rows of changes that are collected before they are merged into the sums.
const MAX_CHANGES: u64 = 4_000_000;
/// The temporary table in which they are collected.
const CHANGES: &str = "mobility_changes";

/// A stored result with sums.
pub struct Sums<'a> {
    pub view: &'a StoredView,
    /// The column with the sums.
    pub column: &'a str,
    pub reads: &'a Reads,
    /// The columns of the result.
    pub columns: &'a [String],
    /// Compute all sums again; those that are stored may be the same.
    pub refresh: bool,
}

/// Collects changes of sums and merges them.
pub struct Merge<'a> {
    schema: &'a SchemaName,
    inputs: &'a Inputs,
    sums: &'a Sums<'a>,
    /// The table of the sums.
    table: String,
    /// The columns besides that of the sums, and that one.
    keys: Vec<String>,
    sum: String,
    /// The collected changes: the number of dates, and of rows.
    dates: u64,
    collected: u64,
    /// Something was taken away.
    takes_away: bool,
    /// The table still has the sums that are computed again.
    has_former: bool,
    /// The number of sums.
    rows: i64,
}

impl<'a> Merge<'a> {
    /// `rows` is the number of sums that there are.
    pub fn new(
        schema: &'a SchemaName,
        inputs: &'a Inputs,
        sums: &'a Sums<'a>,
        rows: i64,
    ) -> Merge<'a> {
        let keys = sums.columns.iter().filter(|column| *column != sums.column);
        Merge {
            schema,
            inputs,
            sums,
            table: schema.result_table(&sums.view.view),
            keys: keys.map(|key| quoted(key)).collect(),
            sum: quoted(sums.column),
            dates: 0,
            collected: 0,
            takes_away: false,
            has_former: sums.refresh,
            rows,
        }
    }

    /// Adds the rows of a date.
    ///
    /// # Errors
    /// SQL that the server rejects, with the position in it.
    pub fn add(&mut self, transaction: &mut Transaction, scope: &Scope) -> Result<()> {
        self.collect(transaction, scope, None)
    }

    /// Takes away the rows of a date.
    ///
    /// # Errors
    /// SQL that the server rejects, with the position in it.
    pub fn take_away(&mut self, transaction: &mut Transaction, scope: &Scope) -> Result<()> {
        self.takes_away = true;
        self.collect(transaction, scope, Some(self.sums.column))
    }

    /// Adds sums over all dates, which were computed elsewhere, to an empty result; false, without any change, if
    /// their types differ from those of the server.
    ///
    /// # Errors
    /// Rows that cannot be read; errors of the server.
    pub fn add_rows(&mut self, transaction: &mut Transaction, rows: Rows) -> Result<bool> {
        let computation = self.computation(None);
        computation.enter(transaction)?;
        let filled = computation.fill(transaction, CHANGES, (None, rows))?;
        search_path::reset(transaction)?;
        if let Some(rows) = filled {
            (self.dates, self.collected) = (1, rows);
        }
        Ok(filled.is_some())
    }

    fn computation(&self, negated: Option<&'a str>) -> Computation<'a> {
        Computation {
            schema: self.schema,
            inputs: self.inputs,
            sql: &self.sums.view.sql,
            columns: self.sums.columns,
            keep_numbers: true,
            negated,
        }
    }

    fn collect(
        &mut self,
        transaction: &mut Transaction,
        scope: &Scope,
        negated: Option<&'a str>,
    ) -> Result<()> {
        let computation = self.computation(negated);
        let target = if self.dates == 0 { CHANGES } else { COMPUTED };
        computation.enter(transaction)?;
        self.collected += computation.run(transaction, target, Some(scope))?;
        search_path::reset(transaction)?;
        if target == COMPUTED {
            let add = format!("INSERT INTO pg_temp.{CHANGES} SELECT * FROM pg_temp.{COMPUTED}");
            transaction.batch_execute(&add).map_err(failed)?;
            drop_table(transaction, COMPUTED)?;
        }
        self.dates += 1;
        if self.collected >= MAX_CHANGES {
            self.remove_former(transaction)?;
            self.merge(transaction)?;
        }
        Ok(())
    }

    /// Merges what has been collected; returns the number of sums.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn finish(mut self, transaction: &mut Transaction) -> Result<i64> {
        if self.has_former {
            if self.dates > 1 {
                self.group(transaction)?;
            }
            if self.dates > 0 && self.are_former(transaction)? {
                drop_table(transaction, CHANGES)?;
                return Ok(self.rows);
            }
            self.remove_former(transaction)?;
        }
        self.merge(transaction)?;
        Ok(self.rows)
    }

    /// True if the collected changes are the sums that the table has, of which `rows` is then the number.
    fn are_former(&mut self, transaction: &mut Transaction) -> Result<bool> {
        let columns = column_types(transaction, None, CHANGES)?;
        let changes = format!("pg_temp.{CHANGES}");
        if !are_same(transaction, &columns, (&changes, &self.table), &[])? {
            return Ok(false);
        }
        let count = format!("SELECT count(*) FROM {changes}");
        self.rows = transaction.query_one(&count, &[]).map_err(failed)?.get(0);
        Ok(true)
    }

    /// Removes the sums that are computed again.
    fn remove_former(&mut self, transaction: &mut Transaction) -> Result<()> {
        if std::mem::take(&mut self.has_former) {
            let delete = format!("DELETE FROM {}", self.table);
            transaction.batch_execute(&delete).map_err(failed)?;
        }
        Ok(())
    }

    /// Adds the collected changes to the sums; those that are 0 then are removed.
    fn merge(&mut self, transaction: &mut Transaction) -> Result<()> {
        if self.dates == 0 {
            return Ok(());
        }
        let has_nulls = self.take_out_nulls(transaction)?;
        // the rows of one date are mostly grouped already
        let are_grouped = self.dates == 1 && !self.takes_away && !has_nulls;
        if !are_grouped || !self.try_insert(transaction)? {
            self.group(transaction)?;
            self.rows += self.insert(transaction).map_err(failed)?;
            self.remove_zeros(transaction)?;
        }
        drop_table(transaction, CHANGES)?;
        (self.dates, self.collected, self.takes_away) = (0, 0, false);
        Ok(())
    }

    /// Null is no key of an index: sums with one are taken out and become changes, if there are changes of
    /// such sums.
    fn take_out_nulls(&mut self, transaction: &mut Transaction) -> Result<bool> {
        let is_null = match self.keys.is_empty() {
            true => "true".to_owned(),
            false => {
                let each: Vec<String> =
                    self.keys.iter().map(|key| format!("{key} IS NULL")).collect();
                each.join(" OR ")
            }
        };
        let has_nulls = format!("SELECT EXISTS (SELECT FROM pg_temp.{CHANGES} WHERE {is_null})");
        if !transaction.query_one(&has_nulls, &[]).map_err(failed)?.get::<_, bool>(0) {
            return Ok(false);
        }
        let all = self.columns();
        let take_out = format!(
            "WITH taken AS (DELETE FROM {} WHERE {is_null} RETURNING {all}) \
             INSERT INTO pg_temp.{CHANGES} ({all}) SELECT {all} FROM taken",
            self.table
        );
        let taken = transaction.execute(&take_out, &[]).map_err(failed)?;
        self.rows -= i64::try_from(taken).unwrap_or(i64::MAX);
        Ok(true)
    }

    /// Inserts the changes as they are; false if several of them have the same key.
    fn try_insert(&mut self, transaction: &mut Transaction) -> Result<bool> {
        let mut attempt = transaction.savepoint("grouped").map_err(failed)?;
        match self.insert(&mut attempt) {
            Ok(added) => {
                attempt.commit().map_err(failed)?;
                self.rows += added;
                Ok(true)
            }
            Err(error) => {
                let repeated = [SqlState::CARDINALITY_VIOLATION, SqlState::UNIQUE_VIOLATION];
                if !error.code().is_some_and(|code| repeated.contains(code)) {
                    return Err(failed(error));
                }
                attempt.rollback().map_err(failed)?;
                Ok(false)
            }
        }
    }

    /// Adds up the changes of each sum.
    fn group(&self, transaction: &mut Transaction) -> Result<()> {
        let columns = self.sums.columns.iter().map(|column| match column == self.sums.column {
            true => format!("sum({0})::bigint AS {0}", self.sum),
            false => quoted(column),
        });
        let columns: Vec<String> = columns.collect();
        let group = match self.keys.is_empty() {
            true => String::new(),
            false => format!(" GROUP BY {}", self.keys.join(", ")),
        };
        drop_table(transaction, COMPUTED)?;
        let sql = format!(
            "CREATE TEMP TABLE {COMPUTED} AS SELECT {} FROM pg_temp.{CHANGES}{group} \
             HAVING sum({}) <> 0; \
             DROP TABLE pg_temp.{CHANGES}; ALTER TABLE pg_temp.{COMPUTED} RENAME TO {CHANGES}",
            columns.join(", "),
            self.sum
        );
        transaction.batch_execute(&sql).map_err(failed)
    }

    /// Inserts the changes or adds them to the sums that there are. Returns the number of sums that are new.
    fn insert(&self, transaction: &mut Transaction) -> Result<i64, postgres::Error> {
        let (table, sum, keys) = (&self.table, &self.sum, self.keys.join(", "));
        let all = self.columns();
        let order = if keys.is_empty() { String::new() } else { format!(" ORDER BY {keys}") };
        let rows = format!("SELECT {all} FROM pg_temp.{CHANGES} WHERE {sum} <> 0{order}");
        let is_indexed = "SELECT EXISTS ( \
            SELECT FROM pg_index WHERE indrelid = $1::text::regclass AND indisunique)";
        let is_indexed: bool = transaction.query_one(is_indexed, &[table])?.get(0);
        let added = if is_indexed && self.rows > 0 {
            // a row that was updated, rather than inserted, has a transaction in xmax
            let insert = format!(
                "WITH merged AS (INSERT INTO {table} AS s ({all}) {rows} \
                   ON CONFLICT ({keys}) DO UPDATE SET {sum} = s.{sum} + excluded.{sum} \
                   RETURNING xmax = 0 AS new) \
                 SELECT count(*) FILTER (WHERE new) FROM merged"
            );
            transaction.query_one(&insert, &[])?.get(0)
        } else {
            let added = transaction.execute(&format!("INSERT INTO {table} ({all}) {rows}"), &[])?;
            if !is_indexed && !keys.is_empty() {
                transaction.batch_execute(&format!("CREATE UNIQUE INDEX ON {table} ({keys})"))?;
            }
            i64::try_from(added).unwrap_or(i64::MAX)
        };
        if added > 0 && added.saturating_mul(10) >= self.rows {
            transaction.batch_execute(&format!("ANALYZE {table}"))?;
        }
        Ok(added)
    }

    /// Removes the sums that have become 0.
    fn remove_zeros(&mut self, transaction: &mut Transaction) -> Result<()> {
        let (table, sum) = (&self.table, &self.sum);
        let is_less = format!("SELECT EXISTS (SELECT FROM pg_temp.{CHANGES} WHERE {sum} < 0)");
        if !transaction.query_one(&is_less, &[]).map_err(failed)?.get::<_, bool>(0) {
            return Ok(());
        }
        let keys = self.keys.iter().map(|key| format!(" AND s.{key} = c.{key}"));
        let remove = format!(
            "DELETE FROM {table} s USING pg_temp.{CHANGES} c WHERE c.{sum} < 0 AND s.{sum} = 0{}",
            keys.collect::<String>()
        );
        transaction.batch_execute(&format!("ANALYZE pg_temp.{CHANGES}")).map_err(failed)?;
        let removed = transaction.execute(&remove, &[]).map_err(failed)?;
        self.rows -= i64::try_from(removed).unwrap_or(i64::MAX);
        Ok(())
    }

    /// All columns.
    fn columns(&self) -> String {
        let columns: Vec<String> = self.sums.columns.iter().map(|c| quoted(c)).collect();
        columns.join(", ")
    }
}
