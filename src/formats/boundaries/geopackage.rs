//! Boundaries in a GeoPackage, a table of an SQLite file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use geo::Polygon;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

use super::feature::{Declared, Feature, FeatureFilter, OnFeature, Properties, PropertyNames};
use super::wkb;
use crate::domain::tables::quoted;
use crate::formats::crs;
use crate::storage::LocalCopy;
use crate::storage::inputs::InputFile;

/// Bytes of a geometry or text.
const MAX_VALUE_BYTES: i32 = 256 << 20;

/// A table of features.
struct Layer {
    table: String,
    geometry: String,
    srs_id: i64,
    columns: Vec<String>,
}

/// See [`super::read`].
pub fn read(
    input: &InputFile,
    names: &PropertyNames,
    filter: FeatureFilter,
    on_feature: OnFeature,
) -> Result<Declared> {
    let damaged = "not a complete GeoPackage; download it again";
    let copy = LocalCopy::of(input)?;
    let file = open(copy.path())?;
    file.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES).context(damaged)?;
    let layer = select_layer(layers(&file).context(damaged)?, names)?;
    let crs = crs_of(&file, layer.srs_id).context(damaged)?;
    let columns: Vec<&str> = layer.columns.iter().map(String::as_str).collect();
    let [id, country, name, value] = names.find(&columns).map(|index| match index {
        Some(index) => quoted(columns[index]),
        None => "NULL".to_owned(),
    });
    let (geometry, table) = (quoted(&layer.geometry), quoted(&layer.table));
    let sql = format!("SELECT {id}, {country}, {name}, {value}, {geometry} FROM {table}");
    let mut rows = file.prepare(&sql).context(damaged)?;
    let mut rows = rows.query([]).context(damaged)?;
    let (mut number, mut bytes) = (0, 0);
    while let Some(row) = rows.next().context(damaged)? {
        number += 1;
        // a layer can be a view, which computes its rows
        bytes += (0..5).map(|column| bytes_of(row.get_ref(column))).sum::<u64>();
        names.refuse_too_large(bytes)?;
        let text = |column| {
            text(row, column).with_context(|| format!("layer {}, feature {number}", layer.table))
        };
        let [id, country, name, value] = [text(0)?, text(1)?, text(2)?, text(3)?];
        let properties = Properties { id, country, name, value };
        if !filter(&properties) {
            continue;
        }
        let polygons = match row.get_ref(4)? {
            ValueRef::Null => None,
            ValueRef::Blob(blob) => polygons(blob)
                .map_err(|e| anyhow!("layer {}, feature {number}: {e}", layer.table))?,
            _ => bail!(
                "layer {}, feature {number}: column {geometry} does not contain geometry; rewrite the layer, for example with ogr2ogr",
                layer.table
            ),
        };
        on_feature(Feature { number, properties, polygons })?;
    }
    let properties = layer.columns.iter().filter(|column| **column != layer.geometry);
    Ok(Declared { crs, properties: properties.cloned().collect() })
}

/// The first bytes of a rollback journal that is in use.
const JOURNAL_START: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// A file that SQLite keeps beside a GeoPackage, whose name may be a link.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = path.into_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// The write-ahead log, if it holds changes that are not in the file itself.
fn write_ahead_log(path: &Path) -> Option<PathBuf> {
    let log = beside(path, "-wal");
    std::fs::metadata(&log).is_ok_and(|log| log.len() > 0).then_some(log)
}

/// The files beside a GeoPackage with changes that are not in it yet.
pub fn unmerged_files(path: &Path) -> Vec<PathBuf> {
    write_ahead_log(path).into_iter().collect()
}

