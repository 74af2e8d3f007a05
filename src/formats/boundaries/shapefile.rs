//! Boundaries in a shapefile, in separate files or zipped: shapes in `.shp`, properties in `.dbf`, the
//! CRS in `.prj`, and the text encoding in `.cpg`.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use dbase::encoding::DynEncoding;
use dbase::{FieldValue, ReaderBuilder, Record};
use geo::coordinate_position::{CoordPos, CoordinatePosition};
use geo::{Area, BoundingRect, Coord, LineString, Polygon};
use shapefile::record::traits::HasXY;
use shapefile::{PolygonRing, ShapeReader};

use super::feature::{Feature, FeatureFilter, OnFeature, Properties, PropertyNames};
use super::polygons::PolygonBuilder;
use crate::formats::crs;
use crate::storage::inputs::InputFile;
use crate::storage::{LocalCopy, Location};

/// Bytes before the records of a `.shp` file, and the position of its length among them.
const SHP_HEADER_BYTES: u64 = 100;
const SHP_LENGTH_POSITION: u64 = 24;
/// Bytes of `.prj` and `.cpg` that are read at most.
const MAX_TEXT_BYTES: u64 = 1 << 16;

/// Files in a zip file.
const MAX_MEMBERS: usize = 1_000;
/// Growth of a file when it is unzipped. Tables full of spaces are packed to less than a hundredth.
const MAX_RATIO: u64 = 200;
/// A smaller file does no harm, however much it grew.
const MIN_BOMB_BYTES: u64 = 64 << 20;

/// The files of a shapefile.
struct ShapefileParts<R> {
    shapes: R,
    records: R,
    prj: Option<String>,
    cpg: Option<String>,
}

/// See [`super::read`].
pub fn read(
    input: &InputFile,
    names: &PropertyNames,
    filter: FeatureFilter,
    on_feature: OnFeature,
) -> Result<Option<String>> {
    let Location::Local(path) = &input.location else {
        bail!("a shapefile in an object store can only be read as one .zip file; zip its files");
    };
    let beside = |ending: &str| {
        let here = [ending.to_owned(), ending.to_uppercase()];
        here.iter().map(|e| path.with_extension(e)).find(|p| p.exists())
    };
    let dbf = beside("dbf").with_context(|| {
        let dbf = path.with_extension("dbf");
        format!("{} is missing; copy all files of the shapefile", dbf.display())
    })?;
    let open = |path: &Path| -> Result<_> {
        Ok(BufReader::new(File::open(path).with_context(|| path.display().to_string())?))
    };
    let text = |ending: &str| beside(ending).map(|p| read_text(open(&p)?)).transpose();
    let parts = ShapefileParts {
        shapes: open(path)?,
        records: open(&dbf)?,
        prj: text("prj")?,
        cpg: text("cpg")?,
    };
    parts.read(names, filter, on_feature)
}

