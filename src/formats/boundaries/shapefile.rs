//! Boundaries in a shapefile, in separate files or zipped: shapes in `.shp`, properties in `.dbf`, the
//! CRS in `.prj`, and the text encoding in `.cpg`.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use geo::coordinate_position::{CoordPos, CoordinatePosition};
use geo::{Area, BoundingRect, Coord, LineString, Polygon};
use shapefile::record::traits::HasXY;
use shapefile::{PolygonRing, ShapeReader};

use super::companions::companion;
use super::dbf::{Field, Table};
use super::feature::{Declared, Feature, FeatureFilter, OnFeature, Properties, PropertyNames};
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
) -> Result<Declared> {
    let Location::Local(path) = &input.location else {
        bail!("a shapefile in an object store can only be read as one .zip file; zip its files");
    };
    let dbf = companion(path, "dbf")?.with_context(|| {
        let dbf = path.with_extension("dbf");
        format!("{} is missing; copy all files of the shapefile", dbf.display())
    })?;
    let open = |path: &Path| -> Result<_> {
        Ok(BufReader::new(File::open(path).with_context(|| path.display().to_string())?))
    };
    let text = |ending: &str| -> Result<_> {
        companion(path, ending)?.map(|p| read_text(open(&p)?)).transpose()
    };
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
) -> Result<Declared> {
    let damaged = "not a complete zip file; download it again";
    let copy = LocalCopy::of(input)?;
    let mut zip =
        zip::ZipArchive::new(BufReader::new(File::open(copy.path())?)).context(damaged)?;
    if zip.len() > MAX_MEMBERS {
        bail!("it contains {} files; a zipped shapefile has about ten", zip.len());
    }
    let members = zip.file_names().map(|name| Ok(name?.into_owned()));
    let mut members: Vec<String> = members.collect::<Result<_>>().context(damaged)?;
    // what macOS adds beside each file
    members.retain(|name| {
        !name.split(['/', '\\']).any(|part| part == "__MACOSX" || part.starts_with("._"))
    });
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
    Ok(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').trim().to_owned())
}

impl<R: Read + Seek> ShapefileParts<R> {
    fn read(
        self,
        names: &PropertyNames,
        filter: FeatureFilter,
        on_feature: OnFeature,
    ) -> Result<Declared> {
        let damaged = |what: &str| format!("its {what} file is damaged; download it again");
        let mut table = Table::open(self.records).with_context(|| damaged(".dbf"))?;
        if let Some(cpg) = &self.cpg {
            table.set_code_page(cpg)?;
        }
        let fields: Vec<&str> = table.fields.iter().map(|f| f.name.as_str()).collect();
        let named = fields.iter().map(|&field| field.to_owned()).collect();
        let columns = names.find(&fields).map(|index| index.map(|i| table.fields[i].clone()));
        let [id_field, country_field, name_field, value_field] = &columns;
        let mut shapes = self.shapes;
        check_record_lengths(&mut shapes).with_context(|| damaged(".shp"))?;
        let mut shapes = ShapeReader::new(shapes).with_context(|| damaged(".shp"))?;
        let mut number = 0;
        for shape in shapes.iter_shapes() {
            number += 1;
            let place = |what| format!("feature {number}: {}", damaged(what));
            let shape = shape.with_context(|| place(".shp"))?;
            if number > table.records {
                bail!(
                    "its .dbf file has fewer records than its .shp file has shapes: record {number} is missing; download both again"
                );
            }
            // a shape whose record is deleted is deleted with it
            if !table.advance().with_context(|| place(".dbf"))? {
                continue;
            }
            let text = |field: &Option<Field>| {
                let text = field.as_ref().map(|field| table.text(field)).transpose();
                text.map(Option::flatten).with_context(|| format!("feature {number}"))
            };
            // the text of a unit that is not selected may be in any encoding
            let name = text(name_field);
            let (id, country) = (text(id_field)?, text(country_field)?);
            let mut properties = Properties { id, country, ..Properties::default() };
            if filter(&properties) {
                properties.name = name?;
                properties.value = text(value_field)?;
                let polygons = polygons(shape).map_err(|e| anyhow!("feature {number}: {e}"))?;
                on_feature(Feature { number, properties, polygons })?;
            }
        }
        if table.records > number {
            bail!(
                "its .shp file has {number} shapes, and its .dbf file has more records; download both again"
            );
        }
        let prj = self.prj.filter(|prj| !prj.is_empty());
        let crs = prj.map(|prj| crs::from_name(&prj).unwrap_or(prj));
        Ok(Declared { crs, properties: named })
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
    let mut number = 0;
    while position < end {
        number += 1;
        let mut header = [0; 8];
        file.seek(SeekFrom::Start(position))?;
        file.read_exact(&mut header)?;
        let [.., a, b, c, d] = header;
        // in words of two bytes
        position += 8 + 2 * u64::from(u32::from_be_bytes([a, b, c, d]));
        if position > bytes {
            bail!("feature {number} claims to be longer than the file");
        }
    }
    file.rewind()?;
    Ok(())
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
