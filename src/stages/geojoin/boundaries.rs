//! LAU units from boundary files: merged by GISCO_ID, checked, in metres of EPSG:3035.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use geo::{BoundingRect, Contains, Coord, MultiPolygon, Orient, Point, Polygon, Rect};

use super::grid::ToGrid;
use super::properties::{self, OtherCountries};
use super::{Settings, editions, population, repair};
use crate::datasets::geodata::{self, LauUnit};
use crate::domain::ids::{MAX_ID_BYTES, has_nul};
use crate::domain::numbers::{counted, grouped};
use crate::formats::boundaries;
use crate::formats::boundaries::{Feature, Properties, PropertyNames, ValueProperty};
use crate::storage::Location;
use crate::storage::inputs::{InputFile, Listed};

/// Lists the boundary files, including the companion files of shapefiles.
///
/// # Errors
/// A path that does not exist or contains no such file.
pub fn files(settings: Settings) -> Result<Listed> {
    let mut listed = boundaries::files("data.lau", &settings.data.lau)?;
    let files = &mut listed.files;
    editions::refuse(&files.iter().map(|f| &f.location).collect::<Vec<_>>())?;
    let mut companions = Vec::new();
    for file in files.iter() {
        companions.extend(boundaries::companions(&file.location)?);
    }
    files.extend(companions.into_iter().map(InputFile::local).collect::<Result<Vec<_>>>()?);
    Ok(listed)
}

/// The names of the properties of a file.
///
/// # Errors
/// A file that cannot be read.
pub fn properties(file: &InputFile, settings: Settings) -> Result<Vec<String>> {
    let none = |_: &Properties| false;
    Ok(boundaries::read(file, &names(settings), &none, &mut |_| Ok(()))?.properties)
}

/// The files without companion files.
pub fn main_files(files: &[InputFile]) -> impl Iterator<Item = &InputFile> {
    files.iter().filter(|f| !boundaries::is_companion(&f.location))
}

/// Units of the selected countries by GISCO_ID, in byte order.
#[derive(Debug, Default)]
pub struct Boundaries {
    pub units: BTreeMap<String, LauUnit>,
    /// What was repaired or left out.
    pub notes: Vec<String>,
    /// What may be wrong.
    pub warnings: Vec<String>,
}

impl Boundaries {
    /// Extent of all units, metres.
    pub fn extent(&self) -> Option<Rect> {
        geodata::bounds(self.units.values().filter_map(|u| u.geometry.bounding_rect()))
    }

    /// Takes the population of the units from a file.
    fn add_population(&mut self, file: &InputFile) -> Result<()> {
        let population = population::read(file)?;
        for (id, unit) in &mut self.units {
            unit.population = population.get(id).copied();
        }
        let units = self.units.len() as u64;
        let with = self.units.values().filter(|unit| unit.population.is_some()).count() as u64;
        if with == 0 {
            bail!(
                "data.population, {}: none of its {} is the lau_id of a unit of the boundaries, such as {}",
                file.location,
                counted(population.len() as u64, "id"),
                self.units.keys().next().map_or("", String::as_str)
            );
        }
        if with < units {
            self.notes.push(format!(
                "{} without a population in {}",
                counted(units - with, "LAU"),
                file.location
            ));
        }
        Ok(())
    }
}

fn names(settings: Settings) -> PropertyNames {
    let population = match &settings.columns.population {
        Some(name) => ValueProperty::Named(name.clone()),
        None => ValueProperty::NewestPopulation,
    };
    PropertyNames::of(settings.columns, settings.lau, population)
}

fn is_selected(settings: Settings, properties: &Properties) -> bool {
    let countries = &settings.lau.countries;
    countries.is_empty() || properties.country.as_ref().is_some_and(|c| countries.contains(c))
}

/// Reads the units of the selected countries; their population comes from the file `population`, if there is
/// one.
///
/// # Errors
/// A file that is truncated, in another CRS, or without a property that is needed; [`OtherCountries`] without
/// a feature of the selected countries; a unit in two files; a ring that crosses itself more than slightly.
pub fn read(
    files: &[InputFile],
    population: Option<&InputFile>,
    settings: Settings,
) -> Result<Boundaries> {
    let mut boundaries = Boundaries::default();
    let countries = RefCell::new(BTreeSet::new());
    let mut first_seen: BTreeMap<String, &Location> = BTreeMap::new();
    for file in main_files(files) {
        let mut features: Vec<Feature> = Vec::new();
        let selected = |p: &Properties| {
            if let Some(country) = &p.country {
                let mut countries = countries.borrow_mut();
                if !countries.contains(country) {
                    countries.insert(country.clone());
                }
            }
            is_selected(settings, p)
        };
        let declared = boundaries::read(file, &names(settings), &selected, &mut |feature| {
            features.push(feature);
            Ok(())
        })?;
        let missing = properties::missing(&declared.properties, settings);
        if !missing.is_empty() {
            bail!("LAU file {}: {}", file.location, missing.join("; "));
        }
        let without_names = properties::without_names(&declared.properties, settings);
        boundaries
            .warnings
            .extend(without_names.map(|text| format!("LAU file {}: {text}", file.location)));
        let polygons = features.iter().filter_map(|f| f.polygons.as_ref()).flatten();
        let to_grid =
            ToGrid::new(settings.lau.crs.as_deref(), declared.crs, polygons, &file.location)?;
        if let Some((used, declared)) = to_grid.overridden() {
            boundaries.warnings.push(format!(
                "LAU file {} declares {declared}, but lau.crs overrides it with {used}",
                file.location
            ));
        }
        for feature in features {
            let place = format!("LAU file {}, feature {}", file.location, feature.number);
            if let Some(id) = &feature.properties.id {
                let other = first_seen.entry(id.clone()).or_insert(&file.location);
                refuse_second_file(id, other, &file.location)?;
            }
            add(&mut boundaries, feature, &to_grid, settings).context(place)?;
        }
    }
    if boundaries.units.is_empty() {
        let paths: Vec<String> = main_files(files).map(|f| f.location.to_string()).collect();
        let found: Vec<String> = countries.into_inner().into_iter().collect();
        return Err(OtherCountries::new(settings, found, &paths).into());
    }
    if let Some(file) = population {
        boundaries.add_population(file)?;
    }
    for unit in boundaries.units.values_mut() {
        // GeoParquet and GeoJSON require exterior rings to be counter-clockwise
        unit.geometry = unit.geometry.orient(geo::orient::Direction::Default);
    }
    Ok(boundaries)
}

