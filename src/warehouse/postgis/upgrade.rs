//! Upgrades tables whose numbers have 32 bits to 64 bits, in one transaction. Rows, grants, and views of
//! users over the relations of the contract are kept. Readers wait meanwhile.

use anyhow::{Context, Result};
use postgres::{Client, Transaction};

use super::grants::Grants;
use super::names::SchemaName;
use super::server_errors::failed;

const UPGRADE: &str = include_str!("../../../sql/postgis/upgrade.sql");

/// A partition, or the parent of the partitions of a date.
struct Attached {
    /// Names in SQL.
    table: String,
    parent: String,
    /// The values that it holds, as the server displays them.
    bound: String,
    is_parent: bool,
    /// An attempt to detach it was interrupted.
    pending: bool,
    grants: Grants,
}

/// Upgrades the tables to `version`; `relations` defines the relations of the contract over them.
///
/// # Errors
/// Views of users over internal tables, whose types can then not be changed; errors of the server. The
/// tables are unchanged then.
pub fn run(client: &mut Client, schema: &SchemaName, version: i32, relations: &str) -> Result<()> {
    let mut transaction = client.transaction().map_err(failed)?;
    let attached = attached(&mut transaction, schema)?;
    let (parents, partitions): (Vec<_>, Vec<_>) = attached.iter().partition(|a| a.is_parent);
    let events = Grants::on(&mut transaction, schema, "mobility_event")?;
    let mut sql = String::new();
    for Attached { table, parent, pending, .. } in &partitions {
        let mode = if *pending { " FINALIZE" } else { "" };
        sql.push_str(&format!(
            "ALTER TABLE {parent} DETACH PARTITION {table}{mode}; \
             ALTER TABLE {table} ALTER user_no TYPE bigint, ALTER cell_no TYPE bigint, \
             ALTER leaf_no TYPE bigint;"
        ));
    }
    for Attached { table, parent, .. } in &parents {
        sql.push_str(&format!(
            "ALTER TABLE {parent} DETACH PARTITION {table}; DROP TABLE {table};"
        ));
    }
    sql.push_str(&schema.fill(UPGRADE));
    sql.push_str(&events.statements(&schema.relation("mobility_event")));
    for Attached { table, parent, bound, grants, .. } in &parents {
        sql.push_str(&format!(
            "CREATE TABLE {table} (LIKE {parent}) PARTITION BY LIST (leaf_no); {} \
             ALTER TABLE {parent} ATTACH PARTITION {table} {bound};",
            grants.statements(table)
        ));
    }
    for Attached { table, parent, bound, .. } in partitions.iter().filter(|p| !p.pending) {
        sql.push_str(&format!("ALTER TABLE {parent} ATTACH PARTITION {table} {bound};"));
    }
    sql.push_str(&schema.fill(relations));
    transaction.batch_execute(&sql).map_err(failed).context(
        "the tables of an older version could not be upgraded; drop what depends on tables named \
         mobility_*, and load again",
    )?;
    let set = schema.fill("UPDATE {schema}.mobility_load SET layout = $1");
    transaction.execute(&set, &[&version]).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// All partitions, and the parents of the partitions of a date.
fn attached(transaction: &mut Transaction, schema: &SchemaName) -> Result<Vec<Attached>> {
    let rows = transaction
        .query(
            "SELECT c.relname::text, p.relname::text, pg_get_expr(c.relpartbound, c.oid), \
               c.relkind = 'p', i.inhdetachpending \
             FROM pg_inherits i \
             JOIN pg_class c ON c.oid = i.inhrelid \
             JOIN pg_class p ON p.oid = i.inhparent \
             JOIN pg_namespace n ON n.oid = p.relnamespace \
             WHERE n.nspname = $1 AND c.relnamespace = n.oid AND p.relkind = 'p' \
               AND p.relname ~ '^mobility_(presence|presence_d[0-9]+|event)$' \
             ORDER BY c.relname",
            &[&schema.name()],
        )
        .map_err(failed)?;
    let mut attached = Vec::new();
    for row in rows {
        let name: String = row.get(0);
        attached.push(Attached {
            table: schema.relation(&name),
            parent: schema.relation(row.get(1)),
            bound: row.get(2),
            is_parent: row.get(3),
            pending: row.get(4),
            grants: Grants::on(transaction, schema, &name)?,
        });
    }
    Ok(attached)
}
