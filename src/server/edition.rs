//! What is known and kept about one version of the loaded data. A request works with one edition
//! from beginning to end, so an answer never mixes two.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use arrow::datatypes::SchemaRef;
use axum::http::HeaderValue;
use lru::LruCache;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::answer::Answer;
use super::fixed::Fixed;
use crate::domain::ids::hex;
use crate::output::query::{Boundaries, lau_geometries};
use crate::warehouse::{Loaded, Relation, Select, Warehouse};

/// Answers up to this size are kept.
pub const KEPT_BYTES_EACH: usize = 1 << 20;
/// All kept answers together, gzip forms included.
const KEPT_BYTES: usize = 64 << 20;
/// Totals that are kept.
const TOTALS: usize = 4_096;

/// One version of the data.
pub struct Edition {
    pub loaded: Loaded,
    id: String,
    answers: Mutex<Answers>,
    columns: Mutex<HashMap<String, SchemaRef>>,
    totals: Mutex<LruCache<String, u64>>,
    laus: Mutex<Option<Arc<Boundaries>>>,
    fixed: [OnceCell<Arc<Answer>>; Fixed::ALL.len()],
}

impl Edition {
    /// `mark` changes with whatever shapes answers beside the data: views, templates, program.
    pub fn new(loaded: Loaded, mark: &str) -> Self {
        let id = digest(&[mark, &loaded.fingerprint, &loaded.loaded_at]);
        Edition {
            loaded,
            id,
            answers: Mutex::new(Answers::default()),
            columns: Mutex::default(),
            totals: Mutex::new(LruCache::unbounded()),
            laus: Mutex::default(),
            fixed: Default::default(),
        }
    }

    /// Changes with the data.
    pub fn version(&self) -> &str {
        &self.id
    }

    /// The entity tag of the answer with that key: weak, since its gzip form shares it.
    pub fn etag(&self, key: &str) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("W/\"{}\"", digest(&[&self.id, key]))).ok()
    }

    /// The place of an answer that every visitor needs: it is never dropped for others.
    pub fn fixed(&self, what: Fixed) -> &OnceCell<Arc<Answer>> {
        &self.fixed[what as usize]
    }

    pub fn kept(&self, key: &str) -> Option<Arc<Answer>> {
        lock(&self.answers).get(key)
    }

    pub fn keep(&self, key: String, answer: Arc<Answer>) {
        lock(&self.answers).put(key, answer);
    }

    /// Columns of a relation. Blocks.
    ///
    /// # Errors
    /// As [`Warehouse::columns`].
    pub fn columns(&self, warehouse: &dyn Warehouse, relation: Relation) -> Result<SchemaRef> {
        if let Some(columns) = lock(&self.columns).get(relation.sql_name()) {
            return Ok(Arc::clone(columns));
        }
        let columns = warehouse.columns(relation)?;
        lock(&self.columns).insert(relation.sql_name().to_owned(), Arc::clone(&columns));
        Ok(columns)
    }

    /// Rows that pass the filters of `select`. Blocks.
    ///
    /// # Errors
    /// As [`Warehouse::count`].
    pub fn total(&self, warehouse: &dyn Warehouse, select: &Select) -> Result<u64> {
        let filters = (&select.from, &select.to, &select.lau);
        let key = format!("{} {filters:?}", select.relation.sql_name());
        if let Some(total) = lock(&self.totals).get(&key) {
            return Ok(*total);
        }
        let total = warehouse.count(select)?;
        let mut totals = lock(&self.totals);
        totals.put(key, total);
        if totals.len() > TOTALS {
            totals.pop_lru();
        }
        Ok(total)
    }

    /// Boundaries of all LAUs as GeoJSON text, read once. Blocks.
    ///
    /// # Errors
    /// A warehouse that cannot be read.
    pub fn lau_geometries(&self, warehouse: &dyn Warehouse) -> Result<Arc<Boundaries>> {
        // who comes second waits instead of reading them again
        let mut laus = lock(&self.laus);
        if let Some(laus) = laus.as_ref() {
            return Ok(Arc::clone(laus));
        }
        let read = lau_geometries(warehouse)?;
        *laus = Some(Arc::clone(&read));
        Ok(read)
    }
}

/// The least recently used go when there are too many bytes.
struct Answers {
    bytes: usize,
    by_key: LruCache<String, Arc<Answer>>,
}

impl Default for Answers {
    fn default() -> Self {
        Answers { bytes: 0, by_key: LruCache::unbounded() }
    }
}

impl Answers {
    fn get(&mut self, key: &str) -> Option<Arc<Answer>> {
        self.by_key.get(key).map(Arc::clone)
    }

    fn put(&mut self, key: String, answer: Arc<Answer>) {
        let size = |key: &str, answer: &Answer| key.len() + answer.bytes_held();
        self.bytes += size(&key, &answer);
        if let Some((key, old)) = self.by_key.push(key, answer) {
            self.bytes -= size(&key, &old);
        }
        while self.bytes > KEPT_BYTES {
            let Some((key, old)) = self.by_key.pop_lru() else { break };
            self.bytes -= size(&key, &old);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// 32 hex digits that change with any of the parts.
pub fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hex(&hasher.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::answer::CachePolicy;

    #[test]
    fn kept_answers_stay_within_their_bytes_and_the_oldest_go() {
        let mut answers = Answers::default();
        let answer = || {
            let bytes = vec![7; KEPT_BYTES_EACH];
            Arc::new(Answer::new("text/plain", bytes, None, CachePolicy::Revalidate))
        };
        for number in 0..200 {
            answers.put(format!("{number}"), answer());
            answers.put(format!("{number}"), answer());
        }
        assert!(answers.bytes <= KEPT_BYTES && answers.bytes > KEPT_BYTES / 2);
        assert!(answers.get("199").is_some() && answers.get("0").is_none());
    }

    #[test]
    fn a_digest_keeps_its_parts_apart() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&["a"]).len(), 32);
    }
}
