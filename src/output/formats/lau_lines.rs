//! Lines between the LAUs of rows that lead from one to another, as GeoJSON.

use std::sync::Arc;

use anyhow::{Result, bail};
use arrow::datatypes::Schema;

use super::cells::Column;
use super::{LauShapes, Options};
use crate::output::columns::{ColumnInfo, lau_ends};

/// The columns of both ends, and a point in each LAU.
pub(super) struct LauLines {
    ends: [usize; 2],
    points: Arc<LauShapes>,
}

impl LauLines {
    /// `None` for rows without two LAUs.
    ///
    /// # Errors
    /// LAU boundaries that are missing.
    pub fn of(schema: &Schema, options: &Options) -> Result<Option<LauLines>> {
        let Some(ends) = lau_ends(&ColumnInfo::all(schema)) else { return Ok(None) };
        match &options.lau_shapes {
            Some(points) => Ok(Some(LauLines { ends, points: Arc::clone(points) })),
            None => bail!(
                "GeoJSON of these rows needs LAU boundaries, but the warehouse has none: run `mobility load`"
            ),
        }
    }

    /// Writes the geometry of a row: a line, a point if both ends are the same LAU, or null if an end is none.
    pub fn write(&self, columns: &[Column], row: usize, out: &mut Vec<u8>) {
        let point = |column: usize| {
            let shape = self.points.get(columns[column].str(row)?)?;
            Some(shape.geometry.as_slice())
        };
        let parts: &[&[u8]] = match self.ends.map(point) {
            [Some(from), Some(to)] if from == to => {
                &[b"{\"type\":\"Point\",\"coordinates\":", from, b"}"]
            }
            [Some(from), Some(to)] => {
                &[b"{\"type\":\"LineString\",\"coordinates\":[", from, b",", to, b"]}"]
            }
            _ => &[b"null"],
        };
        parts.iter().for_each(|part| out.extend_from_slice(part));
    }
}
