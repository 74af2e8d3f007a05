//! The parts of a query that the command line and the API share: the order, and the geometry that a
//! format needs.

use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use arrow::array::AsArray;
use arrow::datatypes::{DataType, Schema};

use super::columns::{ColumnInfo, lau_ends};
use super::formats::{Format, GeometryText, LauShape, LauShapes, Options, ShapeForm};
use crate::domain::tables::Table;
use crate::errors::UsageError;
use crate::formats::geoparquet;
use crate::views::OrderBy;
use crate::warehouse::{Relation, Select, Warehouse};

/// Parses the values of `--order-by`.
///
/// # Errors
/// [`UsageError`] for an unknown direction.
pub fn order_by(texts: &[String]) -> Result<Vec<OrderBy>> {
    let parse = |text: &String| {
        parse_order(text).map_err(|hint| anyhow!(UsageError(format!("--order-by {text}: {hint}"))))
    };
    texts.iter().map(parse).collect()
}

/// Parses `COL`, `COL:asc` or `COL:desc`.
///
/// # Errors
/// A hint for the user.
pub fn parse_order(text: &str) -> Result<OrderBy, String> {
    let (column, direction) = text.split_once(':').unwrap_or((text, "asc"));
    let descending = match direction.to_lowercase().as_str() {
        "asc" => false,
        "desc" => true,
        _ => return Err(format!("write {column}, {column}:asc or {column}:desc")),
    };
    Ok(OrderBy { column: column.to_owned(), descending })
}

/// The text that [`parse_order`] reads: `COL` or `COL:desc`.
pub fn order_text(order: &OrderBy) -> String {
    format!("{}{}", order.column, if order.descending { ":desc" } else { "" })
}

/// Sets the options that a format needs to write the geometry of `rows`: its CRS, or the boundaries
/// of the LAUs in `lau_id`, or points in the LAUs that lines connect; `laus` returns both.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn geometry_options(
    laus: impl FnOnce(ShapeForm) -> Result<Arc<LauShapes>>,
    relation: Option<Relation>,
    rows: &Schema,
    format: Format,
    options: &mut Options,
) -> Result<()> {
    options.layer = relation.map(|relation| relation.sql_name().to_owned());
    let has_geometry =
        rows.field_with_name("geometry").is_ok_and(|f| *f.data_type() == DataType::Binary);
    if has_geometry {
        // views with a geometry take it from one of the two tables, usually from the LAUs
        let (epsg, types): (u32, &[&str]) = match relation {
            Some(Relation::Table(Table::CellPlan)) => (4326, &["Point"]),
            _ => (3035, &[]),
        };
        options.geometry_epsg = Some(epsg);
        if format == Format::Parquet {
            options.geo_metadata = Some(geoparquet::metadata(epsg, types, None)?);
        }
    } else if format.is_map() && rows.index_of("lau_id").is_ok() {
        let form = if format == Format::Gpkg { ShapeForm::Wkb } else { ShapeForm::Geojson };
        options.lau_shapes = Some(laus(form)?);
    } else if format == Format::Geojson && lau_ends(&ColumnInfo::all(rows)).is_some() {
        options.lau_shapes = Some(laus(ShapeForm::Point)?);
    }
    Ok(())
}

/// Names and boundaries of all LAUs, or points in them.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn lau_shapes(warehouse: &dyn Warehouse, form: ShapeForm) -> Result<Arc<LauShapes>> {
    let shapes = GeometryText::new(Some(3035))?;
    let mut found = LauShapes::new();
    for batch in warehouse.select(&Select::all(Relation::Table(Table::Lau)))? {
        let batch = batch?;
        let text = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        let geometries =
            batch.column_by_name("geometry").and_then(|column| column.as_binary_opt::<i32>());
        let (Some(ids), Some(names), Some(geometries)) =
            (text("lau_id"), text("lau_name"), geometries)
        else {
            bail!("the table lau lacks a column; load the data again with `mobility load --force`")
        };
        for ((id, name), geometry) in ids.iter().zip(names).zip(geometries) {
            if let (Some(id), Some(geometry)) = (id, geometry) {
                let geometry = match form {
                    ShapeForm::Geojson => shapes.geojson(geometry)?.into_bytes(),
                    ShapeForm::Wkb => geometry.to_vec(),
                    ShapeForm::Point => match shapes.point_on_surface(geometry)? {
                        Some(point) => point.into_bytes(),
                        None => continue,
                    },
                };
                let shape = LauShape { name: name.map(str::to_owned), geometry };
                found.insert(id.to_owned(), shape);
            }
        }
    }
    Ok(Arc::new(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_has_a_column_and_a_direction() {
        let texts = ["a", "b:desc", "c:ASC"].map(str::to_owned);
        let order = order_by(&texts).unwrap();
        let read: Vec<_> = order.iter().map(|o| (o.column.as_str(), o.descending)).collect();
        assert_eq!(read, [("a", false), ("b", true), ("c", false)]);
        assert_eq!(order.iter().map(order_text).collect::<Vec<_>>(), ["a", "b:desc", "c"]);
        assert!(order_by(&["a:up".to_owned()]).unwrap_err().downcast_ref::<UsageError>().is_some());
    }
}
