//! Parsing of an order, and the geometry that formats add to the rows of a query.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use arrow::array::AsArray;
use arrow::datatypes::{DataType, Schema};

use super::formats::{Format, GeometryText, Options};
use crate::domain::tables::Table;
use crate::errors::UsageError;
use crate::formats::geoparquet;
use crate::views::OrderBy;
use crate::warehouse::{Relation, Select, Warehouse};

/// Reads `COL`, `COL:asc` or `COL:desc`.
///
/// # Errors
/// [`UsageError`] for any other direction.
pub fn order_by(texts: &[String]) -> Result<Vec<OrderBy>> {
    let read = |text: &String| {
        one_order(text).map_err(|hint| anyhow!(UsageError(format!("--order-by {text}: {hint}"))))
    };
    texts.iter().map(read).collect()
}

/// Reads one `COL`, `COL:asc` or `COL:desc`.
///
/// # Errors
/// The expected notation.
pub fn one_order(text: &str) -> Result<OrderBy, String> {
    let (column, direction) = text.split_once(':').unwrap_or((text, "asc"));
    let descending = match direction.to_lowercase().as_str() {
        "asc" => false,
        "desc" => true,
        _ => return Err(format!("write {column}, {column}:asc or {column}:desc")),
    };
    Ok(OrderBy { column: column.to_owned(), descending })
}

/// Boundaries of LAUs as GeoJSON geometries, by `lau_id`.
pub type Boundaries = HashMap<String, String>;

/// Adds the geometry settings of a format for `rows`: the CRS of their geometry column, or the LAU
/// boundaries, which `laus` returns.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn geometry_options(
    laus: impl FnOnce() -> Result<Arc<Boundaries>>,
    relation: Option<Relation>,
    rows: &Schema,
    format: Format,
    options: &mut Options,
) -> Result<()> {
    let has_geometry =
        rows.field_with_name("geometry").is_ok_and(|f| *f.data_type() == DataType::Binary);
    if has_geometry {
        // a geometry in rows of other relations comes from one of the two tables, usually from LAUs
        let (epsg, types): (u32, &[&str]) = match relation {
            Some(Relation::Table(Table::CellPlan)) => (4326, &["Point"]),
            _ => (3035, &[]),
        };
        options.geometry_epsg = Some(epsg);
        if format == Format::Parquet {
            options.geo_metadata = Some(geoparquet::metadata(epsg, types, None)?);
        }
    } else if format == Format::Geojson && rows.index_of("lau_id").is_ok() {
        options.lau_geometries = Some(laus()?);
    }
    Ok(())
}

/// Boundaries of all LAUs.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn lau_geometries(warehouse: &dyn Warehouse) -> Result<Arc<Boundaries>> {
    let shapes = GeometryText::new(Some(3035))?;
    let mut found = HashMap::new();
    for batch in warehouse.select(&Select::all(Relation::Table(Table::Lau)))? {
        let batch = batch?;
        let ids = batch.column(0).as_string::<i32>();
        let geometries = batch.column(3).as_binary::<i32>();
        for (id, geometry) in ids.iter().zip(geometries) {
            if let (Some(id), Some(geometry)) = (id, geometry) {
                found.insert(id.to_owned(), shapes.geojson(geometry)?);
            }
        }
    }
    Ok(Arc::new(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_names_column_and_direction() {
        let texts = ["a", "b:desc", "c:ASC"].map(str::to_owned);
        let order = order_by(&texts).unwrap();
        let read: Vec<_> = order.iter().map(|o| (o.column.as_str(), o.descending)).collect();
        assert_eq!(read, [("a", false), ("b", true), ("c", false)]);
        assert!(order_by(&["a:up".to_owned()]).unwrap_err().downcast_ref::<UsageError>().is_some());
    }
}