/// Opens the file for reading. A file that is not being written is opened as immutable, so that SQLite
/// creates no files beside it: the folder may be read-only.
fn open(path: &Path) -> Result<Connection> {
    let journal = beside(path, "-journal");
    if std::fs::read(&journal).is_ok_and(|bytes| bytes.starts_with(&JOURNAL_START)) {
        bail!(
            "{} holds a change that was not finished; close the program that writes the GeoPackage, or open it once in QGIS, and run again",
            journal.display()
        );
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if let Some(log) = write_ahead_log(path) {
        let opened = Connection::open_with_flags(path, flags).and_then(|file| {
            file.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
            Ok(file)
        });
        return opened.with_context(|| {
            format!(
                "{} holds changes that cannot be read; close the program that writes the GeoPackage, or make its folder writable, and run again",
                log.display()
            )
        });
    }
    std::fs::File::open(path)?;
    let path = std::path::absolute(path)?;
    let mut url = url::Url::from_file_path(&path)
        .map_err(|()| anyhow!("{} is not a valid file path", path.display()))?;
    url.set_query(Some("immutable=1"));
    Ok(Connection::open_with_flags(url.as_str(), flags | OpenFlags::SQLITE_OPEN_URI)?)
}

/// The memory of a value, and at least what a row takes.
fn bytes_of(value: rusqlite::Result<ValueRef>) -> u64 {
    match value {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => bytes.len() as u64,
        _ => size_of::<u64>() as u64,
    }
}

fn layers(file: &Connection) -> Result<Vec<Layer>> {
    let mut tables = file.prepare(
        "SELECT c.table_name, g.column_name, g.srs_id FROM gpkg_contents c \
         JOIN gpkg_geometry_columns g ON g.table_name = c.table_name \
         WHERE c.data_type = 'features' ORDER BY c.table_name",
    )?;
    let found: Vec<(String, String, i64)> = tables
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    // `Statement::column_names` panics at a name that is not UTF-8, where a value is an error
    let mut names =
        file.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid")?;
    let mut layers = Vec::new();
    for (table, geometry, srs_id) in found {
        let columns = names.query_map([&table], |row| row.get(0))?.collect::<Result<_, _>>()?;
        layers.push(Layer { table, geometry, srs_id, columns });
    }
    Ok(layers)
}

/// The layer with the column of the id, or the only layer, so that an error can list its columns.
fn select_layer(mut layers: Vec<Layer>, names: &PropertyNames) -> Result<Layer> {
    if layers.len() > 1 {
        let all: Vec<String> = layers.iter().map(|l| l.table.clone()).collect();
        layers.retain(|l| l.columns.contains(&names.id));
        if layers.len() != 1 {
            let which = if layers.is_empty() { "none" } else { "more than one" };
            bail!(
                "of its layers {}, {which} has the column {:?}; extract one layer, for example with ogr2ogr -f GPKG one.gpkg FILE LAYER",
                all.join(", "),
                names.id
            );
        }
    }
    layers
        .pop()
        .context("it has no layer of features; download it again, or set data.lau to another file")
}

/// The CRS of an entry of `gpkg_spatial_ref_sys`; ids of 0 and below mean that none is declared. An
/// entry that cannot be read is described, so that an error can quote it.
fn crs_of(file: &Connection, srs_id: i64) -> Result<Option<String>> {
    if srs_id <= 0 {
        return Ok(None);
    }
    let mut rows = file.prepare(
        "SELECT organization, organization_coordsys_id FROM gpkg_spatial_ref_sys WHERE srs_id = ?1",
    )?;
    let mut rows = rows.query([srs_id])?;
    let Some(row) = rows.next()? else {
        return Ok(Some(format!("srs_id {srs_id}, which gpkg_spatial_ref_sys does not list")));
    };
    let name = format!("{}:{}", row.get::<_, String>(0)?, row.get::<_, i64>(1)?);
    // an extension of the format adds definitions in WKT 2
    let definitions = ["definition_12_063", "definition"].map(|column| {
        let sql = format!("SELECT {column} FROM gpkg_spatial_ref_sys WHERE srs_id = ?1");
        file.query_row(&sql, [srs_id], |row| row.get::<_, String>(0))
    });
    let known = crs::from_name(&name)
        .or_else(|| definitions.iter().flatten().find_map(|text| crs::from_name(text)));
    Ok(Some(known.unwrap_or_else(|| format!("srs_id {srs_id}, {name}"))))
}

fn text(row: &Row, column: usize) -> Result<Option<String>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null | ValueRef::Blob(_) => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).context(
                "text is not encoded in UTF-8; rewrite the file, for example with ogr2ogr",
            )?;
            Some(text.to_owned())
        }
    })
}

/// The polygons of a GeoPackage geometry: WKB after a header of flags, CRS and extent.
fn polygons(blob: &[u8]) -> Result<Option<Vec<Polygon>>, String> {
    let [b'G', b'P', _version, flags, ..] = *blob else {
        return Err("the geometry is not GeoPackage geometry".to_owned());
    };
    let is_empty = flags >> 4 & 1 == 1;
    if is_empty {
        return Ok(None);
    }
    let extent = match flags >> 1 & 7 {
        0 => 0,
        1 => 32,
        2 | 3 => 48,
        4 => 64,
        _ => return Err("the header of the geometry is invalid".to_owned()),
    };
    wkb::polygons(blob.get(8 + extent..).unwrap_or_default()).map(Some)
}
