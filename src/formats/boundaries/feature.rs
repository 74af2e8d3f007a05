//! A feature of a boundary file.

use anyhow::{Result, bail};
use geo::Polygon;

use crate::config::{Columns, Lau};

/// What is read of a boundary file: the names of the properties, and how much of it.
#[derive(Debug, Clone)]
pub struct PropertyNames {
    pub id: String,
    pub country: String,
    pub name: String,
    /// One more property that is read.
    pub value: ValueProperty,
    /// Largest size of a file, after it is unzipped.
    pub max_mib: u64,
}

/// A property whose value is read besides ids and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueProperty {
    Named(String),
    /// The population: of the properties named `POP_` and a year, as GISCO names them, the one of the newest year.
    NewestPopulation,
}

impl ValueProperty {
    /// How well a property fits; of several, the one with the greatest number is taken.
    pub(super) fn rank(&self, property: &str) -> Option<u16> {
        match self {
            ValueProperty::Named(name) => (name == property).then_some(0),
            ValueProperty::NewestPopulation => {
                let year = property.strip_prefix("POP_")?;
                let is_year = year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit());
                year.parse().ok().filter(|_| is_year)
            }
        }
    }
}

/// The properties of a feature; numbers are converted to text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    pub id: Option<String>,
    pub country: Option<String>,
    pub name: Option<String>,
    /// Of the property that [`PropertyNames::value`] names.
    pub value: Option<String>,
}

/// A feature that passed the filter.
#[derive(Debug, Clone)]
pub struct Feature {
    /// Position in the file, from 1.
    pub number: usize,
    pub properties: Properties,
    /// Polygons in the coordinates of the file; `None` for a null geometry.
    pub polygons: Option<Vec<Polygon>>,
}

/// What a file states about all of its features.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// `EPSG:3035` if the CRS has a code, otherwise its definition, or, if that cannot be read, what the file
    /// declares; `None` if it declares none.
    pub crs: Option<String>,
    /// Names of the properties; none of a GeoJSON file without features.
    pub properties: Vec<String>,
}

/// Selects features by their properties.
pub type FeatureFilter<'a> = &'a dyn Fn(&Properties) -> bool;

/// Called for each selected feature.
pub type OnFeature<'a> = &'a mut dyn FnMut(Feature) -> Result<()>;

/// Positions of one feature. The largest municipalities of Europe have some hundred thousand at the finest
/// scale of Eurostat's boundaries.
pub(super) const MAX_POSITIONS: usize = 10_000_000;

impl PropertyNames {
    /// The names in the config, with one more property.
    pub fn of(columns: &Columns, lau: &Lau, value: ValueProperty) -> Self {
        PropertyNames {
            id: columns.gisco_id.clone(),
            country: columns.cntr_code.clone(),
            name: columns.lau_name.clone(),
            value,
            max_mib: lau.max_mib,
        }
    }

    /// Largest size of a file, after it is unzipped.
    pub(super) fn max_bytes(&self) -> u64 {
        self.max_mib.saturating_mul(1 << 20)
    }

    /// # Errors
    /// More bytes than allowed.
    pub(super) fn refuse_too_large(&self, bytes: u64) -> Result<()> {
        if bytes > self.max_bytes() {
            bail!(
                "it has more than {} MiB; if it is a file of boundaries, raise lau.max_mib",
                self.max_mib
            );
        }
        Ok(())
    }

    /// Indices of the four properties among the columns of a table.
    pub(super) fn find(&self, columns: &[&str]) -> [Option<usize>; 4] {
        let index_of = |name: &str| columns.iter().position(|column| *column == name);
        let ranked = columns.iter().enumerate();
        let ranked = ranked.filter_map(|(i, column)| Some((self.value.rank(column)?, i)));
        let value = ranked.max().map(|(_, i)| i);
        [index_of(&self.id), index_of(&self.country), index_of(&self.name), value]
    }
}
