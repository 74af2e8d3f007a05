//! Repair of polygons whose edges cross, which may come from the projection alone.

use anyhow::{Result, bail};
use geo::bool_ops::FillRule;
use geo::line_intersection::{LineIntersection, line_intersection};
use geo::{Area, BooleanOps, Coord, Line, LinesIter, MultiPolygon, OpType, Orient, Polygon};
use rstar::primitives::GeomWithData;
use rstar::{RTree, RTreeObject};

/// The largest area that a repair may change, square metres.
const MAX_AREA_M2: f64 = 1.0;

/// The largest share of the area of a unit that a repair may change.
const MAX_SHARE: f64 = 1e-5;

/// The polygons of a unit, in metres. Those whose edges cross are replaced by what the even-odd rule
/// fills, and a note states the area that changed. `unit` names the unit, and `in_file` states a position
/// as the file does.
///
/// # Errors
/// Edges that cross so that the area would change by more than a square metre or a hundred-thousandth
/// of the unit.
pub fn repaired(
    unit: &str,
    polygons: Vec<Polygon>,
    in_file: impl Fn(Coord) -> String,
    notes: &mut Vec<String>,
) -> Result<Vec<Polygon>> {
    let crossings: Vec<Option<Coord>> = polygons.iter().map(self_intersection).collect();
    let Some(first) = crossings.iter().flatten().next().copied() else { return Ok(polygons) };
    let mut valid = Vec::with_capacity(polygons.len());
    let mut changed_m2 = 0.0;
    for (polygon, crossing) in polygons.into_iter().zip(crossings) {
        if crossing.is_none() {
            valid.push(polygon);
            continue;
        }
        let filled = fill(&polygon, FillRule::EvenOdd);
        changed_m2 += changed_area(&polygon, &filled);
        valid.extend(filled);
    }
    let unit_m2: f64 = valid.iter().map(Area::unsigned_area).sum();
    if changed_m2 > MAX_AREA_M2.min(unit_m2 * MAX_SHARE) || changed_m2.is_nan() {
        bail!(
            "{unit}: a ring crosses itself or another ring near {}, and a repair would change \
             {changed_m2:.1} m2; repair the file, for example with ogr2ogr -makevalid, or download it \
             again",
            in_file(first)
        );
    }
    notes.push(format!(
        "{unit}: edges that crossed near {} were repaired; {changed_m2:.4} m2 of its area changed",
        in_file(first)
    ));
    Ok(valid)
}

fn fill(polygon: &Polygon, rule: FillRule) -> MultiPolygon {
    let nothing = MultiPolygon::new(Vec::new());
    polygon.boolean_op_with_fill_rule(&nothing, OpType::Union, rule)
}

/// The area where the even-odd rule and the direction of the rings disagree: loops that run against the
/// direction of their ring, and what a ring goes around twice. Differences do not cancel.
fn changed_area(polygon: &Polygon, even_odd: &MultiPolygon) -> f64 {
    let directed = polygon.orient(geo::orient::Direction::Default);
    fill(&directed, FillRule::Positive).xor(even_odd).unsigned_area()
}

/// A point where two edges of a polygon cross; edges may touch.
fn self_intersection(polygon: &Polygon) -> Option<Coord> {
    let edges: Vec<GeomWithData<Line, usize>> =
        polygon.lines_iter().enumerate().map(|(i, l)| GeomWithData::new(l, i)).collect();
    let tree = RTree::bulk_load(edges.clone());
    edges.iter().find_map(|edge| {
        let near = tree.locate_in_envelope_intersecting(&edge.geom().envelope());
        near.filter(|other| other.data > edge.data).find_map(|other| {
            match line_intersection(*edge.geom(), *other.geom()) {
                Some(LineIntersection::SinglePoint { intersection, is_proper: true }) => {
                    Some(intersection)
                }
                _ => None,
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use geo::polygon;

    use super::*;

    fn shown(at: Coord) -> String {
        format!("{at:?}")
    }

    /// A square of 1 km; its right edge has a spike that crosses itself, with a loop of `loop_m` by
    /// `loop_m` over two.
    fn crossing(loop_m: f64) -> Polygon {
        let (x, y) = (1_000.0, 500.0);
        polygon![
            (x: 0., y: 0.), (x: x, y: 0.), (x: x, y: y), (x: x + loop_m, y: y + loop_m),
            (x: x + loop_m, y: y), (x: x, y: y + loop_m), (x: x, y: 1_000.), (x: 0., y: 1_000.)
        ]
    }

    #[test]
    fn slight_crossings_are_repaired_and_the_area_is_reported() {
        let mut notes = Vec::new();
        // the loop is a triangle with base and height of 0.1 m and 0.05 m
        let valid = repaired("EE_1", vec![crossing(0.1)], shown, &mut notes).unwrap();
        let area: f64 = valid.iter().map(Area::unsigned_area).sum();
        assert!((area - 1e6).abs() < 0.02, "{area}");
        assert!(valid.iter().all(|p| self_intersection(p).is_none()), "{valid:?}");
        assert!(notes[0].contains("EE_1") && notes[0].contains("0.0025 m2"), "{notes:?}");
    }

    #[test]
    fn crossings_that_matter_are_refused() {
        for (loop_m, scale) in [(3.0, 1.0), (1.0, 0.1)] {
            let polygon = geo::Scale::scale(&crossing(loop_m / scale), scale);
            let error =
                repaired("EE_1", vec![polygon], shown, &mut Vec::new()).unwrap_err().to_string();
            assert!(error.contains("crosses itself") && error.contains("makevalid"), "{error}");
        }
    }

    #[test]
    fn polygons_without_crossings_stay_as_they_are() {
        let square = polygon![(x: 0., y: 0.), (x: 9., y: 0.), (x: 9., y: 9.), (x: 0., y: 9.)];
        let mut notes = Vec::new();
        assert_eq!(repaired("EE_1", vec![square.clone()], shown, &mut notes).unwrap(), [square]);
        assert!(notes.is_empty());
    }
}
