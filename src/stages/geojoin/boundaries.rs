//! LAU units from boundary files: joined by GISCO_ID, checked, in metres of EPSG:3035.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, anyhow, bail};
use geo::line_intersection::{LineIntersection, line_intersection};
use geo::{
    BoundingRect, Contains, Coord, Line, LinesIter, MapCoords, MultiPolygon, Orient, Point,
    Polygon, Rect,
};
use proj::Proj;
use rstar::primitives::GeomWithData;
use rstar::{RTree, RTreeObject};

use crate::config::Config;
use crate::formats::boundaries;
use crate::formats::boundaries::{
    COMPANIONS, EXTENSIONS, Feature, Format, Properties, PropertyNames,
};
use crate::formats::crs;
use crate::storage::Location;
use crate::storage::inputs::{InputFile, list};

/// The grid in which everything is measured.
pub const GRID: &str = "EPSG:3035";

/// Lists the boundary files, and the files beside a shapefile from which its units come too.
///
/// # Errors
/// A path that does not exist or holds no such file.
pub fn files(config: &Config) -> Result<Vec<InputFile>> {
    let mut files = list("data.lau", &config.data.lau, &EXTENSIONS)?;
    let beside: Vec<String> = files
        .iter()
        .filter(|f| Format::of(&f.location) == Format::Shapefile)
        .flat_map(|f| COMPANIONS.map(|ending| f.location.as_path().with_extension(ending)))
        .filter(|path| path.exists())
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    files.extend(list("data.lau", &beside, &COMPANIONS)?);
    Ok(files)
}

/// The files that units are read from.
fn main_files(files: &[InputFile]) -> impl Iterator<Item = &InputFile> {
    files.iter().filter(|f| !COMPANIONS.iter().any(|ending| f.location.ends_with(ending)))
}

/// A unit of the wanted countries.
#[derive(Debug, Clone)]
pub struct Unit {
    pub country: String,
    pub name: Option<String>,
    /// Metres, EPSG:3035.
    pub geometry: MultiPolygon,
}

/// Units by GISCO_ID, in byte order.
#[derive(Debug, Default)]
pub struct Boundaries {
    pub units: BTreeMap<String, Unit>,
    pub features_read: u64,
    pub notes: Vec<String>,
}

impl Boundaries {
    /// Extent of all units, metres.
    pub fn extent(&self) -> Option<Rect> {
        let boxes = self.units.values().filter_map(|u| u.geometry.bounding_rect());
        boxes.reduce(|a, b| {
            Rect::new(
                Coord { x: a.min().x.min(b.min().x), y: a.min().y.min(b.min().y) },
                Coord { x: a.max().x.max(b.max().x), y: a.max().y.max(b.max().y) },
            )
        })
    }
}

fn names(config: &Config) -> PropertyNames {
    let c = &config.columns;
    PropertyNames { id: c.gisco_id.clone(), country: c.cntr_code.clone(), name: c.lau_name.clone() }
}

fn is_wanted(config: &Config, properties: &Properties) -> bool {
    let countries = &config.lau.countries;
    countries.is_empty() || properties.country.as_ref().is_some_and(|c| countries.contains(c))
}

/// Reads the units of the wanted countries.
///
/// # Errors
/// A file that is cut off, in another CRS, without a wanted feature, or with a ring that crosses
/// itself.
pub fn read(files: &[InputFile], config: &Config) -> Result<Boundaries> {
    let mut found = Boundaries::default();
    let countries = std::cell::RefCell::new(BTreeSet::new());
    let mut first_seen: BTreeMap<String, &Location> = BTreeMap::new();
    for file in main_files(files) {
        let mut kept: Vec<Feature> = Vec::new();
        let counted = std::cell::Cell::new(0u64);
        let wanted = |p: &Properties| {
            if let Some(country) = &p.country {
                let mut countries = countries.borrow_mut();
                if !countries.contains(country) {
                    countries.insert(country.clone());
                }
            }
            is_wanted(config, p)
        };
        let crs = boundaries::read(file, &names(config), &wanted, &mut |feature| {
            counted.set(counted.get() + 1);
            kept.push(feature);
            Ok(())
        })?;
        found.features_read += counted.get();
        let grid = Grid::new(config, crs, &file.location)?;
        for feature in kept {
            let place = format!("LAU file {}, feature {}", file.location, feature.number);
            if let Some(id) = &feature.properties.id {
                let other = first_seen.entry(id.clone()).or_insert(&file.location);
                refuse_other_format(id, other, &file.location)?;
            }
            add(&mut found, feature, &grid, config).context(place)?;
        }
    }
    if found.units.is_empty() {
        let there: Vec<String> = countries.into_inner().into_iter().collect();
        let paths: Vec<String> = main_files(files).map(|f| f.location.to_string()).collect();
        bail!(
            "no feature of lau.countries = {:?} in {}; {} there: {}",
            config.lau.countries,
            paths.join(", "),
            config.columns.cntr_code,
            if there.is_empty() {
                "none (is columns.cntr_code right?)".to_owned()
            } else {
                there.join(", ")
            }
        );
    }
    for unit in found.units.values_mut() {
        // exteriors counter-clockwise, as GeoParquet and GeoJSON want them
        unit.geometry = unit.geometry.orient(geo::orient::Direction::Default);
    }
    Ok(found)
}

