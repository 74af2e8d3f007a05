//! GeoPackage 1.3: an SQLite file with one table of features. Rows have the geometry of their own or of
//! their LAU, in its own coordinate reference system.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use chrono::{DateTime, SecondsFormat, Utc};
use geo::coords_iter::CoordsIter;
use geo::{BoundingRect, Geometry, Rect};
use geozero::{CoordDimensions, ToWkb};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::cells::{self, Column, Values};
use super::lau_shapes::GeometrySource;
use super::{Options, RowWriter, geometry};
use crate::domain::tables::quoted;

/// `GPKG`, by which programs recognise the file.
const APPLICATION_ID: i32 = 0x4750_4b47;
/// Version 1.3.
const USER_VERSION: i32 = 10_300;
/// Boundaries of LAUs.
const LAU_SRS: i32 = 3035;

/// The tables that every GeoPackage has, with the two undefined systems and longitude and latitude.
const TABLES: &str = "
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL,
  description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL,
  identifier TEXT UNIQUE, description TEXT DEFAULT '', last_change DATETIME NOT NULL,
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
INSERT INTO gpkg_spatial_ref_sys VALUES
  ('Undefined Cartesian SRS', -1, 'NONE', -1, 'undefined', NULL),
  ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', NULL),
  ('WGS 84', 4326, 'EPSG', 4326, 'GEOGCS[\"WGS 84\",DATUM[\"WGS_1984\",SPHEROID[\"WGS 84\",6378137,298.257223563,AUTHORITY[\"EPSG\",\"7030\"]],AUTHORITY[\"EPSG\",\"6326\"]],PRIMEM[\"Greenwich\",0,AUTHORITY[\"EPSG\",\"8901\"]],UNIT[\"degree\",0.0174532925199433,AUTHORITY[\"EPSG\",\"9122\"]],AXIS[\"Latitude\",NORTH],AXIS[\"Longitude\",EAST],AUTHORITY[\"EPSG\",\"4326\"]]', NULL),
  ('ETRS89-extended / LAEA Europe', 3035, 'EPSG', 3035, 'PROJCS[\"ETRS89-extended / LAEA Europe\",GEOGCS[\"ETRS89\",DATUM[\"European_Terrestrial_Reference_System_1989\",SPHEROID[\"GRS 1980\",6378137,298.257222101,AUTHORITY[\"EPSG\",\"7019\"]],AUTHORITY[\"EPSG\",\"6258\"]],PRIMEM[\"Greenwich\",0,AUTHORITY[\"EPSG\",\"8901\"]],UNIT[\"degree\",0.0174532925199433,AUTHORITY[\"EPSG\",\"9122\"]],AUTHORITY[\"EPSG\",\"4258\"]],PROJECTION[\"Lambert_Azimuthal_Equal_Area\"],PARAMETER[\"latitude_of_center\",52],PARAMETER[\"longitude_of_center\",10],PARAMETER[\"false_easting\",4321000],PARAMETER[\"false_northing\",3210000],UNIT[\"metre\",1,AUTHORITY[\"EPSG\",\"9001\"]],AXIS[\"Northing\",NORTH],AXIS[\"Easting\",EAST],AUTHORITY[\"EPSG\",\"3035\"]]', NULL);
";

pub(super) struct GeoPackage<'a> {
    out: &'a mut (dyn Write + Send),
    /// SQLite needs a file; its bytes are passed on when it is complete.
    file: tempfile::NamedTempFile,
    database: Connection,
    source: GeometrySource,
    srs: i32,
    layer: String,
    description: String,
    last_change: String,
    insert: String,
    /// The columns with properties.
    properties: Vec<usize>,
    extent: Option<Rect>,
    /// The type of all geometries, `GEOMETRY` if they differ.
    geometry_type: Option<&'static str>,
    rows: u64,
}

