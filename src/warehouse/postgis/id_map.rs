//! Numbers for user and cell ids: the server stores each id once, in `mobility_user` or
//! `mobility_cell`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use anyhow::{Result, bail};
use hashbrown::HashMap;
use postgres::Client;

use super::names::SchemaName;
use super::server_errors::failed;
use crate::domain::ids::MAX_ID_BYTES;

/// Ids that are looked up at a time.
const MAX_IDS: usize = 1 << 16;

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

/// The numbers of the ids that were resolved so far; all workers of a load share them, so that each id is
/// looked up once.
#[derive(Debug)]
pub struct IdMap {
    ids: Ids,
    by_id: RwLock<HashMap<String, i64, foldhash::fast::FixedState>>,
    /// The number of ids that were new to the server.
    added: AtomicU64,
}

impl IdMap {
    pub fn new(ids: Ids) -> Self {
        IdMap { ids, by_id: RwLock::default(), added: AtomicU64::new(0) }
    }

    /// The number of each id, in order; `None` for those that were not resolved.
    pub fn numbers<'a>(&self, texts: impl Iterator<Item = Option<&'a str>>) -> Vec<Option<i64>> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        texts.map(|text| by_id.get(text?).copied()).collect()
    }

    /// Collects statistics for the query planner if many ids are new.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn analyze(&self, client: &mut Client, schema: &SchemaName) -> Result<()> {
        let added = self.added.load(Ordering::Relaxed);
        let table = schema.relation(self.ids.names().0);
        let sql = "SELECT reltuples::bigint FROM pg_class WHERE oid = $1::text::regclass";
        let rows: i64 = client.query_one(sql, &[&table]).map_err(failed)?.get(0);
        // -1 without statistics
        if added > 0 && i64::try_from(added).unwrap_or(i64::MAX).saturating_mul(10) >= rows {
            client.batch_execute(&format!("ANALYZE {table}")).map_err(failed)?;
        }
        Ok(())
    }

    /// Fetches the numbers of ids that are not in the map yet; ids that are new to the server are
    /// assigned one. Concurrent calls insert in the same order, so they cannot deadlock.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn resolve<'a>(
        &self,
        client: &mut Client,
        schema: &SchemaName,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let mut unknown: Vec<&str> = {
            let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
            texts.filter(|text| !by_id.contains_key(*text)).collect()
        };
        unknown.sort_unstable();
        unknown.dedup();
        for ids in unknown.chunks(MAX_IDS) {
            self.fetch(client, schema, ids)?;
        }
        Ok(())
    }

    /// Fetches the numbers of ids, in order and without repetitions.
    fn fetch(&self, client: &mut Client, schema: &SchemaName, ids: &[&str]) -> Result<()> {
        if let Some(id) = ids.iter().find(|id| id.len() > MAX_ID_BYTES) {
            bail!(
                "an id has {} bytes, more than an index can hold; `mobility compress --force` rejects \
                 such ids",
                id.len()
            );
        }
        let (table, number, text) = self.ids.names();
        let table = schema.relation(table);
        let requested = "unnest($1::text[]) WITH ORDINALITY AS r (id, place)";
        let insert = format!(
            "INSERT INTO {table} ({text}) SELECT r.id FROM {requested} \
             WHERE NOT EXISTS (SELECT FROM {table} t WHERE t.{text} = r.id) ORDER BY r.place \
             ON CONFLICT DO NOTHING"
        );
        let added = client.execute(&insert, &[&ids]).map_err(failed)?;
        self.added.fetch_add(added, Ordering::Relaxed);
        let select = format!(
            "SELECT r.place, t.{number} FROM {requested} JOIN {table} t ON t.{text} = r.id"
        );
        let rows = client.query(&select, &[&ids]).map_err(failed)?;
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            let place = usize::try_from(row.get::<_, i64>(0)).unwrap_or(0);
            if let Some(id) = place.checked_sub(1).and_then(|place| ids.get(place)) {
                by_id.insert((*id).to_owned(), row.get(1));
            }
        }
        Ok(())
    }
}
