//! Polygons from WKB in all its variants: ISO, EWKB, both byte orders.
//!
//! The `geozero` reader allocates memory for any count in the data. Input files may be damaged, so here
//! every count is compared with the bytes that are left.

use geo::{Coord, Polygon};

use super::feature::MAX_POSITIONS;
use super::polygons::PolygonBuilder;

const POLYGON: u32 = 3;
const MULTI_POLYGON: u32 = 6;
const COLLECTION: u32 = 7;

/// Collections in collections; more are refused, because each level takes stack.
const MAX_DEPTH: usize = 16;

/// The polygons of a Polygon, a MultiPolygon or a collection that holds such; heights and measures are
/// ignored.
///
/// # Errors
/// Truncated bytes; another geometry.
pub fn polygons(bytes: &[u8]) -> Result<Vec<Polygon>, String> {
    WkbReader { bytes, little: true }.geometry(0)?.build()
}

fn name(kind: u32) -> &'static str {
    match kind {
        1 => "Point",
        2 => "LineString",
        4 => "MultiPoint",
        5 => "MultiLineString",
        10 | 12 => "of curves",
        _ => "of an unknown type",
    }
}

struct WkbReader<'a> {
    /// The bytes that are left.
    bytes: &'a [u8],
    little: bool,
}

impl WkbReader<'_> {
    /// A geometry of any type; points and lines are skipped and leave an error.
    fn geometry(&mut self, depth: usize) -> Result<PolygonBuilder, String> {
        let mut polygons = PolygonBuilder::default();
        let (kind, size) = self.header()?;
        match kind {
            POLYGON => self.polygon(size, &mut polygons)?,
            MULTI_POLYGON => {
                // a polygon has at least a header and a count
                for _ in 0..self.count(9)? {
                    match self.header()? {
                        (POLYGON, size) => self.polygon(size, &mut polygons)?,
                        (other, _) => return Ok(PolygonBuilder::not_a_polygon(name(other))),
                    }
                }
            }
            COLLECTION if depth < MAX_DEPTH => {
                let count = self.count(5)?;
                let parts = (0..count).map(|_| self.geometry(depth + 1));
                return Ok(PolygonBuilder::collection(parts.collect::<Result<_, _>>()?));
            }
            other => {
                self.skip(other, size)?;
                return Ok(PolygonBuilder::not_a_polygon(name(other)));
            }
        }
        Ok(polygons)
    }

    /// Skips a point or lines after their header.
    fn skip(&mut self, kind: u32, size: usize) -> Result<(), String> {
        let positions = match kind {
            1 => 1,
            2 => self.count(8 * size)?,
            4 | 5 => {
                for _ in 0..self.count(9)? {
                    let (kind, size) = self.header()?;
                    if !matches!(kind, 1 | 2) {
                        return Err(format!("a part of the geometry is {}", name(kind)));
                    }
                    self.skip(kind, size)?;
                }
                0
            }
            other => {
                return Err(format!(
                    "the geometry is {}, expected Polygon or MultiPolygon",
                    name(other)
                ));
            }
        };
        for _ in 0..positions * size {
            self.coordinate()?;
        }
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) =
            self.bytes.split_first_chunk::<N>().ok_or("the geometry is truncated")?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u32, String> {
        let bytes = self.take()?;
        Ok(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn coordinate(&mut self) -> Result<f64, String> {
        let bytes = self.take()?;
        Ok(if self.little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) })
    }

    /// A count of elements of at least `bytes` each.
    fn count(&mut self, bytes: usize) -> Result<usize, String> {
        let count = self.number()? as usize;
        if count > self.bytes.len() / bytes {
            return Err("the geometry is truncated".to_owned());
        }
        Ok(count)
    }

    /// The type without its dimensions, and the numbers per position.
    fn header(&mut self) -> Result<(u32, usize), String> {
        let [order] = self.take()?;
        self.little = order != 0;
        let kind = self.number()?;
        // EWKB has dimensions in flags, ISO in thousands
        let flags = kind >> 29;
        if flags & 1 != 0 {
            self.number()?;
        }
        let plain = kind & 0x1fff_ffff;
        let iso = match plain / 1000 {
            1 | 2 => 1,
            3 => 2,
            _ => 0,
        };
        let more = iso.max((flags >> 2 & 1) + (flags >> 1 & 1)) as usize;
        Ok((plain % 1000, 2 + more))
    }

    fn polygon(&mut self, size: usize, out: &mut PolygonBuilder) -> Result<(), String> {
        let rings = self.count(4)?;
        if rings == 0 {
            return Ok(());
        }
        for _ in 0..rings {
            let positions = self.count(8 * size)?;
            if out.positions.len() + positions > MAX_POSITIONS {
                return Err(format!("the geometry has more than {MAX_POSITIONS} positions"));
            }
            out.positions.reserve(positions);
            for _ in 0..positions {
                let (x, y) = (self.coordinate()?, self.coordinate()?);
                for _ in 2..size {
                    self.coordinate()?;
                }
                out.positions.push(Coord { x, y });
            }
            out.rings.push(out.positions.len());
        }
        out.polygons.push(out.rings.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use geo::{Geometry, MultiPolygon, polygon};
    use geozero::{CoordDimensions, ToWkb};

    use super::*;

    fn square() -> Polygon {
        polygon!(exterior: [(x: 0., y: 0.), (x: 9., y: 0.), (x: 9., y: 9.), (x: 0., y: 9.)],
            interiors: [[(x: 1., y: 1.), (x: 2., y: 1.), (x: 2., y: 2.)]])
    }

    fn wkb(geometry: &Geometry, dimensions: CoordDimensions) -> Vec<u8> {
        geometry.to_wkb(dimensions).unwrap()
    }

    #[test]
    fn polygons_are_read_with_their_holes_and_parts() {
        let both = MultiPolygon(vec![square(), square()]);
        let one = wkb(&Geometry::Polygon(square()), CoordDimensions::xy());
        let two = wkb(&Geometry::MultiPolygon(both.clone()), CoordDimensions::xy());
        assert_eq!(polygons(&one).unwrap(), [square()]);
        assert_eq!(polygons(&two).unwrap(), both.0);
    }

    /// A triangle with a byte order, a type, an optional SRID and a number of values beside x and y.
    fn triangle(big: bool, kind: u32, srid: Option<u32>, heights: usize) -> Vec<u8> {
        let number = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let coordinate = |c: f64| if big { c.to_be_bytes() } else { c.to_le_bytes() };
        let mut bytes = vec![u8::from(!big)];
        bytes.extend([Some(kind), srid, Some(1), Some(4)].into_iter().flatten().flat_map(number));
        for (x, y) in [(0., 0.), (4., 0.), (4., 3.), (0., 0.)] {
            bytes.extend(coordinate(x));
            bytes.extend(coordinate(y));
            (0..heights).for_each(|_| bytes.extend(coordinate(7.)));
        }
        bytes
    }

    #[test]
    fn both_byte_orders_heights_and_srids_are_accepted() {
        let expected = polygon![(x: 0., y: 0.), (x: 4., y: 0.), (x: 4., y: 3.)];
        for bytes in [
            triangle(true, 3, None, 0),
            triangle(false, 1003, None, 1),
            triangle(false, 3003, None, 2),
            triangle(false, 0xa000_0003, Some(3035), 1),
            triangle(true, 0xe000_0003, Some(3035), 2),
        ] {
            assert_eq!(polygons(&bytes).unwrap(), std::slice::from_ref(&expected), "{bytes:?}");
        }
    }

    #[test]
    fn truncated_bytes_and_excessive_counts_are_errors() {
        let whole = wkb(&Geometry::Polygon(square()), CoordDimensions::xy());
        for end in 0..whole.len() {
            assert!(polygons(&whole[..end]).is_err(), "{end}");
        }
        let mut many = whole;
        many[5..9].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(polygons(&many).unwrap_err(), "the geometry is truncated");
        let point = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(polygons(&point).unwrap_err().contains("Point"));
    }
}
