//! GeoJSON boundaries, streamed: one feature is in memory at a time, and geometry only if it is needed.

mod coordinates;
mod properties;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, BufReader};

use anyhow::{Result, anyhow};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::crs_member;
use super::feature::{Declared, Feature, FeatureFilter, OnFeature, Properties, PropertyNames};
use super::polygons::PolygonBuilder;
use crate::storage::ByteSource;
use crate::storage::inputs::InputFile;
use coordinates::Nested;
use properties::PropertiesSeed;

/// See [`super::read`]. If the properties of a feature precede its geometry, the geometry of other
/// features is skipped.
///
/// # Errors
/// A file that is not a complete GeoJSON feature collection (with line and column), a feature that is
/// not a polygon, an error of `on_feature`.
pub fn read(
    input: &InputFile,
    names: &PropertyNames,
    filter: FeatureFilter,
    on_feature: OnFeature,
) -> Result<Declared> {
    let file = ByteSource::open(input)?.reader()?;
    let mut file = BufReader::with_capacity(1 << 20, file);
    // an editor may have put a byte order mark before the text
    if file.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        file.consume(3);
    }
    let mut json = serde_json::Deserializer::from_reader(file);
    // serde's errors are text, so an error of `on_feature` is kept here
    let callback_error = RefCell::new(None);
    let collection = Collection {
        names,
        filter,
        on_feature: RefCell::new(on_feature),
        callback_error: &callback_error,
        crs: RefCell::new(None),
        properties: RefCell::default(),
    };
    let result =
        collection.deserialize(&mut json).and_then(|declared| json.end().map(|()| declared));
    match (callback_error.into_inner(), result) {
        (Some(error), _) => Err(error),
        (None, Ok(declared)) => Ok(declared),
        (None, Err(e)) if e.is_io() => Err(anyhow!("{e}")),
        (None, Err(e)) if e.is_eof() => Err(anyhow!(
            "the file ends early, at line {}, column {}; download it again",
            e.line(),
            e.column()
        )),
        (None, Err(e)) if e.to_string().starts_with("invalid unicode") => Err(anyhow!(
            "not encoded in UTF-8, at line {}, column {}; convert it, for example with \
             iconv -f ISO-8859-1 -t UTF-8",
            e.line(),
            e.column()
        )),
        (None, Err(e)) => Err(anyhow!("not a GeoJSON feature collection: {e}")),
    }
}

struct Collection<'a> {
    names: &'a PropertyNames,
    filter: FeatureFilter<'a>,
    on_feature: RefCell<OnFeature<'a>>,
    callback_error: &'a RefCell<Option<anyhow::Error>>,
    /// The member `crs`, as it was found first, and what it names.
    crs: RefCell<Option<(serde_json::Value, String)>>,
    /// Names of properties.
    properties: RefCell<BTreeSet<String>>,
}

impl Collection<'_> {
    /// Takes a member `crs` of the collection, a feature or a geometry.
    fn declare_crs<E: Error>(&self, member: serde_json::Value) -> Result<(), E> {
        if self.crs.borrow().as_ref().is_some_and(|(first, _)| *first == member) {
            return Ok(());
        }
        let Some(named) = crs_member::read(&member) else { return Ok(()) };
        match &*self.crs.borrow() {
            Some((first, other)) if *other != named => {
                return Err(E::custom(format!(
                    "it declares two coordinate reference systems, {first} and {member}; convert it \
                     to one, for example with ogr2ogr -t_srs EPSG:3035"
                )));
            }
            Some(_) => return Ok(()),
            None => {}
        }
        *self.crs.borrow_mut() = Some((member, named));
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Collection<'_> {
    type Value = Declared;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Collection<'_> {
    type Value = Declared;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object with a list of features")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut features = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "features" => {
                    map.next_value_seed(Features(&self))?;
                    features = true;
                }
                "crs" => self.declare_crs(map.next_value()?)?,
                "coordRefSys" => {
                    let member: serde_json::Value = map.next_value()?;
                    return Err(A::Error::custom(format!(
                        "it is JSON-FG, with the member \"coordRefSys\": {member}; convert it to \
                         GeoJSON, for example with ogr2ogr -t_srs EPSG:3035"
                    )));
                }
                "type" => {
                    let kind: serde_json::Value = map.next_value()?;
                    match kind.as_str() {
                        Some("Topology") => {
                            return Err(A::Error::custom(
                                "it is TopoJSON; convert it, for example with ogr2ogr -f GeoJSON",
                            ));
                        }
                        Some("FeatureCollection") => {}
                        _ => {
                            return Err(A::Error::custom(format!(
                                "its type is {kind}, expected \"FeatureCollection\""
                            )));
                        }
                    }
                }
                "geometryType" => {
                    return Err(A::Error::custom(
                        "it is JSON of Esri; convert it, for example with ogr2ogr -f GeoJSON",
                    ));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if !features {
            return Err(A::Error::custom("the list of features is missing"));
        }
        Ok(Declared {
            crs: self.crs.into_inner().map(|(_, crs)| crs),
            properties: self.properties.into_inner().into_iter().collect(),
        })
    }
}

struct Features<'c, 'a>(&'c Collection<'a>);

