//! One version of the loaded data, and what is read of it once: column types, row counts and LAU
//! boundaries. A request works with one version from beginning to end, so that an answer never
//! mixes two loads.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use arrow::array::AsArray;
use arrow::datatypes::{Date32Type, SchemaRef};
use chrono::NaiveDate;
use lru::LruCache;
use sha2::{Digest, Sha256};

use crate::domain::ids::hex;
use crate::domain::tables::Table;
use crate::output::formats::{LauShapes, ShapeForm};
use crate::output::query::lau_shapes;
use crate::warehouse::{Loaded, Relation, Select, Warehouse};

/// Row counts that are cached.
const MAX_TOTALS: usize = 4_096;

/// One version of the loaded data.
pub struct DataVersion {
    pub loaded: Loaded,
    id: String,
    columns: Mutex<HashMap<String, SchemaRef>>,
    totals: Mutex<LruCache<String, u64>>,
    lau_shapes: Mutex<Option<Arc<LauShapes>>>,
    recorded_dates: Mutex<Option<Arc<BTreeSet<NaiveDate>>>>,
}

impl DataVersion {
    /// `fingerprint` covers everything else that determines an answer: views, pages and program.
    pub fn new(loaded: Loaded, fingerprint: &str) -> Self {
        let id = digest(&[fingerprint, &loaded.fingerprint, &loaded.loaded_at]);
        DataVersion {
            loaded,
            id,
            columns: Mutex::default(),
            totals: Mutex::new(LruCache::unbounded()),
            lau_shapes: Mutex::default(),
            recorded_dates: Mutex::default(),
        }
    }

    /// 32 hexadecimal digits that change with the data.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// False once another load has replaced this version. Blocks.
    ///
    /// # Errors
    /// A warehouse that cannot be read.
    pub fn is_current(&self, warehouse: &dyn Warehouse) -> Result<bool> {
        Ok(warehouse.loaded()?.as_ref() == Some(&self.loaded))
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

    /// The number of rows that pass the filters of `select`. Blocks.
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
        if totals.len() > MAX_TOTALS {
            totals.pop_lru();
        }
        Ok(total)
    }

    /// Boundaries of all LAUs, or points in them. Boundaries as GeoJSON text are read once. Blocks.
    ///
    /// # Errors
    /// A warehouse that cannot be read.
    pub fn lau_shapes(&self, warehouse: &dyn Warehouse, form: ShapeForm) -> Result<Arc<LauShapes>> {
        if form != ShapeForm::Geojson {
            return lau_shapes(warehouse, form);
        }
        // the lock is held while they are read, so that a second request waits for the first
        let mut shapes = lock(&self.lau_shapes);
        if let Some(shapes) = shapes.as_ref() {
            return Ok(Arc::clone(shapes));
        }
        let read = lau_shapes(warehouse, form)?;
        *shapes = Some(Arc::clone(&read));
        Ok(read)
    }

    /// The dates with quality figures, read once. Blocks.
    ///
    /// # Errors
    /// A warehouse that cannot be read.
    pub fn recorded_dates(&self, warehouse: &dyn Warehouse) -> Result<Arc<BTreeSet<NaiveDate>>> {
        let mut recorded = lock(&self.recorded_dates);
        if let Some(dates) = recorded.as_ref() {
            return Ok(Arc::clone(dates));
        }
        let dates = Arc::new(recorded_dates(warehouse)?);
        *recorded = Some(Arc::clone(&dates));
        Ok(dates)
    }

    /// The same, if they have been read.
    pub fn known_dates(&self) -> Option<Arc<BTreeSet<NaiveDate>>> {
        lock(&self.recorded_dates).clone()
    }
}

/// The dates with quality figures.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn recorded_dates(warehouse: &dyn Warehouse) -> Result<BTreeSet<NaiveDate>> {
    if let Some(releases) = warehouse.releases()? {
        return Ok(releases.dates);
    }
    let mut dates = BTreeSet::new();
    for batch in warehouse.select(&Select::all(Relation::Table(Table::QualityDaily)))? {
        let batch = batch?;
        let column = batch.column_by_name("date").context("quality_daily has no date")?;
        let column = column.as_primitive_opt::<Date32Type>().context("date is not a date")?;
        dates.extend(column.iter().flatten().filter_map(NaiveDate::from_epoch_days));
    }
    Ok(dates)
}

/// What is loaded.
///
/// # Errors
/// A warehouse without data, or one that cannot be read.
pub fn loaded(warehouse: &dyn Warehouse) -> Result<Loaded> {
    match warehouse.loaded()? {
        Some(loaded) => Ok(loaded),
        None => bail!("{}", warehouse.nothing_yet()),
    }
}

/// 32 hexadecimal digits that change with any of the parts.
pub fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hex(&hasher.finalize()[..16])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn digest_separates_its_parts() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&["a"]).len(), 32);
    }
}