impl<'a> GeoPackage<'a> {
    /// # Errors
    /// Rows without a geometry or LAU; a temporary file that cannot be written.
    pub fn new(
        schema: &Schema,
        out: &'a mut (dyn Write + Send),
        options: &Options,
    ) -> Result<Self> {
        let source = GeometrySource::of(schema, options, "GeoPackage")?;
        let file = tempfile::NamedTempFile::new().context("cannot create a temporary file")?;
        let database = Connection::open(file.path()).context("cannot open the GeoPackage")?;
        // a file that is not complete is thrown away
        database.pragma_update(None, "synchronous", "OFF")?;
        database.query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))?;
        database.pragma_update(None, "application_id", APPLICATION_ID)?;
        database.pragma_update(None, "user_version", USER_VERSION)?;
        database.execute_batch("BEGIN")?;
        database.execute_batch(TABLES)?;
        let srs = match source {
            GeometrySource::Column(_) => {
                options.geometry_epsg.and_then(|epsg| i32::try_from(epsg).ok()).unwrap_or(4326)
            }
            GeometrySource::Lau { .. } => LAU_SRS,
        };
        let layer = options.layer.clone().unwrap_or_else(|| "rows".to_owned());
        let drawn = geometry::column(schema);
        let properties: Vec<usize> =
            (0..schema.fields().len()).filter(|index| Some(*index) != drawn).collect();
        let taken = |name: &str| {
            properties.iter().any(|index| schema.field(*index).name().eq_ignore_ascii_case(name))
        };
        let free = |name: &str| {
            let mut free = name.to_owned();
            while taken(&free) {
                free.push('_');
            }
            quoted(&free)
        };
        let (id, shape) = (free("fid"), free("geom"));
        let mut columns = String::new();
        let mut places = String::from("?1");
        for (place, index) in properties.iter().enumerate() {
            let field = schema.field(*index);
            columns.push_str(&format!(", {} {}", quoted(field.name()), kind(field.data_type())));
            places.push_str(&format!(", ?{}", place + 2));
        }
        let names =
            properties.iter().map(|index| format!(", {}", quoted(schema.field(*index).name())));
        let (table, names) = (quoted(&layer), names.collect::<String>());
        database
            .execute_batch(&format!(
                "CREATE TABLE {table} ({id} INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, {shape} \
                 GEOMETRY{columns})"
            ))
            .context("cannot write the GeoPackage")?;
        Ok(GeoPackage {
            out,
            file,
            database,
            source,
            srs,
            insert: format!("INSERT INTO {table} ({shape}{names}) VALUES ({places})"),
            layer,
            description: options.remark.clone().unwrap_or_default(),
            last_change: utc_time(options.loaded_at.as_deref()),
            properties,
            extent: None,
            geometry_type: None,
            rows: 0,
        })
    }

    /// The geometry of a row as a GeoPackage has it, which also extends the extent.
    fn shape(&mut self, columns: &[Column], row: usize) -> Result<Option<Vec<u8>>> {
        let Some(wkb) = self.source.geometry(columns, row) else { return Ok(None) };
        if geometry::is_empty_point(wkb) {
            return Ok(None);
        }
        let shape = geometry::decode(wkb)?;
        let rect = shape.bounding_rect();
        if let Some(rect) = rect {
            self.extent = Some(self.extent.map_or(rect, |extent| union(extent, rect)));
        }
        let name = type_name(&shape);
        self.geometry_type = Some(match self.geometry_type {
            Some(before) if before != name => "GEOMETRY",
            _ => name,
        });
        encoded(&shape, rect, self.srs).map(Some)
    }
}

impl RowWriter for GeoPackage<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = cells::columns(batch)?;
        for row in 0..batch.num_rows() {
            self.rows += 1;
            let shape = self.shape(&columns, row).with_context(|| format!("row {}", self.rows))?;
            let cells = self.properties.iter().map(|index| value(&columns[*index], row));
            let values = std::iter::once(shape.map_or(Value::Null, Value::Blob)).chain(cells);
            let mut insert = self.database.prepare_cached(&self.insert)?;
            insert.execute(params_from_iter(values)).context("cannot write the GeoPackage")?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { database, file, out, layer, srs, .. } = *self;
        let corner = |of: fn(&Rect) -> f64| self.extent.as_ref().map(of);
        database.execute(
            "INSERT INTO gpkg_contents VALUES (?1, 'features', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                layer,
                self.description,
                self.last_change,
                corner(|r| r.min().x),
                corner(|r| r.min().y),
                corner(|r| r.max().x),
                corner(|r| r.max().y),
                srs
            ],
        )?;
        database.execute(
            "INSERT INTO gpkg_geometry_columns SELECT ?1, name, ?2, ?3, 0, 0 \
             FROM pragma_table_info(?1) WHERE cid = 1",
            params![layer, self.geometry_type.unwrap_or("GEOMETRY"), srs],
        )?;
        database.execute_batch("COMMIT").context("cannot write the GeoPackage")?;
        database.close().map_err(|(_, error)| error).context("cannot write the GeoPackage")?;
        let mut complete = File::open(file.path()).context("cannot read the temporary file")?;
        std::io::copy(&mut complete, out)?;
        Ok(())
    }
}

