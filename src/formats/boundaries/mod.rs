//! Features of boundary files: who they are and their polygons, one at a time, whatever the format.

pub mod geojson;
mod geopackage;
mod geoparquet;
mod shape;
mod shapefile;
mod wkb;

use anyhow::{Context, Result};
use geo::Polygon;

use crate::errors::missing_column;
use crate::storage::Location;
use crate::storage::inputs::InputFile;
pub use shape::Shape;

/// Endings of files with boundaries.
pub const EXTENSIONS: [&str; 7] =
    ["geojson", "json", "gpkg", "shp", "zip", "parquet", "geoparquet"];

/// Endings of the files beside a `.shp` file from which its features come too.
pub const COMPANIONS: [&str; 3] = ["dbf", "prj", "cpg"];

/// Names of the properties to read.
#[derive(Debug, Clone)]
pub struct PropertyNames {
    pub id: String,
    pub country: String,
    pub name: String,
}

/// The properties of a feature; numbers come as their text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    pub id: Option<String>,
    pub country: Option<String>,
    pub name: Option<String>,
}

/// A feature whose geometry was wanted.
#[derive(Debug, Clone)]
pub struct Feature {
    /// Position in the file, from 1.
    pub number: usize,
    pub properties: Properties,
    /// Polygons in the file's own coordinates; `None` for a null geometry.
    pub polygons: Option<Vec<Polygon>>,
}

/// Decides by the properties whether a feature is wanted.
pub type Wanted<'a> = &'a dyn Fn(&Properties) -> bool;

/// Takes the features that are wanted.
pub type Take<'a> = &'a mut dyn FnMut(Feature) -> Result<()>;

/// Reads the features of a file. Where a format lets it, the geometry of a feature that is not
/// wanted is not built. Returns the file's CRS, if it names one: `EPSG:3035` where it has a code,
/// else its definition.
///
/// # Errors
/// A file that is damaged or of another format than its name says, a feature that is no polygon,
/// whatever `take` refuses.
pub fn read(
    input: &InputFile,
    names: &PropertyNames,
    wanted: Wanted,
    take: Take,
) -> Result<Option<String>> {
    let read = match Format::of(&input.location) {
        Format::GeoJson => geojson::read,
        Format::GeoPackage => geopackage::read,
        Format::Shapefile => shapefile::read,
        Format::Zip => shapefile::read_zip,
        Format::GeoParquet => geoparquet::read,
    };
    read(input, names, wanted, take).with_context(|| format!("LAU file {}", input.location))
}

/// How features are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    GeoJson,
    GeoPackage,
    Shapefile,
    /// A zipped shapefile, as GISCO ships it.
    Zip,
    GeoParquet,
}

impl Format {
    /// By the ending of the name; GeoJSON where that says nothing.
    pub fn of(location: &Location) -> Self {
        let ending = location.as_path().extension().map(|e| e.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("gpkg") => Format::GeoPackage,
            Some("shp") => Format::Shapefile,
            Some("zip") => Format::Zip,
            Some("parquet" | "geoparquet") => Format::GeoParquet,
            _ => Format::GeoJson,
        }
    }
}

impl PropertyNames {
    /// Where the three stand among the columns of a table. The id must be there; a table without
    /// the others has features without them.
    ///
    /// # Errors
    /// No column of that name for the id: lists what there is.
    fn among(&self, there: &[&str]) -> Result<[Option<usize>; 3]> {
        let taken = [self.id.as_str(), &self.country, &self.name];
        let place = |name: &str| there.iter().position(|there| *there == name);
        let id = place(&self.id)
            .with_context(|| missing_column(&self.id, "columns.gisco_id", there, &taken))?;
        Ok([Some(id), place(&self.country), place(&self.name)])
    }
}
