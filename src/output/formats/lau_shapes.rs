//! The geometry of a row: its own, or the boundary of its LAU.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use arrow::datatypes::{DataType, Schema};

use super::cells::Column;
use super::{Options, geometry};
use crate::errors::UsageError;

/// The name and the boundary of a LAU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LauShape {
    pub name: Option<String>,
    /// In the form that the format needs, see [`ShapeForm`].
    pub geometry: Vec<u8>,
}

/// LAUs by `lau_id`.
pub type LauShapes = BTreeMap<String, LauShape>;

/// The form of the geometry in [`LauShape`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShapeForm {
    /// GeoJSON text of the boundary.
    Geojson,
    /// The boundary as WKB in EPSG:3035.
    Wkb,
    /// The GeoJSON position of a point within the boundary.
    Point,
}

/// The source of the geometry of a row.
pub(super) enum GeometrySource {
    /// A column of WKB.
    Column(usize),
    Lau {
        column: usize,
        shapes: Arc<LauShapes>,
    },
}

impl GeometrySource {
    /// # Errors
    /// [`UsageError`] for rows without a geometry or LAU; LAU boundaries that are missing.
    pub fn of(schema: &Schema, options: &Options, format: &str) -> Result<Self> {
        if let Some(column) = geometry::column(schema) {
            return Ok(GeometrySource::Column(column));
        }
        let Some(column) = lau_column(schema) else {
            return Err(anyhow!(UsageError(format!(
                "{format} needs rows with a geometry or a lau_id column: cell_plan, lau, or a view \
                 per LAU such as users-per-lau or users-per-lau-day-night; other formats accept any \
                 rows"
            ))));
        };
        match &options.lau_shapes {
            Some(shapes) => Ok(GeometrySource::Lau { column, shapes: Arc::clone(shapes) }),
            None => bail!(
                "{format} of these rows needs LAU boundaries, but the warehouse has none: run \
                 `mobility load`"
            ),
        }
    }

    /// The geometry of a row, `None` if it has none.
    pub fn geometry<'a>(&'a self, columns: &'a [Column], row: usize) -> Option<&'a [u8]> {
        match self {
            GeometrySource::Column(column) => columns[*column].bytes(row),
            GeometrySource::Lau { column, shapes } => {
                let shape = shapes.get(columns[*column].str(row)?)?;
                Some(&shape.geometry)
            }
        }
    }
}

/// The column with the id of a LAU.
fn lau_column(schema: &Schema) -> Option<usize> {
    let is_lau =
        |name: &str, data_type: &DataType| name == "lau_id" && *data_type == DataType::Utf8;
    schema.fields().iter().position(|f| is_lau(f.name(), f.data_type()))
}