impl<'de> DeserializeSeed<'de> for Features<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Features<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(feature) =
            seq.next_element_seed(FeatureSeed { collection: self.0, number: number + 1 })?
        {
            number += 1;
            let Some(feature) = feature else { continue };
            if let Err(error) = (self.0.on_feature.borrow_mut())(feature) {
                *self.0.callback_error.borrow_mut() = Some(error);
                return Err(A::Error::custom("an error of the caller"));
            }
        }
        Ok(())
    }
}

struct FeatureSeed<'c, 'a> {
    collection: &'c Collection<'a>,
    number: usize,
}

impl<'de> DeserializeSeed<'de> for FeatureSeed<'_, '_> {
    type Value = Option<Feature>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FeatureSeed<'_, '_> {
    type Value = Option<Feature>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a feature")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut properties: Option<Properties> = None;
        let mut polygons = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "properties" => {
                    properties = Some(map.next_value_seed(PropertiesSeed {
                        names: self.collection.names,
                        seen: &self.collection.properties,
                    })?);
                }
                "geometry" if properties.as_ref().is_some_and(|p| !(self.collection.filter)(p)) => {
                    map.next_value::<IgnoredAny>()?;
                }
                "geometry" => {
                    let geometry = map.next_value_seed(Geometry(self.collection))?;
                    polygons = geometry
                        .map(PolygonBuilder::build)
                        .transpose()
                        .map_err(|e| A::Error::custom(format!("feature {}: {e}", self.number)))?;
                }
                "crs" => self.collection.declare_crs(map.next_value()?)?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let properties = properties.unwrap_or_default();
        let selected = (self.collection.filter)(&properties);
        Ok(selected.then_some(Feature { number: self.number, properties, polygons }))
    }
}

struct Geometry<'c, 'a>(&'c Collection<'a>);

impl<'de> DeserializeSeed<'de> for Geometry<'_, '_> {
    type Value = Option<PolygonBuilder>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Geometry<'_, '_> {
    type Value = Option<PolygonBuilder>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a geometry")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut polygons = PolygonBuilder::default();
        let mut kind = None;
        let mut parts = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "type" => kind = Some(map.next_value::<String>()?),
                "coordinates" => {
                    map.next_value_seed(Nested(&mut polygons))?;
                }
                "geometries" => parts = Some(map.next_value_seed(Parts(self.0))?),
                "crs" => self.0.declare_crs(map.next_value()?)?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Some(match (kind.as_deref(), parts) {
            (Some("Polygon" | "MultiPolygon"), _) => polygons,
            (Some("GeometryCollection"), Some(parts)) => parts,
            (kind, _) => PolygonBuilder::not_a_polygon(kind.unwrap_or("without a type")),
        }))
    }
}

/// The polygons of a geometry collection.
struct Parts<'c, 'a>(&'c Collection<'a>);

impl<'de> DeserializeSeed<'de> for Parts<'_, '_> {
    type Value = PolygonBuilder;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Parts<'_, '_> {
    type Value = PolygonBuilder;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of geometries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(part) = seq.next_element_seed(Geometry(self.0))? {
            all.extend(part);
        }
        Ok(PolygonBuilder::collection(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::boundaries::feature::ValueProperty;

    fn features(text: &str, country: &str) -> Result<(Vec<Feature>, Declared)> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), text)?;
        let names = PropertyNames {
            id: "ID".into(),
            country: "C".into(),
            name: "N".into(),
            value: ValueProperty::NewestPopulation,
            max_mib: 1,
        };
        let mut found = Vec::new();
        let input = InputFile::local(file.path().to_owned())?;
        let declared =
            read(&input, &names, &|p| p.country.as_deref() == Some(country), &mut |f| {
                found.push(f);
                Ok(())
            })?;
        Ok((found, declared))
    }

    const TWO: &str = r#"{"type":"FeatureCollection","features":[
      {"type":"Feature","geometry":{"type":"MultiPolygon","coordinates":[[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[2,1],[2,2],[1,1]]],[[[9,9],[10,9],[10,10],[9,9]]]]},"properties":{"ID":7,"C":"EE","N":"õ"}},
      {"type":"Feature","properties":{"ID":"x","C":"LV"},"geometry":{"type":"Point","coordinates":[1,2]}}],
      "crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3035"}}}"#;

    #[test]
    fn parts_and_holes_are_kept_in_any_order_of_members() {
        let (found, declared) = features(TWO, "EE").unwrap();
        assert_eq!(declared.crs.as_deref(), Some("EPSG:3035"));
        assert_eq!(declared.properties, ["C", "ID", "N"]);
        let polygons = found[0].polygons.as_ref().unwrap();
        assert_eq!((polygons.len(), polygons[0].interiors().len()), (2, 1));
        assert_eq!(polygons[0].exterior().0.len(), 5);
        assert_eq!(found[0].properties.id.as_deref(), Some("7"));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn other_geometry_is_rejected_with_its_feature_and_filtered_geometry_is_skipped() {
        let error = features(TWO, "LV").map(|(f, _)| f.len());
        // the properties of the point precede its geometry and pass the filter
        let text = format!("{:#}", error.unwrap_err());
        assert!(text.contains("feature 2") && text.contains("Point"), "{text}");
        assert!(features(TWO, "FI").unwrap().0.is_empty());
    }

    #[test]
    fn the_error_of_a_truncated_file_has_line_and_column() {
        for end in [30, 120, 300, TWO.len() - 3] {
            let text = format!("{:#}", features(&TWO[..end], "EE").unwrap_err());
            assert!(text.contains("line") && text.contains("column"), "{text}");
        }
    }
}
