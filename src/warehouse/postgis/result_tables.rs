//! The tables that hold stored results, and the views over them: created, changed and indexed as their
//! columns and the way they are stored require.

use anyhow::{Context, Result};
use postgres::Transaction;

use super::grants::Grants;
use super::names::{DATE_COLUMN, SchemaName, result_table_name};
use super::period_results;
use super::query::order_list;
use super::relations::{ColumnTypes, column_types, exists};
use super::server_errors::failed;
use super::stored_views::Storage;
use crate::domain::tables::quoted;
use crate::views::View;

/// Name of a table while another one takes its place.
const REPLACED: &str = "mobility_replaced";

/// The table with the result of a view.
pub struct ResultTable<'a> {
    pub view: &'a View,
    /// The columns of the view.
    pub columns: &'a ColumnTypes,
    pub storage: &'a Storage,
    /// The SQL can be computed on the numbers of ids.
    pub on_numbers: bool,
}

impl ResultTable<'_> {
    /// True if the table holds numbers in place of ids.
    fn has_numbers(&self) -> bool {
        self.on_numbers && matches!(self.storage, Storage::Sums { .. })
    }

    /// The columns of the table.
    fn stored_columns(&self, storage: &Storage) -> ColumnTypes {
        let mut columns = self.columns.clone();
        if self.has_numbers() {
            for (_, kind) in columns.iter_mut().filter(|(name, _)| is_id(name)) {
                *kind = "bigint".to_owned();
            }
        }
        if matches!(storage, Storage::Periods { .. }) {
            columns.push((DATE_COLUMN.to_owned(), "date".to_owned()));
        }
        columns
    }

    /// The columns of each index that queries and loads need.
    fn indexes(&self) -> Vec<String> {
        let mut indexes = Vec::new();
        if matches!(self.storage, Storage::Periods { .. }) {
            indexes.push(DATE_COLUMN.to_owned());
        }
        // the sums get theirs when they are filled
        if !self.view.order.is_empty() && !matches!(self.storage, Storage::Sums { .. }) {
            indexes.push(order_list(&self.view.order));
        }
        // of the columns that rows are filtered by
        let has = |name: &&str| self.columns.iter().any(|(column, _)| column == name);
        let day = ["date", "hour", "timestamp"].into_iter().find(has);
        indexes.extend(day.into_iter().chain(["lau_id"].into_iter().filter(has)).map(quoted));
        indexes
    }
}

fn is_id(column: &str) -> bool {
    matches!(column, "user_id" | "cell_id")
}

/// Makes the table and the view, if they are not as needed; `previous` is how the result was stored before.
/// Returns true if the stored rows are still there.
///
/// # Errors
/// Errors of the server.
pub fn prepare(
    transaction: &mut Transaction,
    schema: &SchemaName,
    table: &ResultTable,
    previous: Option<&Storage>,
) -> Result<bool> {
    let name = &table.view.view;
    let found = column_types(transaction, Some(schema), &result_table_name(name))?;
    let is_sums = |storage: &Storage| matches!(storage, Storage::Sums { .. });
    let is_the_same = previous.is_some_and(|previous| match (previous, table.storage) {
        (Storage::Sums { column: a }, Storage::Sums { column: b }) => a == b,
        (a, b) => !is_sums(a) && !is_sums(b),
    });
    let is_kept = is_the_same && found == table.stored_columns(table.storage);
    if !is_kept {
        let by_period = matches!(table.storage, Storage::Periods { .. });
        let is_convertible = |previous: &Storage| found == table.stored_columns(previous);
        if is_the_same && previous.is_some_and(is_convertible) {
            period_results::change_table(transaction, &schema.result_table(name), by_period)?;
        } else {
            create(transaction, schema, table)?;
        }
    }
    Ok(is_kept)
}

/// Creates the indexes that are missing. For a new table, that is faster when its rows are there.
///
/// # Errors
/// Errors of the server.
pub fn create_indexes(
    transaction: &mut Transaction,
    schema: &SchemaName,
    table: &ResultTable,
) -> Result<()> {
    let name = schema.result_table(&table.view.view);
    let sql = "SELECT quote_ident(a.attname) FROM pg_index i \
               JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
               WHERE i.indrelid = $1::text::regclass AND i.indpred IS NULL";
    let rows = transaction.query(sql, &[&name]).map_err(failed)?;
    let mut first: Vec<String> = rows.iter().map(|row| unquoted(row.get(0))).collect();
    for index in table.indexes() {
        // an index serves for all prefixes of its columns
        let column = unquoted(index.split([',', ' ']).next().unwrap_or_default());
        if !first.contains(&column) {
            let create = format!("CREATE INDEX ON {name} ({index})");
            transaction.batch_execute(&create).map_err(failed)?;
            first.push(column);
        }
    }
    Ok(())
}

