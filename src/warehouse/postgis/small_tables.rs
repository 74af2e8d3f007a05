//! Small tables without geometry: made where they are missing. Those with a processed file are
//! replaced by every load that brings other rows.

use anyhow::{Result, bail};
use arrow::datatypes::DataType;
use postgres::{Client, GenericClient, Transaction};

use super::schema::describe;
use super::server_errors::failed;
use crate::domain::tables::{Table, quoted};

/// Columns of a table as its definition has them; `constraint` follows those without nulls.
pub fn columns(table: Table, constraint: &str) -> Vec<String> {
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

/// Makes the small tables that are missing, and those anew whose columns are of another version of
/// the program.
///
/// # Errors
/// A relation of one of the names that is not ours; what the server says.
pub fn ensure(client: &mut Client, schema: &str) -> Result<()> {
    let mut transaction = client.transaction().map_err(failed)?;
    for table in Table::small() {
        match table_state(&mut transaction, table)? {
            TableState::Current => continue,
            TableState::Missing => {}
            TableState::Outdated if table.processed_file().is_none() => {
                // what no load brings back is kept
                add_columns(&mut transaction, table)?;
                continue;
            }
            TableState::Outdated => {
                let drop = format!("DROP TABLE {}", table.name());
                transaction.batch_execute(&drop).map_err(failed)?;
            }
            TableState::Foreign(found) => bail!(
                "there is {found} already, which mobility did not make; rename or drop it, or set \
                 warehouse.schema to a schema of its own (now {schema})"
            ),
        }
        let mut columns = columns(table, " NOT NULL");
        columns.extend(primary_key(table));
        let columns = columns.join(", ");
        let name = table.name();
        let about = table.description().trim_end_matches('.').to_lowercase();
        let make = format!(
            "CREATE TABLE {name} ({columns}); COMMENT ON TABLE {name} IS 'mobility: {about}'"
        );
        transaction.batch_execute(&make).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// Keys without nulls are told to the server.
fn primary_key(table: Table) -> Option<String> {
    let keys = table.key_columns();
    let schema = table.schema();
    let whole = keys.iter().all(|k| schema.field_with_name(k).is_ok_and(|f| !f.is_nullable()));
    whole.then(|| format!("PRIMARY KEY ({})", keys.join(", ")))
}

fn add_columns(transaction: &mut Transaction, table: Table) -> Result<()> {
    let add: Vec<String> =
        columns(table, "").iter().map(|c| format!("ADD COLUMN IF NOT EXISTS {c}")).collect();
    let alter = format!("ALTER TABLE {} {}", table.name(), add.join(", "));
    transaction.batch_execute(&alter).map_err(failed)
}

enum TableState {
    Current,
    Missing,
    /// Ours, with other columns.
    Outdated,
    /// Somebody else's, described.
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
    let wanted = format!("a table {} with the columns {}", table.name(), names.join(", "));
    Ok(if found == wanted { TableState::Current } else { TableState::Outdated })
}

/// What to select from: the table, or no rows with its columns where a load of this version of
/// the program has not made it yet.
///
/// # Errors
/// What the server says.
pub fn source<C: GenericClient>(client: &mut C, table: Table) -> Result<String> {
    if !table.is_small() {
        return Ok(quoted(table.name()));
    }
    if is_there(client, table)? {
        return with_current_names(client, table);
    }
    let schema = table.schema();
    let null = |field: &arrow::datatypes::FieldRef| {
        format!("NULL::{} AS {}", sql_type(field.data_type()), quoted(field.name()))
    };
    let nulls: Vec<String> = schema.fields().iter().map(null).collect();
    Ok(format!("(SELECT {} WHERE false)", nulls.join(", ")))
}

/// The table, as a subquery where an older version of the program created it with columns that have
/// another name now.
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

/// True where the schema, and not some other on the way to PostGIS, has a relation of that name.
fn is_there<C: GenericClient>(client: &mut C, table: Table) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT FROM pg_class \
               WHERE relname = $1 AND relnamespace = current_schema()::regnamespace)";
    Ok(client.query_one(sql, &[&table.name()]).map_err(failed)?.get(0))
}
