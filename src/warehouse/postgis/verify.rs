//! Views against tables without rows, which are the session's own and gone afterwards: they stand
//! in front of the real ones, so this works before the first load too.

use anyhow::{Context, Result};
use postgres::Client;
use postgres::error::SqlState;

use super::compute_view::plan;
use super::schema;
use super::schema::Found;
use super::server_errors::{explain_sql, failed};
use super::small_tables::columns;
use super::view_results::select_of;
use crate::domain::tables::{Table, quoted};
use crate::views::Registry;

/// Plans every view.
///
/// # Errors
/// The first one that the server refuses: file, line and reason; a schema whose tables are somebody
/// else's.
pub fn plan_without_data(client: &mut Client, schema: &str, views: &Registry) -> Result<()> {
    let found = schema::find(client)?;
    let mut transaction = client.transaction().map_err(failed)?;
    if found == Found::Nothing {
        schema::refuse_strangers(&mut transaction, schema)?;
    }
    transaction
        .execute(
            "SELECT set_config('search_path', 'pg_temp, ' || current_setting('search_path'), true)",
            &[],
        )
        .map_err(failed)?;
    for table in Table::ALL {
        match transaction.batch_execute(&empty(table)) {
            Ok(()) => {}
            // a role or a server that only reads loads nothing either
            Err(e) if only_reads(&e) => return Ok(()),
            Err(e) => return Err(failed(e)),
        }
    }
    for view in views.in_dependency_order()? {
        let select = select_of(&view.sql);
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
                .with_context(|| format!("{}: the header's order", view.place()))?;
        }
    }
    transaction.rollback().map_err(failed)
}

fn only_reads(error: &postgres::Error) -> bool {
    let codes = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::READ_ONLY_SQL_TRANSACTION];
    error.code().is_some_and(|code| codes.contains(code))
}

fn empty(table: Table) -> String {
    format!("CREATE TEMP TABLE {} ({})", table.name(), columns(table, "").join(", "))
}