/// The column type for an Arrow type. Hours are local time, for which GeoPackage has no type, and become
/// text, like everything that has no type of its own.
fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int64 => "INTEGER",
        DataType::Float32 | DataType::Float64 => "DOUBLE",
        DataType::Date32 => "DATE",
        DataType::Binary => "BLOB",
        _ => "TEXT",
    }
}

fn value(column: &Column, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match &column.values {
        Values::Boolean(array) => Value::Integer(array.value(row).into()),
        Values::Integer(array) => Value::Integer(array.value(row)),
        Values::Single(array) => Value::Real(array.value(row).into()),
        Values::Double(array) => Value::Real(array.value(row)),
        Values::Binary(array) => Value::Blob(array.value(row).to_vec()),
        _ => Value::Text(column.text(row)),
    }
}

/// A time in the form that GeoPackage requires; the beginning of time if none is known.
fn utc_time(text: Option<&str>) -> String {
    let time = text.and_then(|text| DateTime::parse_from_rfc3339(text).ok()).unwrap_or_default();
    time.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn union(a: Rect, b: Rect) -> Rect {
    let min = (a.min().x.min(b.min().x), a.min().y.min(b.min().y));
    let max = (a.max().x.max(b.max().x), a.max().y.max(b.max().y));
    Rect::new(min, max)
}

/// The binary form of a geometry: a header with the bounds, then WKB.
fn encoded(shape: &Geometry, rect: Option<Rect>, srs: i32) -> Result<Vec<u8>> {
    const LITTLE_ENDIAN: u8 = 1;
    const HAS_BOUNDS: u8 = 1 << 1;
    const IS_EMPTY: u8 = 1 << 4;
    let is_empty = shape.coords_count() == 0;
    let bounds = rect.filter(|_| !matches!(shape, Geometry::Point(_)));
    let mut out = b"GP\0".to_vec();
    out.push(
        LITTLE_ENDIAN
            | if bounds.is_some() { HAS_BOUNDS } else { 0 }
            | if is_empty { IS_EMPTY } else { 0 },
    );
    out.extend_from_slice(&srs.to_le_bytes());
    if let Some(bounds) = bounds {
        for edge in [bounds.min().x, bounds.max().x, bounds.min().y, bounds.max().y] {
            out.extend_from_slice(&edge.to_le_bytes());
        }
    }
    out.extend_from_slice(&shape.to_wkb(CoordDimensions::xy())?);
    Ok(out)
}

fn type_name(shape: &Geometry) -> &'static str {
    match shape {
        Geometry::Point(_) => "POINT",
        Geometry::Line(_) | Geometry::LineString(_) => "LINESTRING",
        Geometry::Polygon(_) | Geometry::Rect(_) | Geometry::Triangle(_) => "POLYGON",
        Geometry::MultiPoint(_) => "MULTIPOINT",
        Geometry::MultiLineString(_) => "MULTILINESTRING",
        Geometry::MultiPolygon(_) => "MULTIPOLYGON",
        Geometry::GeometryCollection(_) => "GEOMETRYCOLLECTION",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::formats::Format;
    use crate::output::formats::samples::{bytes, points};

    #[test]
    fn points_are_features_with_their_system_and_extent() {
        let options = Options {
            geometry_epsg: Some(4326),
            layer: Some("cells".to_owned()),
            remark: Some("a remark".to_owned()),
            loaded_at: Some("2024-10-02T03:04:05Z".to_owned()),
            ..Options::default()
        };
        let written = bytes(Format::Gpkg, vec![points()], &options);
        // the same rows are the same bytes
        assert!(written == bytes(Format::Gpkg, vec![points()], &options));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &written).unwrap();
        let database = Connection::open(file.path()).unwrap();
        let contents: (String, String, f64, i32) = database
            .query_row(
                "SELECT description, last_change, max_y, srs_id FROM gpkg_contents \
                 WHERE table_name = 'cells' AND data_type = 'features'",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .unwrap();
        let expected = ("a remark".to_owned(), "2024-10-02T03:04:05.000Z".to_owned(), 59.0, 4326);
        assert_eq!(contents, expected);
        let shapes: Vec<(String, Option<Vec<u8>>)> = database
            .prepare("SELECT cell_id, geom FROM cells ORDER BY fid")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let point = shapes[0].1.as_ref().unwrap();
        assert_eq!(point[..8], [b'G', b'P', 0, 1, 0xe6, 0x10, 0, 0]);
        assert_eq!(point[8..13], [1, 1, 0, 0, 0]);
        assert_eq!(shapes[1], ("2".to_owned(), None));
    }
}