/// See [`super::read`], for the only shapefile in a zip file.
pub fn read_zip(
    input: &InputFile,
    names: &PropertyNames,
    filter: FeatureFilter,
    on_feature: OnFeature,
) -> Result<Option<String>> {
    let damaged = "not a complete zip file; download it again";
    let copy = LocalCopy::of(input)?;
    let mut zip =
        zip::ZipArchive::new(BufReader::new(File::open(copy.path())?)).context(damaged)?;
    if zip.len() > MAX_MEMBERS {
        bail!("it contains {} files; a zipped shapefile has about ten", zip.len());
    }
    let members = zip.file_names().map(|name| Ok(name?.into_owned()));
    let members: Vec<String> = members.collect::<Result<_>>().context(damaged)?;
    let of = |ending: &str| {
        let found = |name: &&String| name.to_lowercase().ends_with(ending);
        members.iter().filter(found).cloned().collect::<Vec<_>>()
    };
    let shp = match of(".shp").as_slice() {
        [one] => one.clone(),
        [] => bail!(
            "it contains no .shp file, but {}; unzip it, and set data.lau to the file with the boundaries",
            members.join(", ")
        ),
        several => bail!(
            "it contains several shapefiles, {}; unzip it, and set data.lau to one of them",
            several.join(", ")
        ),
    };
    let stem = &shp[..shp.len() - ".shp".len()];
    let member = |ending: &str| {
        let name = format!("{stem}{ending}");
        members.iter().find(|m| m.eq_ignore_ascii_case(&name)).cloned()
    };
    let dbf =
        member(".dbf").with_context(|| format!("it contains no {stem}.dbf; download it again"))?;
    let mut left = names.max_bytes();
    let mut unzip = |name: &str| -> Result<_> {
        let member = zip.by_name(name)?;
        let packed = member.compressed_size();
        let by_ratio = packed.saturating_mul(MAX_RATIO).max(MIN_BOMB_BYTES);
        let mut file = tempfile::tempfile().context("cannot unzip into a temporary file")?;
        // the size in the directory of a zip file need not be true
        let unzipped = std::io::copy(&mut member.take(left.min(by_ratio) + 1), &mut file)
            .with_context(|| format!("cannot unzip {name}; download the file again"))?;
        if unzipped > left {
            names.refuse_too_large(u64::MAX).with_context(|| format!("unzipped with {name}"))?;
        }
        if unzipped > by_ratio {
            bail!(
                "{name} grows to more than {MAX_RATIO} times its {packed} bytes when it is unzipped; \
                 if it is a shapefile, unzip it, and set data.lau to its .shp file"
            );
        }
        left -= unzipped;
        file.rewind()?;
        Ok(BufReader::new(file))
    };
    let (shapes, records) = (unzip(&shp)?, unzip(&dbf)?);
    let mut text = |ending: &str| {
        let member = member(ending);
        member.map(|name| read_text(zip.by_name(&name)?)).transpose()
    };
    let parts = ShapefileParts { shapes, records, prj: text(".prj")?, cpg: text(".cpg")? };
    parts.read(names, filter, on_feature)
}