fn unquoted(name: &str) -> String {
    name.trim_matches('"').to_owned()
}

/// Creates the table and the view, in place of those with others, whose grants they keep. New ones can be
/// read by the roles that may read hourly presence. A view with the same columns is kept, with the views of
/// users over it.
fn create(transaction: &mut Transaction, schema: &SchemaName, result: &ResultTable) -> Result<()> {
    let view = result.view;
    let (name, table) = (schema.relation(&view.view), schema.result_table(&view.view));
    let mut grants = String::new();
    for (relation, sql_name) in
        [(result_table_name(&view.view), &table), (view.view.clone(), &name)]
    {
        let kept = match exists(transaction, schema, &relation)? {
            true => Grants::on(transaction, schema, &relation)?,
            false => Grants::of_readers(transaction, schema)?,
        };
        grants.push_str(&kept.statements(sql_name));
    }
    let has_numbers = result.has_numbers();
    let alter: Vec<String> = result
        .columns
        .iter()
        .filter_map(|(column, kind)| {
            let column_name = quoted(column);
            if has_numbers && is_id(column) {
                Some(format!("ALTER {column_name} TYPE bigint USING NULL::bigint"))
            } else if kind == "text" {
                Some(format!("ALTER {column_name} TYPE text COLLATE \"C\""))
            } else {
                None
            }
        })
        .collect();
    let keeps_view = column_types(transaction, Some(schema), &view.view)? == *result.columns;
    let (before, after) = match keeps_view {
        true => (
            format!("ALTER TABLE {table} RENAME TO {REPLACED};"),
            format!("DROP TABLE {};", schema.relation(REPLACED)),
        ),
        false => {
            (format!("DROP VIEW IF EXISTS {name}; DROP TABLE IF EXISTS {table};"), String::new())
        }
    };
    let mut sql = format!("{before} CREATE TABLE {table} (LIKE pg_temp.mobility_computed)");
    if matches!(result.storage, Storage::Sums { .. }) {
        // room for the next version of a row in the page of the row
        sql.push_str(" WITH (fillfactor = 80)");
    }
    sql.push(';');
    if !alter.is_empty() {
        sql.push_str(&format!("ALTER TABLE {table} {};", alter.join(", ")));
    }
    if matches!(result.storage, Storage::Periods { .. }) {
        sql.push_str(&format!("ALTER TABLE {table} ADD COLUMN {DATE_COLUMN} date NOT NULL;"));
    }
    let select = select(schema, result);
    sql.push_str(&format!("CREATE OR REPLACE VIEW {name} AS {select}; {after} {grants}"));
    transaction
        .batch_execute(&sql)
        .map_err(failed)
        .with_context(|| format!("the columns of view {} have changed", view.view))?;
    let comments = transaction
        .query_one(
            "SELECT format('COMMENT ON TABLE %I.%I IS %L; COMMENT ON VIEW %1$I.%4$I IS %5$L', \
               $4::text, 'stored_' || $1::text, 'mobility: the stored result of ' || $1, $1, \
               'mobility: ' || concat_ws('. ', $2::text, nullif($3::text, '')))",
            &[&view.view, &view.title, &view.description, &schema.name()],
        )
        .map_err(failed)?;
    transaction.batch_execute(comments.get(0)).map_err(failed)
}

/// The SELECT of the view over the table. Every number has an id, so that inner joins lose no row; with them,
/// the planner may read the ids in order.
fn select(schema: &SchemaName, result: &ResultTable) -> String {
    let has_numbers = result.has_numbers();
    let mut from = format!("{} s", schema.result_table(&result.view.view));
    let mut columns = Vec::new();
    for (name, _) in result.columns {
        let (alias, join) = match name.as_str() {
            "user_id" if has_numbers => {
                ("u", " JOIN {schema}.mobility_user u ON u.user_no = s.user_id")
            }
            "cell_id" if has_numbers => {
                ("c", " JOIN {schema}.mobility_cell c ON c.cell_no = s.cell_id")
            }
            _ => ("s", ""),
        };
        from.push_str(&schema.fill(join));
        columns.push(format!("{alias}.{}", quoted(name)));
    }
    format!("SELECT {} FROM {from}", columns.join(", "))
}