/// A unit that comes in two formats is most likely the same twice, and its parts would overlap.
fn refuse_other_format(id: &str, first: &Location, second: &Location) -> Result<()> {
    if Format::of(first) != Format::of(second) {
        bail!("{id} is in {} and in {}; name one of the two in data.lau", first, second);
    }
    Ok(())
}

fn add(found: &mut Boundaries, feature: Feature, grid: &Grid, config: &Config) -> Result<()> {
    let Properties { id, country, name } = &feature.properties;
    let id = id.as_deref().filter(|id| !id.is_empty()).with_context(|| {
        format!(
            "no {:?} among its properties; columns.gisco_id can name another",
            config.columns.gisco_id
        )
    })?;
    let Some(polygons) = feature.polygons else {
        found.notes.push(format!("{id} has no geometry, so no cell can lie in it"));
        return Ok(());
    };
    let polygons = polygons
        .into_iter()
        .map(|p| grid.metres(p))
        .collect::<Result<Vec<_>>>()
        .context(id.to_owned())?;
    for polygon in &polygons {
        if let Some(at) = crossing(polygon) {
            bail!(
                "{id}: a ring crosses itself or another near ({:.1}, {:.1}) in {GRID}; repair the file, for example with ogr2ogr -makevalid, or download it again",
                at.x,
                at.y
            );
        }
    }
    match found.units.get_mut(id) {
        Some(unit) => {
            if unit.name != *name {
                found
                    .notes
                    .push(format!("{id} has several names; the first, {:?}, is kept", unit.name));
            }
            unit.geometry.0.extend(polygons);
        }
        None => {
            let country = country.clone().unwrap_or_default();
            let unit = Unit { country, name: name.clone(), geometry: MultiPolygon(polygons) };
            found.units.insert(id.to_owned(), unit);
        }
    }
    Ok(())
}

/// From a file's coordinates to the grid.
struct Grid {
    to_grid: Option<Proj>,
    crs: String,
}

impl Grid {
    fn new(config: &Config, in_file: Option<String>, place: &Location) -> Result<Self> {
        let crs = config.lau.crs.clone().or(in_file).unwrap_or_else(|| GRID.to_owned());
        let to_grid = if crs.eq_ignore_ascii_case(GRID) {
            None
        } else {
            let source = if config.lau.crs.is_some() { "lau.crs" } else { "it names its CRS" };
            Some(crs::between(&crs, GRID).map_err(|e| {
                anyhow!("LAU file {}: {source}: {e}; set lau.crs, as in \"{GRID}\"", place)
            })?)
        };
        Ok(Grid { to_grid, crs })
    }

    fn metres(&self, polygon: Polygon) -> Result<Polygon> {
        let Some(proj) = &self.to_grid else {
            let degrees = |c: &Coord| c.x.abs() <= 180.0 && c.y.abs() <= 90.0;
            if polygon.exterior().coords().all(degrees) {
                bail!(
                    "coordinates look like degrees, but the CRS is {GRID}; set lau.crs = \"EPSG:4326\""
                );
            }
            return Ok(polygon);
        };
        polygon.try_map_coords(|c| {
            let (x, y) = proj.convert((c.x, c.y))?;
            if x.is_finite() && y.is_finite() {
                Ok(Coord { x, y })
            } else {
                Err(anyhow!("({}, {}) is no place in {}; set lau.crs", c.x, c.y, self.crs))
            }
        })
    }
}

/// Where two edges of a polygon cross, if any do. Edges may touch.
fn crossing(polygon: &Polygon) -> Option<Coord> {
    let edges: Vec<GeomWithData<Line, usize>> =
        polygon.lines_iter().enumerate().map(|(i, l)| GeomWithData::new(l, i)).collect();
    let tree = RTree::bulk_load(edges.clone());
    edges.iter().find_map(|edge| {
        let near = tree.locate_in_envelope_intersecting(&edge.geom().envelope());
        near.filter(|other| other.data > edge.data).find_map(|other| {
            match line_intersection(*edge.geom(), *other.geom()) {
                Some(LineIntersection::SinglePoint { intersection, is_proper: true }) => {
                    Some(intersection)
                }
                _ => None,
            }
        })
    })
}

/// Which of the points (metres) lie in a country that is not wanted. `nearest` must not pull those
/// over the border.
///
/// # Errors
/// A file that cannot be read a second time.
pub fn abroad(files: &[InputFile], config: &Config, points: &[Coord]) -> Result<Vec<bool>> {
    let mut found = vec![false; points.len()];
    if config.lau.countries.is_empty() || points.is_empty() {
        return Ok(found);
    }
    for file in main_files(files) {
        let mut kept: Vec<Polygon> = Vec::new();
        // the CRS may stand behind the features, so it is asked for first
        let crs = boundaries::read(file, &names(config), &|_| false, &mut |_| Ok(()))?;
        let grid = Grid::new(config, crs, &file.location)?;
        let foreign = |p: &Properties| !is_wanted(config, p);
        boundaries::read(file, &names(config), &foreign, &mut |feature| {
            for polygon in feature.polygons.unwrap_or_default() {
                let polygon = grid.metres(polygon)?;
                let bounds = polygon.bounding_rect();
                if points.iter().any(|p| bounds.is_some_and(|b| b.contains(p))) {
                    kept.push(polygon);
                }
            }
            Ok(())
        })?;
        for (point, inside) in points.iter().zip(&mut found) {
            *inside |= kept.iter().any(|p| p.contains(&Point::from(*point)));
        }
    }
    Ok(found)
}
