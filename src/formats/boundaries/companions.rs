//! The files beside a boundary file that belong to it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Format;
use super::geopackage;
use crate::storage::Location;
use crate::storage::object_store::{self, ObjectUrl};

/// Extensions of the files beside a `.shp` file that its features are read from.
const OF_SHAPEFILES: [&str; 3] = ["dbf", "prj", "cpg"];

/// Extensions of files beside boundary files that are not read by themselves: companions, indexes,
/// styles and metadata of shapefiles, and what SQLite keeps beside a GeoPackage.
const NOT_BOUNDARIES: [&str; 25] = [
    "dbf",
    "prj",
    "cpg",
    "shx",
    "sbn",
    "sbx",
    "qix",
    "qpj",
    "qmd",
    "qml",
    "cst",
    "atx",
    "ain",
    "aih",
    "fbn",
    "fbx",
    "gpkg-wal",
    "gpkg-shm",
    "gpkg-journal",
    "xml",
    "lyr",
    "lyrx",
    "sld",
    "pdf",
    "html",
];

/// The files that the features of a local boundary file are read from in addition to it.
///
/// # Errors
/// Several files that could be the companion; a folder that cannot be listed; a GeoPackage in an object
/// store with changes beside it, which SQLite could only read together on one disk.
pub fn companions(location: &Location) -> Result<Vec<PathBuf>> {
    let path = match location {
        Location::Local(path) => path,
        Location::Remote(url) => {
            if Format::of(location) == Format::GeoPackage && !url.is_http() {
                refuse_unmerged(url)?;
            }
            return Ok(Vec::new());
        }
    };
    Ok(match Format::of(location) {
        Format::Shapefile => {
            let found = OF_SHAPEFILES.map(|extension| companion(path, extension));
            found.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect()
        }
        Format::GeoPackage => geopackage::unmerged_files(path),
        Format::GeoJson | Format::Zip | Format::GeoParquet => Vec::new(),
    })
}

/// # Errors
/// Changes of a GeoPackage that lie in another object beside it.
fn refuse_unmerged(url: &ObjectUrl) -> Result<()> {
    for ending in ["-wal", "-journal"] {
        let beside = url.with_key(&format!("{}{ending}", url.key()?).into());
        if object_store::size(&beside).is_some_and(|bytes| bytes > 0) {
            bail!(
                "{beside} holds changes that are not in the GeoPackage itself; close the program that \
                 writes it, and upload it again without that object"
            );
        }
    }
    Ok(())
}

/// True for a file that is read only with another one.
pub fn is_companion(location: &Location) -> bool {
    NOT_BOUNDARIES.iter().any(|extension| location.ends_with(extension))
}

/// The file beside a `.shp` file with this extension, in upper or lower case. The name before the
/// extension may differ in case too, if no file has exactly that name.
///
/// # Errors
/// Several such files; a folder that cannot be listed.
pub fn companion(shp: &Path, extension: &str) -> Result<Option<PathBuf>> {
    let folder = shp.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let stem = shp.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let context = || format!("cannot list the folder {}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let name = PathBuf::from(entry.with_context(context)?.file_name());
        let part = |part: Option<&std::ffi::OsStr>| {
            part.unwrap_or_default().to_string_lossy().into_owned()
        };
        let other = part(name.file_stem());
        if part(name.extension()).eq_ignore_ascii_case(extension)
            && other.to_lowercase() == stem.to_lowercase()
        {
            found.push((other == stem, shp.with_file_name(name)));
        }
    }
    if found.iter().any(|(is_exact, _)| *is_exact) {
        found.retain(|(is_exact, _)| *is_exact);
    }
    found.sort();
    match found.as_slice() {
        [] => Ok(None),
        [(_, one)] => Ok(Some(one.clone())),
        several => {
            let names: Vec<_> = several.iter().map(|(_, p)| p.display().to_string()).collect();
            bail!(
                "{} could belong to {}; keep only one of them",
                names.join(" and "),
                shp.display()
            )
        }
    }
}