/// A unit in two files is most likely the same boundary twice, in another year or coordinate reference
/// system, and its polygons would overlap.
fn refuse_second_file(id: &str, first: &Location, second: &Location) -> Result<()> {
    if first != second {
        bail!("{id} is in {first} and in {second}; name only one of them in data.lau");
    }
    Ok(())
}

fn add(
    boundaries: &mut Boundaries,
    feature: Feature,
    to_grid: &ToGrid,
    settings: Settings,
) -> Result<()> {
    let columns = settings.columns;
    let Properties { id, country, name, value } = &feature.properties;
    for (value, property, key) in [
        (id, &columns.gisco_id, "columns.gisco_id"),
        (country, &columns.cntr_code, "columns.cntr_code"),
        (name, &columns.lau_name, "columns.lau_name"),
    ] {
        if value.as_deref().is_some_and(has_nul) {
            bail!(
                "the property {property:?} contains a NUL character, which no warehouse can store; remove \
                 it, or set {key} to another property"
            );
        }
    }
    let id = id.as_deref().filter(|id| !id.is_empty()).with_context(|| {
        format!("no value of {:?}, which columns.gisco_id names", settings.columns.gisco_id)
    })?;
    if id.len() > MAX_ID_BYTES {
        bail!(
            "the id has {} bytes, but at most {} can be loaded; shorten it, or set columns.gisco_id to \
             another property",
            grouped(id.len() as u64),
            grouped(MAX_ID_BYTES as u64)
        );
    }
    let population = match value {
        // a file takes the place of the property
        Some(text) if settings.data.population.is_none() => {
            population::parse(text).with_context(|| id.to_owned())?
        }
        _ => None,
    };
    let Some(polygons) = feature.polygons else {
        boundaries.notes.push(format!("{id} has no geometry, so no cell can lie in it"));
        return Ok(());
    };
    let polygons = polygons
        .into_iter()
        .map(|p| to_grid.metres(p))
        .collect::<Result<Vec<_>>>()
        .context(id.to_owned())?;
    let unit = match name.as_deref().unwrap_or_default() {
        "" => id.to_owned(),
        name => format!("{id} ({name})"),
    };
    let in_file = |at| to_grid.in_file(at);
    let polygons = repair::repaired(&unit, polygons, in_file, &mut boundaries.notes)?;
    match boundaries.units.get_mut(id) {
        Some(unit) => {
            if unit.name != *name {
                let note = format!("{id} has several names; the first, {:?}, is used", unit.name);
                boundaries.notes.push(note);
            }
            unit.population = unit.population.max(population);
            unit.geometry.0.extend(polygons);
        }
        None => {
            let country = country.clone().unwrap_or_default();
            let geometry = MultiPolygon(polygons);
            let unit = LauUnit { country, name: name.clone(), population, geometry };
            boundaries.units.insert(id.to_owned(), unit);
        }
    }
    Ok(())
}

/// Which of the points (metres) lie in a country that is not selected. The method `nearest` must
/// not assign them to a unit across the border.
///
/// # Errors
/// A file that cannot be read.
pub fn in_excluded_countries(
    files: &[InputFile],
    settings: Settings,
    points: &[Coord],
) -> Result<Vec<bool>> {
    let mut excluded = vec![false; points.len()];
    if settings.lau.countries.is_empty() || points.is_empty() {
        return Ok(excluded);
    }
    for file in main_files(files) {
        // a first pass finds the CRS, which may follow the features, or lie in each geometry
        let is_first = Cell::new(true);
        let first = |_: &Properties| is_first.replace(false);
        let mut sample: Vec<Polygon> = Vec::new();
        let declared = boundaries::read(file, &names(settings), &first, &mut |feature| {
            sample = feature.polygons.unwrap_or_default();
            Ok(())
        })?;
        let configured = settings.lau.crs.as_deref();
        let to_grid = ToGrid::new(configured, declared.crs, sample.iter(), &file.location)?;
        let mut near: Vec<Polygon> = Vec::new();
        let not_selected = |p: &Properties| !is_selected(settings, p);
        boundaries::read(file, &names(settings), &not_selected, &mut |feature| {
            for polygon in feature.polygons.unwrap_or_default() {
                let polygon = to_grid.metres(polygon)?;
                let bounds = polygon.bounding_rect();
                if points.iter().any(|p| bounds.is_some_and(|b| b.contains(p))) {
                    near.push(polygon);
                }
            }
            Ok(())
        })?;
        for (point, excluded) in points.iter().zip(&mut excluded) {
            *excluded |= near.iter().any(|p| p.contains(&Point::from(*point)));
        }
    }
    Ok(excluded)
}
