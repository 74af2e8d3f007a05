//! The coordinates of a GeoJSON geometry, at any depth of nesting.

use std::fmt;

use geo::Coord;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use crate::formats::boundaries::feature::MAX_POSITIONS;
use crate::formats::boundaries::polygons::PolygonBuilder;

/// The nesting level of a list of coordinates.
pub enum Level {
    Number(f64),
    Position,
    Ring,
    Polygon,
    Several,
}

pub struct Nested<'a>(pub &'a mut PolygonBuilder);

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = Level;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Level, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = Level;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("numbers or lists of coordinates")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Level, E> {
        Ok(Level::Number(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Level, E> {
        Ok(Level::Number(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Level, E> {
        Ok(Level::Number(value as f64))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Level, A::Error> {
        let mut last = Level::Several;
        let mut numbers = [f64::NAN; 2];
        let mut count = 0;
        while let Some(level) = seq.next_element_seed(Nested(self.0))? {
            if let (Level::Number(value), true) = (&level, count < 2) {
                numbers[count] = *value;
            }
            count += 1;
            last = level;
        }
        Ok(match last {
            Level::Number(_) => {
                if self.0.positions.len() >= MAX_POSITIONS {
                    return Err(A::Error::custom(format!(
                        "a feature has more than {MAX_POSITIONS} positions"
                    )));
                }
                self.0.positions.push(Coord { x: numbers[0], y: numbers[1] });
                Level::Position
            }
            Level::Position => {
                self.0.rings.push(self.0.positions.len());
                Level::Ring
            }
            Level::Ring => {
                self.0.polygons.push(self.0.rings.len());
                Level::Polygon
            }
            Level::Polygon | Level::Several => Level::Several,
        })
    }
}
