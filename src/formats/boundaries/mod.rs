//! Boundary files of every format, read feature by feature: properties and polygons.

mod code_page;
mod companions;
mod crs_member;
mod dbf;
mod feature;
mod foreign;
mod geojson;
mod geopackage;
mod geoparquet;
mod polygons;
mod shapefile;
mod wkb;

use anyhow::{Context, Result, bail};

use crate::storage::Location;
use crate::storage::inputs::{self, InputFile, Listed};
pub use companions::{companions, is_companion};
pub use feature::{
    Declared, Feature, FeatureFilter, OnFeature, Properties, PropertyNames, ValueProperty,
};

/// Extensions of boundary files.
pub const EXTENSIONS: [&str; 7] =
    ["geojson", "json", "gpkg", "shp", "zip", "parquet", "geoparquet"];

/// Lists boundary files, without the companion files of shapefiles. `what` names the paths in messages.
///
/// # Errors
/// A path that does not exist or contains no such file.
pub fn files(what: &str, paths: &[String]) -> Result<Listed> {
    let mut listed = inputs::list_all(what, paths, &EXTENSIONS, is_companion)?;
    // a glob may have found companions too
    listed.files.retain(|file| !is_companion(&file.location));
    if listed.files.is_empty() {
        bail!("{what}: no boundary file in {}", paths.join(", "));
    }
    Ok(listed)
}

/// Reads the features of a file that pass the filter. If the format allows it, the geometry of other
/// features is skipped. Returns what the file states about all of them.
///
/// # Errors
/// A file that is damaged or has another format than its name says, a feature that is not a polygon,
/// an error of `on_feature`.
pub fn read(
    input: &InputFile,
    names: &PropertyNames,
    filter: FeatureFilter,
    on_feature: OnFeature,
) -> Result<Declared> {
    let format = Format::of(&input.location);
    let read = match format {
        Format::GeoJson => geojson::read,
        Format::GeoPackage => geopackage::read,
        Format::Shapefile => shapefile::read,
        Format::Zip => shapefile::read_zip,
        Format::GeoParquet => geoparquet::read,
    };
    names
        .refuse_too_large(input.bytes)
        .and_then(|()| foreign::refuse(input, format))
        .and_then(|()| read(input, names, filter, on_feature))
        .with_context(|| format!("LAU file {}", input.location))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    GeoJson,
    GeoPackage,
    Shapefile,
    /// A zipped shapefile, as GISCO distributes it.
    Zip,
    GeoParquet,
}

impl Format {
    /// True if coordinates without a CRS are longitude and latitude by the specification (RFC 7946), which
    /// programs that are older than it do not follow.
    pub fn defaults_to_degrees(self) -> bool {
        self == Format::GeoJson
    }

    /// The format by the extension; GeoJSON for an unknown one.
    pub fn of(location: &Location) -> Self {
        let extension = location.as_path().extension().map(|e| e.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("gpkg") => Format::GeoPackage,
            Some("shp") => Format::Shapefile,
            Some("zip") => Format::Zip,
            Some("parquet" | "geoparquet") => Format::GeoParquet,
            _ => Format::GeoJson,
        }
    }
}
