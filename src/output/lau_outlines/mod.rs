//! Outlines of the LAUs, simplified for drawing. The boundaries are in EPSG:3035, an equal-area
//! projection, and are only scaled: to a drawing 1,000 units wide with y pointing down. Rings are to
//! be filled by the even-odd rule.

mod simplify;
mod svg_path;

use anyhow::{Context, Result, anyhow};
use arrow::array::{Array, AsArray};
use geo::bounding_rect::BoundingRect;
use geo::{Geometry, MultiPolygon, Rect};
use geozero::ToGeo;
use geozero::wkb::Wkb;
use serde::Serialize;

use crate::datasets::geodata::area_km2;
use crate::domain::tables::Table;
use crate::warehouse::{Relation, Select, Warehouse};
use simplify::{Grid, Outline, STEPS_PER_UNIT};

/// Width of the drawing, in its own units.
const WIDTH: u32 = 1_000;

/// The outlines of all LAUs in one coordinate system.
#[derive(Debug, Serialize)]
pub struct Drawing {
    pub width: u32,
    pub height: u32,
    pub laus: Vec<LauOutline>,
}

/// The outline of one LAU.
#[derive(Debug, Serialize)]
pub struct LauOutline {
    pub lau_id: String,
    pub lau_name: Option<String>,
    pub country_code: Option<String>,
    /// Area in square kilometres, in the equal-area projection of the boundaries.
    pub area_km2: f64,
    /// The middle of the box around the outline, in units of the drawing.
    #[serde(skip)]
    pub centre: (f64, f64),
    /// SVG path data.
    #[serde(rename = "d")]
    pub path: String,
}

/// Draws the outlines of all LAUs in the warehouse.
///
/// # Errors
/// A warehouse that cannot be read, a boundary that is not a polygon.
pub fn drawing(warehouse: &dyn Warehouse) -> Result<Drawing> {
    let mut laus = Vec::new();
    let mut boundaries = Vec::new();
    for batch in warehouse.select(&Select::all(Relation::Table(Table::Lau)))? {
        let batch = batch?;
        let text = |index: usize| batch.column(index).as_string::<i32>();
        let (ids, countries, names) = (text(0), text(1), text(2));
        for (row, wkb) in batch.column(3).as_binary::<i32>().iter().enumerate() {
            let value = |array: &arrow::array::StringArray| {
                array.is_valid(row).then(|| array.value(row).to_owned())
            };
            let lau_id = value(ids).unwrap_or_default();
            let boundary = polygons(wkb.unwrap_or_default())
                .with_context(|| format!("the boundary of {lau_id}"))?;
            let area_km2 = area_km2(&boundary);
            boundaries.push(boundary);
            laus.push(LauOutline {
                lau_id,
                lau_name: value(names),
                country_code: value(countries),
                area_km2,
                centre: (0.0, 0.0),
                path: String::new(),
            });
        }
    }
    let (height, outlines) = simplified(&boundaries);
    for (lau, outline) in laus.iter_mut().zip(&outlines) {
        lau.path = svg_path::data(outline);
        lau.centre = centre(outline);
    }
    Ok(Drawing { width: WIDTH, height, laus })
}

/// The middle of the box around an outline.
fn centre(outline: &Outline) -> (f64, f64) {
    let middle = |of: fn(&simplify::Point) -> i32| {
        let values = outline.iter().flatten().map(of);
        let ends = values.clone().min().zip(values.max());
        ends.map_or(0.0, |(low, high)| f64::from(low + high) / 2.0 / f64::from(STEPS_PER_UNIT))
    };
    (middle(|point| point.0), middle(|point| point.1))
}

fn polygons(wkb: &[u8]) -> Result<MultiPolygon> {
    match Wkb(wkb).to_geo().map_err(|e| anyhow!("invalid WKB: {e}"))? {
        Geometry::Polygon(polygon) => Ok(MultiPolygon::from(polygon)),
        Geometry::MultiPolygon(polygons) => Ok(polygons),
        _ => Err(anyhow!("not a polygon")),
    }
}

/// Height of the drawing, and the simplified outline of each boundary.
fn simplified(boundaries: &[MultiPolygon]) -> (u32, Vec<Outline>) {
    let boxes = boundaries.iter().filter_map(BoundingRect::bounding_rect);
    let Some(extent) = boxes.reduce(union) else {
        return (0, vec![Outline::default(); boundaries.len()]);
    };
    let grid = Grid::new(extent, WIDTH);
    (grid.height(), simplify::simplify(&grid, boundaries))
}

fn union(a: Rect, b: Rect) -> Rect {
    let low = (a.min().x.min(b.min().x), a.min().y.min(b.min().y));
    let high = (a.max().x.max(b.max().x), a.max().y.max(b.max().y));
    Rect::new(low, high)
}

#[cfg(test)]
mod tests {
    use geo::{LineString, Polygon};

    use super::*;

    /// Two squares that share a wavy border, and a third unit that is only a distant speck.
    fn boundaries() -> Vec<MultiPolygon> {
        let wave: Vec<(f64, f64)> =
            (0..=400).map(|i| (500.0 + f64::from(i % 2) * 0.1, f64::from(i) * 2.5)).collect();
        let mut left = wave.clone();
        left.extend([(0.0, 1000.0), (0.0, 0.0)]);
        let mut right: Vec<_> = wave.into_iter().rev().collect();
        right.extend([(1000.0, 0.0), (1000.0, 1000.0)]);
        let speck = vec![(2000.0, 0.0), (2000.1, 0.0), (2000.0, 0.1)];
        let polygon = |ring: Vec<(f64, f64)>| Polygon::new(LineString::from(ring), vec![]);
        let islet = polygon(vec![(1500.0, 0.0), (1500.2, 0.0), (1500.0, 0.2)]);
        vec![
            MultiPolygon::new(vec![polygon(left), islet]),
            MultiPolygon::new(vec![polygon(right)]),
            MultiPolygon::new(vec![polygon(speck)]),
        ]
    }

    #[test]
    fn neighbours_share_one_border_and_every_unit_stays_visible() {
        let (height, drawn) = simplified(&boundaries());
        assert_eq!(height, 500);
        assert_eq!(drawn.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
        let points: usize = drawn.iter().flatten().map(Vec::len).sum();
        assert!(points < 20, "{points} points remain");
        // y points down
        let border: Vec<_> = drawn[0][0].iter().filter(|p| (2_400..2_600).contains(&p.0)).collect();
        assert!(border.len() >= 2 && border.iter().all(|p| drawn[1][0].contains(p)), "{border:?}");
        assert!(svg_path::data(&drawn[0]).starts_with('M'));
    }

    #[test]
    fn no_boundaries_give_an_empty_drawing() {
        assert_eq!(simplified(&[]).0, 0);
        assert_eq!(simplified(&[MultiPolygon::new(vec![])]).1, vec![Outline::default()]);
    }
}
