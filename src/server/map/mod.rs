//! `/map`: outlines of the LAUs for drawing, made once for each load. Nothing is projected: the
//! boundaries come in EPSG:3035, whose areas are true, and are scaled to a drawing 1,000 units wide
//! with y downwards. Rings are to be filled by the even-odd rule.

mod outline;
mod path;

use anyhow::{Context, Result, anyhow};
use arrow::array::{Array, AsArray};
use geo::bounding_rect::BoundingRect;
use geo::{Geometry, MultiPolygon, Rect};
use geozero::ToGeo;
use geozero::wkb::Wkb;
use serde::Serialize;

use crate::domain::tables::Table;
use crate::warehouse::{Relation, Select, Warehouse};
use outline::{Grid, Unit};

/// Width of the drawing.
const WIDTH: u32 = 1_000;

#[derive(Serialize)]
struct Drawing {
    width: u32,
    height: u32,
    laus: Vec<Shape>,
}

#[derive(Serialize)]
struct Shape {
    lau_id: String,
    lau_name: Option<String>,
    country_code: Option<String>,
    /// SVG path data.
    d: String,
}

/// The drawing as JSON.
///
/// # Errors
/// A warehouse that cannot be read, a boundary that is no polygon.
pub fn json(warehouse: &dyn Warehouse) -> Result<Vec<u8>> {
    let mut shapes = Vec::new();
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
            boundaries.push(boundary);
            shapes.push(Shape {
                lau_id,
                lau_name: value(names),
                country_code: value(countries),
                d: String::new(),
            });
        }
    }
    let (height, units) = draw(&boundaries);
    for (shape, unit) in shapes.iter_mut().zip(&units) {
        shape.d = path::data(unit);
    }
    let mut body = serde_json::to_vec(&Drawing { width: WIDTH, height, laus: shapes })?;
    body.push(b'\n');
    Ok(body)
}

fn polygons(wkb: &[u8]) -> Result<MultiPolygon> {
    match Wkb(wkb).to_geo().map_err(|e| anyhow!("is no WKB: {e}"))? {
        Geometry::Polygon(polygon) => Ok(MultiPolygon::from(polygon)),
        Geometry::MultiPolygon(polygons) => Ok(polygons),
        _ => Err(anyhow!("is no polygon")),
    }
}

/// Height of the drawing, and the simplified outline of each unit.
fn draw(boundaries: &[MultiPolygon]) -> (u32, Vec<Unit>) {
    let boxes = boundaries.iter().filter_map(BoundingRect::bounding_rect);
    let Some(frame) = boxes.reduce(union) else {
        return (0, vec![Unit::default(); boundaries.len()]);
    };
    let grid = Grid::new(frame, WIDTH);
    (grid.height(), outline::simplified(&grid, boundaries))
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

    /// Two squares that share a wavy border, and a speck far off that is all of the third unit.
    fn units() -> Vec<MultiPolygon> {
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
    fn neighbours_keep_one_border_specks_go_and_no_unit_vanishes() {
        let (height, drawn) = draw(&units());
        assert_eq!(height, 500);
        assert_eq!(drawn.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
        let points: usize = drawn.iter().flatten().map(Vec::len).sum();
        assert!(points < 20, "{points} points are left");
        // y runs downwards
        let border: Vec<_> = drawn[0][0].iter().filter(|p| (2_400..2_600).contains(&p.0)).collect();
        assert!(border.len() >= 2 && border.iter().all(|p| drawn[1][0].contains(p)), "{border:?}");
        assert!(path::data(&drawn[0]).starts_with('M'));
    }

    #[test]
    fn nothing_to_draw_is_no_failure() {
        assert_eq!(draw(&[]).0, 0);
        assert_eq!(draw(&[MultiPolygon::new(vec![])]).1, vec![Unit::default()]);
    }
}
