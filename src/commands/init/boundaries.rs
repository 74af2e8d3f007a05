//! The properties of boundary files, and the countries to keep.

use anyhow::Result;
use toml::Value;

use super::names;
use super::settings::{Guess, Look, Setting, column};
use crate::config::Config;
use crate::domain::numbers::{counted, grouped};
use crate::stages::geojoin::look::{self, Country};

/// Other countries that are named.
const MAX_NAMED: usize = 5;
const KEY: &str = "lau.countries";

/// Finds the properties and the country, which is returned if there is one.
///
/// # Errors
/// Boundary files that cannot be read.
pub fn look(
    config: &mut Config,
    looks: &mut Vec<Look>,
    settings: &mut Vec<Setting>,
) -> Result<Option<String>> {
    let (files, properties) = look::properties((&*config).into())?;
    let present: Vec<&str> = properties.iter().map(String::as_str).collect();
    looks.push(Look { subject: "LAUs", files, columns: properties.clone() });
    let found = names::assign(&names::BOUNDARIES, &present);
    let has_countries = found[1].is_some();
    for (role, found) in names::BOUNDARIES.iter().zip(found) {
        let is_optional = role.key != "columns.gisco_id";
        settings.push(column(role, found, &present, is_optional, &mut config.columns));
    }
    let all = Guess::Is(Value::from(Vec::<String>::new()));
    if !has_countries {
        settings.push(Setting::new(
            KEY,
            all,
            "the boundaries have no country codes: keep them all",
        ));
        return Ok(None);
    }
    let (setting, country) = match look::countries((&*config).into()) {
        Ok(countries) => choose(&countries),
        // the error of a column that is open, or of boundaries that `mobility check` explains
        Err(error) => {
            let why = format!("not known yet: {error:#}").replace('\n', " ");
            (Setting::new(KEY, Guess::Open(Value::from(vec!["EE"])), why), None)
        }
    };
    settings.push(setting);
    Ok(country)
}

/// The country in which most cells lie; `countries` has it first.
fn choose(countries: &[Country]) -> (Setting, Option<String>) {
    let Some((first, others)) = countries.split_first().filter(|(first, _)| !first.code.is_empty())
    else {
        let all = Guess::Is(Value::from(Vec::<String>::new()));
        return (
            Setting::new(KEY, all, "most boundaries have no country code: keep them all"),
            None,
        );
    };
    let value = Value::from(vec![first.code.clone()]);
    let units = counted(first.units, "LAU");
    if others.is_empty() {
        let why = format!("the only country of the boundaries, with {units}");
        return (Setting::new(KEY, Guess::Is(value), why), Some(first.code.clone()));
    }
    let named = others.iter().take(MAX_NAMED).map(|other| {
        format!(
            "{} ({}, {})",
            other.code,
            counted(other.units, "LAU"),
            counted(other.cells, "cell")
        )
    });
    let mut named = named.collect::<Vec<_>>().join(", ");
    if let Some(more) = others.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) {
        named.push_str(&format!(" and {} others", grouped(more as u64)));
    }
    if first.cells == 0 {
        let why = format!("no cell lies in any of {} ({units}), {named}", first.code);
        return (Setting::new(KEY, Guess::Open(value), why), None);
    }
    let why = format!("it has {units} and {}, more than {named}", counted(first.cells, "cell"));
    (Setting::new(KEY, Guess::Is(value), why), Some(first.code.clone()))
}
