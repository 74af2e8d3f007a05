//! Numbers for user and cell ids: the server stores each id once, in `mobility_user` or
//! `mobility_cell`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

use anyhow::{Result, bail};
use hashbrown::HashMap;
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Transaction};

use super::copy::CopyIn;
use super::names::SchemaName;
use super::partitions::SMALL_SAMPLE;
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
    /// The server had no ids at first, so that it has none that are not in the map.
    was_empty: OnceLock<bool>,
}

impl IdMap {
    pub fn new(ids: Ids) -> Self {
        IdMap {
            ids,
            by_id: RwLock::default(),
            added: AtomicU64::new(0),
            was_empty: OnceLock::new(),
        }
    }

    /// All numbers that the server knows; `None` if it knows more than `most` ids.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn of_server(
        transaction: &mut Transaction,
        schema: &SchemaName,
        ids: Ids,
        most: usize,
    ) -> Result<Option<Self>> {
        let (table, number, text) = ids.names();
        let sql = format!("SELECT {text}, {number} FROM {} LIMIT $1", schema.relation(table));
        let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
        let mut by_id = HashMap::default();
        let mut rows = transaction.query_raw(&sql, [limit]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            by_id.insert(row.get(0), row.get(1));
        }
        Ok((by_id.len() <= most).then(|| IdMap { by_id: RwLock::new(by_id), ..Self::new(ids) }))
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
            client.batch_execute(&format!("{SMALL_SAMPLE}; ANALYZE {table}")).map_err(failed)?;
        }
        Ok(())
    }

    /// Fetches the numbers of ids that are not in the map yet; ids that are new to the server are
    /// assigned one. Threads take turns, since the process that holds the lock of loads is the only one
    /// that assigns numbers.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn resolve<'a>(
        &self,
        client: &Mutex<&mut Client>,
        schema: &SchemaName,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let mut unknown = self.without_number(texts);
        if unknown.is_empty() {
            return Ok(());
        }
        unknown.sort_unstable();
        unknown.dedup();
        let mut client = client.lock().unwrap_or_else(PoisonError::into_inner);
        // another thread may have fetched some of them meanwhile
        let unknown = self.without_number(unknown.into_iter());
        for ids in unknown.chunks(MAX_IDS) {
            self.fetch(&mut client, schema, ids)?;
        }
        Ok(())
    }

    /// The ids that are not in the map.
    fn without_number<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        texts.filter(|text| !by_id.contains_key(*text)).collect()
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
        let mut numbers: Vec<Option<i64>> = vec![None; ids.len()];
        if !self.was_empty(client, &table)? {
            let select = format!(
                "SELECT r.place, t.{number} FROM unnest($1::text[]) WITH ORDINALITY AS r (id, place) \
                 JOIN {table} t ON t.{text} = r.id"
            );
            for row in client.query(&select, &[&ids]).map_err(failed)? {
                let place = usize::try_from(row.get::<_, i64>(0)).unwrap_or(0);
                if let Some(known) = place.checked_sub(1).and_then(|place| numbers.get_mut(place)) {
                    *known = Some(row.get(1));
                }
            }
        }
        let added = numbers.iter().filter(|number| number.is_none()).count() as u64;
        if added > 0 {
            let first = reserve(client, (&table, number), added)?;
            let sql = format!("COPY {table} ({number}, {text}) FROM STDIN (FORMAT binary)");
            let mut copy = CopyIn::start(client, &sql)?;
            let new = ids.iter().zip(&mut numbers).filter(|(_, number)| number.is_none());
            for ((id, number), next) in new.zip(first..) {
                copy.rows.row(2);
                copy.rows.long(next);
                copy.rows.text(id);
                copy.send_full()?;
                *number = Some(next);
            }
            copy.finish()?;
            self.added.fetch_add(added, Ordering::Relaxed);
        }
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        by_id.extend(ids.iter().zip(numbers).filter_map(|(id, n)| Some(((*id).to_owned(), n?))));
        Ok(())
    }

    /// True if the server had no ids before this map assigned any.
    fn was_empty(&self, client: &mut Client, table: &str) -> Result<bool> {
        if let Some(known) = self.was_empty.get() {
            return Ok(*known);
        }
        let sql = format!("SELECT NOT EXISTS (SELECT FROM {table})");
        let is_empty = client.query_one(&sql, &[]).map_err(failed)?.get(0);
        Ok(*self.was_empty.get_or_init(|| is_empty))
    }
}

/// Takes `count` consecutive numbers from the sequence of a column; returns the first one. Copied rows bring
/// their numbers along, which spares the server a statement for each row.
fn reserve(client: &mut Client, (table, column): (&str, &str), count: u64) -> Result<i64> {
    let sql = "SELECT setval(s.name, nextval(s.name) + $3 - 1) - $3 + 1 \
               FROM (SELECT pg_get_serial_sequence($1, $2)::regclass AS name) AS s";
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok(client.query_one(sql, &[&table, &column, &count]).map_err(failed)?.get(0))
}
