//! Sites: cells at one coordinate are one place.

use std::fmt;

/// Units of a degree: coordinates are rounded to 5 decimal places, about a metre.
const PER_DEGREE: f64 = 100_000.0;

/// The place of the cells at one coordinate. Its text, `59.43700,24.75360`, is the column `site_id`: it
/// depends on the coordinate alone, so that no later cell plan renames a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    /// Latitude and longitude in 1/100,000 degrees.
    latitude: i32,
    longitude: i32,
}

impl Site {
    /// The site of a coordinate in degrees.
    pub fn of(latitude: f64, longitude: f64) -> Self {
        let round = |degrees: f64| (degrees * PER_DEGREE + 0.5).floor() as i32;
        Site { latitude: round(latitude), longitude: round(longitude) }
    }

    /// One number for each site.
    pub fn number(self) -> i64 {
        i64::from(self.latitude) << 32 | i64::from(self.longitude as u32)
    }

    /// The site with this number.
    pub fn from_number(number: i64) -> Self {
        Site { latitude: (number >> 32) as i32, longitude: number as i32 }
    }

    /// Latitude and longitude in degrees.
    pub fn degrees(self) -> (f64, f64) {
        let degrees = |units: i32| f64::from(units) / PER_DEGREE;
        (degrees(self.latitude), degrees(self.longitude))
    }

    /// The differences of latitude and longitude to another site, degrees.
    pub fn minus(self, other: Site) -> (f64, f64) {
        let degrees = |a: i32, b: i32| (i64::from(a) - i64::from(b)) as f64 / PER_DEGREE;
        (degrees(self.latitude, other.latitude), degrees(self.longitude, other.longitude))
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (separator, units) in [("", self.latitude), (",", self.longitude)] {
            let sign = if units < 0 { "-" } else { "" };
            let size = units.unsigned_abs();
            write!(f, "{separator}{sign}{}.{:05}", size / 100_000, size % 100_000)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_rounded_to_five_places_and_written_in_full() {
        let text = |latitude, longitude| Site::of(latitude, longitude).to_string();
        assert_eq!(text(59.437, 24.7536), "59.43700,24.75360");
        assert_eq!(text(59.437_004_9, 24.753_595), "59.43700,24.75360");
        assert_eq!(text(59.437_005_1, 180.0), "59.43701,180.00000");
        // half up, also below zero
        assert_eq!(text(-0.500_005, -0.000_004), "-0.50000,0.00000");
        assert_eq!(text(-33.868_8, -151.209_306), "-33.86880,-151.20931");
    }

    #[test]
    fn neighbouring_sites_have_different_numbers() {
        let sites = [(0.0, 0.0), (0.0, -0.000_01), (0.000_01, 0.0), (-0.000_01, 0.0)];
        let sites = sites.map(|(latitude, longitude)| Site::of(latitude, longitude));
        let numbers = sites.map(Site::number);
        assert_eq!(std::collections::BTreeSet::from(numbers).len(), 4);
        assert_eq!(numbers.map(Site::from_number), sites);
    }
}
