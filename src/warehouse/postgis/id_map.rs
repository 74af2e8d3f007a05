//! Numbers for user and cell ids: the server stores each id once, in `mobility_user` or
//! `mobility_cell`.

use anyhow::{Result, bail};
use hashbrown::HashMap;
use postgres::Client;

use super::copy::CopyIn;
use super::names::SchemaName;
use super::server_errors::failed;
use crate::domain::ids::MAX_ID_BYTES;

/// The kind of ids.
#[derive(Debug, Clone, Copy)]
pub enum Ids {
    Users,
    Cells,
}

impl Ids {
    /// Name of the table, of the column with the number, and of the column with the id.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Ids::Users => ("mobility_user", "user_no", "user_id"),
            Ids::Cells => ("mobility_cell", "cell_no", "cell_id"),
        }
    }
}

/// The numbers of the ids that were resolved so far.
#[derive(Debug, Default)]
pub struct IdMap {
    by_id: HashMap<String, i64, foldhash::fast::FixedState>,
}

impl IdMap {
    pub fn get(&self, id: &str) -> Option<i64> {
        self.by_id.get(id).copied()
    }

    /// Fetches the numbers of ids that are not in the map yet; ids that are new to the server are
    /// assigned one. Concurrent calls insert in the same order, so they cannot deadlock.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn resolve<'a>(
        &mut self,
        client: &mut Client,
        schema: &SchemaName,
        ids: Ids,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let mut unknown: Vec<&str> = texts.filter(|t| !self.by_id.contains_key(*t)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(());
        }
        if let Some(id) = unknown.iter().find(|id| id.len() > MAX_ID_BYTES) {
            bail!(
                "an id has {} bytes, more than an index can hold; `mobility compress --force` rejects \
                 such ids",
                id.len()
            );
        }
        let (table, number, text) = ids.names();
        let table = schema.relation(table);
        let mut transaction = client.transaction().map_err(failed)?;
        transaction
            .batch_execute(
                "CREATE TEMP TABLE mobility_requested (id text COLLATE \"C\") ON COMMIT DROP",
            )
            .map_err(failed)?;
        let mut copy = CopyIn::start(
            &mut transaction,
            "COPY pg_temp.mobility_requested FROM STDIN (FORMAT binary)",
        )?;
        for id in &unknown {
            copy.rows.row(1);
            copy.rows.text(id);
            copy.send_full()?;
        }
        copy.finish()?;
        transaction
            .batch_execute(&format!(
                "ANALYZE pg_temp.mobility_requested; \
                 INSERT INTO {table} ({text}) SELECT r.id FROM pg_temp.mobility_requested r \
                 WHERE NOT EXISTS (SELECT FROM {table} t WHERE t.{text} = r.id) ORDER BY r.id \
                 ON CONFLICT DO NOTHING"
            ))
            .map_err(failed)?;
        let rows = transaction
            .query(
                &format!(
                    "SELECT t.{text}, t.{number} FROM pg_temp.mobility_requested r \
                     JOIN {table} t ON t.{text} = r.id"
                ),
                &[],
            )
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
        self.by_id.extend(rows.iter().map(|r| (r.get::<_, String>(0), r.get::<_, i64>(1))));
        Ok(())
    }
}
