//! The table `runs`, read from the run history file for each query, so that it also contains failed
//! loads.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;

use super::session::explain;
use crate::run_history::{read, rows};

/// The table `runs`, in the order of the file.
///
/// # Errors
/// A run history that cannot be read.
pub fn provider(file: &Path) -> Result<Arc<dyn TableProvider>> {
    let batch = rows(&read(file, None)?)?;
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(explain)?;
    Ok(Arc::new(table))
}
