//! Checks every view against empty tables: this also works before the first load, for a role that may
//! only read, and leaves nothing behind.

use anyhow::{Context, Result, bail};
use postgres::{Client, Transaction};

use super::cursor_rows::DECLARE;
use super::names::SchemaName;
use super::schema::SchemaState;
use super::server_errors::{explain_sql, failed, with_hint};
use super::small_tables::select_nothing;
use super::{schema as tables, search_path};
use crate::domain::tables::{Table, quoted};
use crate::views::{Registry, View, without_semicolon};

/// Plans every view but those that are known. Without PostGIS no view can be planned, and none is an error.
///
/// # Errors
/// The first view that the server rejects, with file, line and reason; a schema with foreign tables.
pub fn plan_without_data(client: &mut Client, schema: &SchemaName, views: &Registry) -> Result<()> {
    let has_no_tables = match tables::find(client, schema) {
        Ok(state) => state == SchemaState::Empty,
        Err(error) if !super::own_tables_are_hidden(client, schema)? => return Err(error),
        Err(_) => false,
    };
    let mut transaction = client.build_transaction().read_only(true).start().map_err(failed)?;
    if has_no_tables {
        tables::refuse_foreign_tables(&mut transaction, schema)?;
    }
    let Some(postgis) = tables::of_postgis(&mut transaction)? else { return Ok(()) };
    let geometry = format!("{postgis}.geometry");
    let empty = |table: &Table| {
        format!("{} AS ({})", quoted(table.name()), select_nothing(*table, &geometry))
    };
    // common table expressions hide the tables, and the views that a view reads
    let mut with = Table::ALL.iter().map(empty).collect::<Vec<_>>().join(", ");
    for view in views.in_dependency_order()? {
        let select = without_semicolon(&view.sql);
        let name = quoted(&view.view);
        if views.is_known(view) {
            with.push_str(&format!(", {name} AS (\n{select}\n)"));
            continue;
        }
        let is_hidden =
            |name: &str| Table::from_name(name).is_some() || views.by_sql_name(name).is_some();
        let words = search_path::possible_relations(select)
            .map(|words| words.into_iter().filter(|word| !is_hidden(word)).collect());
        search_path::set_for(&mut transaction, schema, words, false)?;
        plan(&mut transaction, &with, view)
            .map_err(|error| with_hint(error, views))
            .with_context(|| view.place())?;
        with.push_str(&format!(", {name} AS (\n{select}\n)"));
        let rows = format!("WITH {with} SELECT * FROM {name}");
        let rows = transaction.prepare(&rows).map_err(failed).with_context(|| view.place())?;
        let columns: Vec<&str> = rows.columns().iter().map(|c| c.name()).collect();
        if let Some((_, name)) = columns.iter().enumerate().find(|(i, c)| columns[..*i].contains(c))
        {
            bail!("{}: two columns are named {name:?}", view.place());
        }
        if let Some(key) = view.order.iter().find(|key| !columns.contains(&key.column.as_str())) {
            bail!(
                "{}: the header orders by {:?}, but the columns are {}",
                view.place(),
                key.column,
                columns.join(", ")
            );
        }
    }
    transaction.rollback().map_err(failed)
}

/// Plans one view without running it. As a common table expression, the view can be nothing but a
/// SELECT, and errors name the same words as when it runs by itself.
fn plan(transaction: &mut Transaction, with: &str, view: &View) -> Result<()> {
    let select = without_semicolon(&view.sql);
    let name = quoted(&view.view);
    let before = format!("{DECLARE}WITH {with}, {name} AS (\n");
    let sql = format!("{before}{select}\n) SELECT * FROM {name}");
    transaction.execute(&sql, &[]).map_err(|e| explain_sql(&e, select, before.chars().count()))?;
    transaction.batch_execute("CLOSE mobility_rows").map_err(failed)
}