fn read_text(file: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    file.take(MAX_TEXT_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

impl<R: Read + Seek> ShapefileParts<R> {
    fn read(
        self,
        names: &PropertyNames,
        filter: FeatureFilter,
        on_feature: OnFeature,
    ) -> Result<Option<String>> {
        let mut builder = ReaderBuilder::new();
        if let Some(name) = self.cpg.filter(|name| !name.is_empty()) {
            let encoding = DynEncoding::from_name(&name).with_context(|| {
                format!("its .cpg file specifies the unknown encoding {name:?}; rewrite it in UTF-8, for example with ogr2ogr -lco ENCODING=UTF-8")
            })?;
            builder = builder.with_encoding(encoding);
        }
        let damaged = |what: &str| format!("its {what} file is damaged; download it again");
        let mut records = builder.build(self.records).with_context(|| damaged(".dbf"))?;
        let fields: Vec<String> = records.fields().iter().map(|f| f.name().to_owned()).collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let columns = names.find(&fields)?.map(|index| index.map(|i| fields[i].to_owned()));
        let mut shapes = self.shapes;
        check_record_lengths(&mut shapes).with_context(|| damaged(".shp"))?;
        let mut shapes = ShapeReader::new(shapes).with_context(|| damaged(".shp"))?;
        let mut records = records.iter_records();
        let mut number = 0;
        for shape in shapes.iter_shapes() {
            number += 1;
            let place = |what| format!("feature {number}: {}", damaged(what));
            let shape = shape.with_context(|| place(".shp"))?;
            let record = records.next().with_context(|| {
                format!("its .dbf file has fewer records than its .shp file has shapes: record {number} is missing; download both again")
            })?;
            let record = record.with_context(|| place(".dbf"))?;
            let [id, country, name] = columns.each_ref().map(|c| text(&record, c.as_ref()?));
            let properties = Properties { id, country, name };
            if filter(&properties) {
                let polygons = polygons(shape).map_err(|e| anyhow!("feature {number}: {e}"))?;
                on_feature(Feature { number, properties, polygons })?;
            }
        }
        if records.next().is_some() {
            bail!(
                "its .shp file has {number} shapes, and its .dbf file has more records; download both again"
            );
        }
        Ok(self.prj.filter(|prj| !prj.is_empty()).map(|prj| crs::identify(&prj)))
    }
}

/// Checks that every record lies within the file: the library allocates memory for the length that a
/// record claims. Leaves the file at its beginning.
fn check_record_lengths(file: &mut (impl Read + Seek)) -> Result<()> {
    let bytes = file.seek(SeekFrom::End(0))?;
    let mut length = [0; 4];
    file.seek(SeekFrom::Start(SHP_LENGTH_POSITION))?;
    file.read_exact(&mut length)?;
    let end = bytes.min(2 * u64::from(u32::from_be_bytes(length)));
    let mut position = SHP_HEADER_BYTES;
    while position < end {
        let mut header = [0; 8];
        file.seek(SeekFrom::Start(position))?;
        file.read_exact(&mut header)?;
        let [.., a, b, c, d] = header;
        // in words of two bytes
        position += 8 + 2 * u64::from(u32::from_be_bytes([a, b, c, d]));
        if position > bytes {
            bail!("a record claims to be longer than the file");
        }
    }
    file.rewind()?;
    Ok(())
}

fn text(record: &Record, column: &str) -> Option<String> {
    match record.get(column)? {
        FieldValue::Character(text) => text.clone(),
        FieldValue::Memo(text) => Some(text.clone()),
        FieldValue::Numeric(number) => Some((*number)?.to_string()),
        FieldValue::Float(number) => Some((*number)?.to_string()),
        FieldValue::Integer(number) => Some(number.to_string()),
        FieldValue::Double(number) | FieldValue::Currency(number) => Some(number.to_string()),
        FieldValue::Logical(_) | FieldValue::Date(_) | FieldValue::DateTime(_) => None,
    }
}

fn polygons(shape: shapefile::Shape) -> Result<Option<Vec<Polygon>>, String> {
    match shape {
        shapefile::Shape::NullShape => Ok(None),
        shapefile::Shape::Polygon(p) => assemble(p.rings()).map(Some),
        shapefile::Shape::PolygonM(p) => assemble(p.rings()).map(Some),
        shapefile::Shape::PolygonZ(p) => assemble(p.rings()).map(Some),
        other => Err(format!("the geometry is {}, expected Polygon", other.shapetype())),
    }
}

/// Assigns holes to outer rings. A shapefile has rings in any order; a hole belongs to the smallest
/// outer ring around it.
fn assemble<P: HasXY>(rings: &[PolygonRing<P>]) -> Result<Vec<Polygon>, String> {
    let mut outer: Vec<(Vec<Coord>, Vec<Vec<Coord>>)> = Vec::new();
    let mut holes = Vec::new();
    for ring in rings {
        let positions = ring.points().iter().map(|p| Coord { x: p.x(), y: p.y() }).collect();
        match ring {
            PolygonRing::Outer(_) => outer.push((positions, Vec::new())),
            PolygonRing::Inner(_) => holes.push(positions),
        }
    }
    let polygons: Vec<Polygon> = outer
        .iter()
        .map(|(ring, _)| Polygon::new(LineString::new(ring.clone()), Vec::new()))
        .collect();
    for hole in holes {
        let owners = (0..polygons.len()).filter(|i| encloses(&polygons[*i], &hole));
        let area = |i: &usize| polygons[*i].unsigned_area();
        match owners.min_by(|a, b| area(a).total_cmp(&area(b))) {
            Some(owner) => outer[owner].1.push(hole),
            // an outer ring in the wrong direction
            None => outer.push((hole, Vec::new())),
        }
    }
    let mut builder = PolygonBuilder::default();
    for (ring, holes) in outer {
        for ring in std::iter::once(ring).chain(holes) {
            builder.positions.extend(ring);
            builder.rings.push(builder.positions.len());
        }
        builder.polygons.push(builder.rings.len());
    }
    builder.build()
}

fn encloses(polygon: &Polygon, ring: &[Coord]) -> bool {
    let Some(bounds) = polygon.bounding_rect() else { return false };
    let inside = |c: &Coord| {
        (bounds.min().x..=bounds.max().x).contains(&c.x)
            && (bounds.min().y..=bounds.max().y).contains(&c.y)
    };
    if !ring.iter().all(inside) {
        return false;
    }
    // rings may touch, so the first position that is not on the boundary decides
    let positions = ring.iter().map(|c| polygon.coordinate_position(c));
    positions.into_iter().find(|p| *p != CoordPos::OnBoundary) != Some(CoordPos::Outside)
}
