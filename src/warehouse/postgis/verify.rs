//! Checks every view against empty temporary tables, which hide the real ones: this also works before
//! the first load, and leaves nothing behind.

use anyhow::{Context, Result};
use postgres::Client;
use postgres::error::SqlState;

use super::compute_view::{plan, without_semicolon};
use super::schema;
use super::schema::SchemaState;
use super::server_errors::{explain_sql, failed};
use super::small_tables::column_definitions;
use crate::domain::tables::{Table, quoted};
use crate::views::Registry;

/// Plans every view.
///
/// # Errors
/// The first view that the server rejects, with file, line and reason; a schema with foreign tables.
pub fn plan_without_data(client: &mut Client, schema: &str, views: &Registry) -> Result<()> {
    let state = schema::find(client)?;
    let mut transaction = client.transaction().map_err(failed)?;
    if state == SchemaState::Empty {
        schema::refuse_foreign_tables(&mut transaction, schema)?;
    }
    transaction
        .execute(
            "SELECT set_config('search_path', 'pg_temp, ' || current_setting('search_path'), true)",
            &[],
        )
        .map_err(failed)?;
    for table in Table::ALL {
        match transaction.batch_execute(&create_empty(table)) {
            Ok(()) => {}
            // a role or a server without write access cannot load or deploy views either
            Err(e) if is_read_only(&e) => return Ok(()),
            Err(e) => return Err(failed(e)),
        }
    }
    for view in views.in_dependency_order()? {
        let select = without_semicolon(&view.sql);
        let create = format!("CREATE TEMP VIEW {} AS ", quoted(&view.view));
        plan(&mut transaction, select).with_context(|| view.place())?;
        transaction
            .execute(&format!("{create}{select}"), &[])
            .map_err(|e| explain_sql(&e, select, create.chars().count()))
            .with_context(|| view.place())?;
        for key in &view.order {
            let sql = format!("SELECT {} FROM {}", quoted(&key.column), quoted(&view.view));
            transaction
                .prepare(&sql)
                .map_err(failed)
                .with_context(|| format!("{}: key `order` of the header", view.place()))?;
        }
    }
    transaction.rollback().map_err(failed)
}

fn is_read_only(error: &postgres::Error) -> bool {
    let codes = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::READ_ONLY_SQL_TRANSACTION];
    error.code().is_some_and(|code| codes.contains(code))
}

fn create_empty(table: Table) -> String {
    format!("CREATE TEMP TABLE {} ({})", table.name(), column_definitions(table, "").join(", "))
}
