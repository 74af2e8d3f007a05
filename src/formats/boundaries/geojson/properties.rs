//! The properties of a GeoJSON feature.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::formats::boundaries::feature::{Properties, PropertyNames};

/// Names of properties that are listed at most.
const MAX_SEEN: usize = 100;

/// Names that are longer are not listed.
const MAX_NAME: usize = 200;

/// Reads the four properties and skips the values of all others, however large they are.
pub struct PropertiesSeed<'a> {
    pub names: &'a PropertyNames,
    /// The names of all properties.
    pub seen: &'a RefCell<BTreeSet<String>>,
}

impl PropertiesSeed<'_> {
    fn note(&self, name: &str) {
        let is_new = {
            let seen = self.seen.borrow();
            seen.len() < MAX_SEEN && name.len() < MAX_NAME && !seen.contains(name)
        };
        if is_new {
            self.seen.borrow_mut().insert(name.to_owned());
        }
    }
}

impl<'de> DeserializeSeed<'de> for PropertiesSeed<'_> {
    type Value = Properties;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Properties, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PropertiesSeed<'_> {
    type Value = Properties;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the properties of a feature")
    }

    fn visit_unit<E: Error>(self) -> Result<Properties, E> {
        Ok(Properties::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
        let mut properties = Properties::default();
        let mut newest = None;
        while let Some(key) = map.next_key::<String>()? {
            let names = self.names;
            self.note(&key);
            // one property can have several meanings
            let wanted = [&names.id, &names.country, &names.name].map(|name| *name == key);
            let rank = names.value.rank(&key).filter(|rank| newest.is_none_or(|n| n <= *rank));
            if !wanted.contains(&true) && rank.is_none() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let text = map.next_value_seed(PropertyText)?;
            if rank.is_some() {
                newest = rank;
                properties.value.clone_from(&text);
            }
            let Properties { id, country, name, .. } = &mut properties;
            for (into, wanted) in [id, country, name].into_iter().zip(wanted) {
                if wanted {
                    into.clone_from(&text);
                }
            }
        }
        Ok(properties)
    }
}

/// A text or number as text; `None` for any other value.
struct PropertyText;

impl<'de> DeserializeSeed<'de> for PropertyText {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PropertyText {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a property")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(serde_json::Number::from_f64(number).map(|number| number.to_string()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
