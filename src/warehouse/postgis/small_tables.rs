//! The small tables without geometry: created if missing. A load replaces the rows of those that
//! have a processed file.

use anyhow::{Result, bail};
use arrow::datatypes::DataType;
use postgres::{Client, GenericClient, Transaction};

use super::grants::Grants;
use super::names::SchemaName;
use super::relations;
use super::server_errors::failed;
use crate::domain::tables::{Table, quoted};

/// The beginning of the comments on relations that this program makes.
pub const OWN: &str = "mobility: ";

/// The column definitions of a small table; `constraint` is appended to columns without nulls.
fn column_definitions(table: Table, constraint: &str) -> Vec<String> {
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
        _ => "bytea",
    }
}

/// Creates the small tables that are missing, and upgrades those with the columns of another version
/// of the program.
///
/// # Errors
/// A foreign relation with the name of one of the tables; errors of the server.
pub fn ensure(client: &mut Client, schema: &SchemaName) -> Result<()> {
    let mut transaction = client.transaction().map_err(failed)?;
    for table in Table::small() {
        let name = schema.table(table);
        // of the table that an outdated one is replaced by
        let mut grants = Grants::default();
        match table_state(&mut transaction, schema, table)? {
            TableState::Current => continue,
            TableState::Missing => {}
            TableState::Outdated if table.processed_file().is_none() => {
                // no load can restore these rows, so the table is kept
                add_columns(&mut transaction, schema, table)?;
                continue;
            }
            TableState::Outdated => {
                grants = Grants::on(&mut transaction, schema, table.name())?;
                transaction.batch_execute(&format!("DROP TABLE {name}")).map_err(failed)?;
            }
            TableState::Foreign(found) => bail!(
                "the schema already contains {found}, which mobility did not make; rename or drop it, \
                 or set warehouse.schema to a schema of its own (now {})",
                schema.name()
            ),
        }
        let mut definitions = column_definitions(table, " NOT NULL");
        definitions.extend(primary_key(table));
        let definitions = definitions.join(", ");
        let description = table.description().trim_end_matches('.').to_lowercase();
        let create = format!(
            "CREATE TABLE {name} ({definitions}); COMMENT ON TABLE {name} IS '{OWN}{description}'; {}",
            grants.statements(&name)
        );
        transaction.batch_execute(&create).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// The primary key, if none of the key columns can be null.
fn primary_key(table: Table) -> Option<String> {
    let keys = table.key_columns();
    let schema = table.schema();
    // the clocks show the times of a repeated hour twice
    let is_unique = !table.single_users();
    let not_null =
        is_unique && keys.iter().all(|k| schema.field_with_name(k).is_ok_and(|f| !f.is_nullable()));
    not_null.then(|| format!("PRIMARY KEY ({})", keys.join(", ")))
}

fn add_columns(transaction: &mut Transaction, schema: &SchemaName, table: Table) -> Result<()> {
    let add: Vec<String> = column_definitions(table, "")
        .iter()
        .map(|c| format!("ADD COLUMN IF NOT EXISTS {c}"))
        .collect();
    let alter = format!("ALTER TABLE {} {}", schema.table(table), add.join(", "));
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

fn table_state(
    transaction: &mut Transaction,
    schema: &SchemaName,
    table: Table,
) -> Result<TableState> {
    let Some(found) = relations::describe(transaction, schema, table.name())? else {
        return Ok(TableState::Missing);
    };
    if !relations::comment(transaction, schema, table.name())?.starts_with(OWN) {
        return Ok(TableState::Foreign(found));
    }
    let columns = table.schema();
    let names: Vec<&str> = columns.fields().iter().map(|f| f.name().as_str()).collect();
    let expected = format!("a table {} with the columns {}", table.name(), names.join(", "));
    Ok(if found == expected { TableState::Current } else { TableState::Outdated })
}

/// The FROM item of a table: its name, or an empty SELECT with its columns if no load of this version
/// of the program has created it yet.
///
/// # Errors
/// Errors of the server.
pub fn source<C: GenericClient>(
    client: &mut C,
    schema: &SchemaName,
    table: Table,
) -> Result<String> {
    if !table.is_small() {
        return Ok(schema.table(table));
    }
    if relations::exists(client, schema, table.name())? {
        return with_current_names(client, schema, table);
    }
    Ok(format!("({})", select_nothing(table, "geometry")))
}

/// A SELECT without rows that has the columns of a table; `geometry` is the SQL name of that type.
pub fn select_nothing(table: Table, geometry: &str) -> String {
    let null = |field: &arrow::datatypes::FieldRef| {
        let sql_type = match field.data_type() {
            DataType::Binary => geometry,
            other => sql_type(other),
        };
        format!("NULL::{sql_type} AS {}", quoted(field.name()))
    };
    let nulls: Vec<String> = table.schema().fields().iter().map(null).collect();
    format!("SELECT {} WHERE false", nulls.join(", "))
}

/// The name of the table, or a subquery with the current columns if an older version of the program created the
/// table: columns that it lacks are null until the next load.
fn with_current_names<C: GenericClient>(
    client: &mut C,
    schema: &SchemaName,
    table: Table,
) -> Result<String> {
    let found = relations::column_types(client, Some(schema), table.name())?;
    let has = |name: &str| found.iter().any(|(column, _)| column == name);
    let columns = table.schema();
    let is_current = columns.fields().iter().all(|field| has(field.name()));
    // a table of somebody else gets no columns
    if is_current || !table.key_columns().iter().all(|key| has(key)) {
        return Ok(schema.table(table));
    }
    let column = |field: &arrow::datatypes::FieldRef| {
        let name = quoted(field.name());
        let renamed = table.renamed_columns().iter().find(|(now, _)| now == field.name());
        match renamed.filter(|(_, former)| has(former)) {
            Some((_, former)) => format!("{} AS {name}", quoted(former)),
            None if has(field.name()) => name,
            None => format!("NULL::{} AS {name}", sql_type(field.data_type())),
        }
    };
    let columns: Vec<String> = columns.fields().iter().map(column).collect();
    Ok(format!("(SELECT {} FROM {})", columns.join(", "), schema.table(table)))
}
