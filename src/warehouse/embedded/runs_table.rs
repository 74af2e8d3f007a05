//! `runs` without a copy: the record beside the processed files, as it is when it is asked for, so
//! that a load that failed is in it too.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;

use super::session::explain;
use crate::run_history::{read, rows};

/// The runs as a table, in their order.
///
/// # Errors
/// A record that cannot be read.
pub fn provider(file: &Path) -> Result<Arc<dyn TableProvider>> {
    let batch = rows(&read(file, None)?)?;
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(explain)?;
    Ok(Arc::new(table))
}
