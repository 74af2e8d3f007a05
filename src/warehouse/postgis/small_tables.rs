//! The small tables without geometry: created if missing. A load replaces the rows of those that
//! have a processed file.

use anyhow::{Result, bail};
use arrow::datatypes::DataType;
use postgres::{Client, GenericClient, Transaction};

use super::relations::describe;
use super::server_errors::failed;
use crate::domain::tables::{Table, quoted};

/// The column definitions of a table; `constraint` is appended to columns without nulls.
pub fn column_definitions(table: Table, constraint: &str) -> Vec<String> {
    let schema = table.schema();
    let column = |field: &arrow::datatypes::FieldRef| {
        let rest = if field.is_nullable() { "" } else { constraint };
        format!("{} {}{rest}", quoted(field.name()), sql_type(field.data_type()))
    };
    schema.fields().iter().map(column).collect()
}

fn sql_type(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Utf8 => "text COLLATE \"C\"",
        DataType::Int64 => "bigint",
        DataType::Float64 => "double precision",
        DataType::Boolean => "boolean",
        DataType::Date32 => "date",
        DataType::Timestamp(_, _) => "timestamp",
        _ => "geometry",
    }
}

/// Creates the small tables that are missing, and upgrades those with the columns of another version
/// of the program.
///
/// # Errors
/// A foreign relation with the name of one of the tables; errors of the server.
pub fn ensure(client: &mut Client, schema: &str) -> Result<()> {
    let mut transaction = client.transaction().map_err(failed)?;
    for table in Table::small() {
        match table_state(&mut transaction, table)? {
            TableState::Current => continue,
            TableState::Missing => {}
            TableState::Outdated if table.processed_file().is_none() => {
                // no load can restore these rows, so the table is kept
                add_columns(&mut transaction, table)?;
                continue;
            }
            TableState::Outdated => {
                let drop = format!("DROP TABLE {}", table.name());
                transaction.batch_execute(&drop).map_err(failed)?;
            }
            TableState::Foreign(found) => bail!(
                "the schema already contains {found}, which mobility did not make; rename or drop it, \
                 or set warehouse.schema to a schema of its own (now {schema})"
            ),
        }
        let mut definitions = column_definitions(table, " NOT NULL");
        definitions.extend(primary_key(table));
        let definitions = definitions.join(", ");
        let name = table.name();
        let description = table.description().trim_end_matches('.').to_lowercase();
        let create = format!(
            "CREATE TABLE {name} ({definitions}); COMMENT ON TABLE {name} IS 'mobility: {description}'"
        );
        transaction.batch_execute(&create).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// The primary key, if none of the key columns can be null.
fn primary_key(table: Table) -> Option<String> {
    let keys = table.key_columns();
    let schema = table.schema();
    let not_null = keys.iter().all(|k| schema.field_with_name(k).is_ok_and(|f| !f.is_nullable()));
    not_null.then(|| format!("PRIMARY KEY ({})", keys.join(", ")))
}

fn add_columns(transaction: &mut Transaction, table: Table) -> Result<()> {
    let add: Vec<String> = column_definitions(table, "")
        .iter()
        .map(|c| format!("ADD COLUMN IF NOT EXISTS {c}"))
        .collect();
    let alter = format!("ALTER TABLE {} {}", table.name(), add.join(", "));
    transaction.batch_execute(&alter).map_err(failed)
}

/// What exists under the name of a small table.
enum TableState {
    Current,
    Missing,
    /// Created by another version of this program, with other columns.
    Outdated,
    /// Not created by this program; with its description.
    Foreign(String),
}

fn table_state(transaction: &mut Transaction, table: Table) -> Result<TableState> {
    let Some(found) = describe(transaction, table.name())? else { return Ok(TableState::Missing) };
    let comment = "SELECT coalesce(obj_description(to_regclass($1), 'pg_class'), '')";
    let row = transaction.query_one(comment, &[&table.name()]).map_err(failed)?;
    if !row.get::<_, String>(0).starts_with("mobility: ") {
        return Ok(TableState::Foreign(found));
    }
    let schema = table.schema();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let expected = format!("a table {} with the columns {}", table.name(), names.join(", "));
    Ok(if found == expected { TableState::Current } else { TableState::Outdated })
}

/// The FROM item of a table: its name, or an empty SELECT with its columns if no load of this version
/// of the program has created it yet.
///
/// # Errors
/// Errors of the server.
pub fn source<C: GenericClient>(client: &mut C, table: Table) -> Result<String> {
    if !table.is_small() {
        return Ok(quoted(table.name()));
    }
    if exists(client, table)? {
        return with_current_names(client, table);
    }
    let schema = table.schema();
    let null = |field: &arrow::datatypes::FieldRef| {
        format!("NULL::{} AS {}", sql_type(field.data_type()), quoted(field.name()))
    };
    let nulls: Vec<String> = schema.fields().iter().map(null).collect();
    Ok(format!("(SELECT {} WHERE false)", nulls.join(", ")))
}

/// The name of the table, or a subquery that renames the columns of a table that an older version of
/// the program created.
fn with_current_names<C: GenericClient>(client: &mut C, table: Table) -> Result<String> {
    let mut former = Vec::new();
    for (_, name) in table.renamed_columns() {
        let sql = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) \
                   AND attname = $2 AND NOT attisdropped)";
        let exists = client.query_one(sql, &[&table.name(), name]).map_err(failed)?;
        if exists.get(0) {
            former.push(*name);
        }
    }
    if former.is_empty() {
        return Ok(quoted(table.name()));
    }
    let schema = table.schema();
    let column = |field: &arrow::datatypes::FieldRef| {
        let renamed = table.renamed_columns().iter().find(|(now, _)| now == field.name());
        match renamed.filter(|(_, name)| former.contains(name)) {
            Some((now, name)) => format!("{} AS {}", quoted(name), quoted(now)),
            None => quoted(field.name()),
        }
    };
    let columns: Vec<String> = schema.fields().iter().map(column).collect();
    Ok(format!("(SELECT {} FROM {})", columns.join(", "), quoted(table.name())))
}

/// True if the schema itself, and no later entry of the search path, has a relation of that name.
fn exists<C: GenericClient>(client: &mut C, table: Table) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT FROM pg_class \
               WHERE relname = $1 AND relnamespace = current_schema()::regnamespace)";
    Ok(client.query_one(sql, &[&table.name()]).map_err(failed)?.get(0))
}
