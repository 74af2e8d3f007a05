//! Properties and countries that boundary files lack, with those that they have.

use std::fmt;

use super::Settings;
use crate::errors::{missing_column, nearest};

/// Countries that a message lists at most.
const MAX_LISTED: usize = 60;

/// One message for each property that is needed and that the file lacks; `present` are the names of its
/// properties. A file without features has none, and lacks none.
pub fn missing(present: &[String], settings: Settings) -> Vec<String> {
    let columns = settings.columns;
    let needed = [
        (&columns.gisco_id, "columns.gisco_id", true),
        (&columns.cntr_code, "columns.cntr_code", !settings.lau.countries.is_empty()),
    ];
    let is_missing = |name: &String| !present.is_empty() && !present.contains(name);
    let all: Vec<&str> = present.iter().map(String::as_str).collect();
    let taken = [columns.gisco_id.as_str(), &columns.cntr_code, &columns.lau_name];
    needed
        .iter()
        .filter(|(name, _, is_needed)| *is_needed && is_missing(name))
        .map(|(name, key, _)| {
            let text = missing_column(name, key, &all, &taken);
            match *key {
                "columns.cntr_code" => {
                    format!("{text}, or lau.countries = [] to keep all features")
                }
                _ => text,
            }
        })
        .collect()
}

/// A message for a file without the property of the names.
pub fn without_names(present: &[String], settings: Settings) -> Option<String> {
    let columns = settings.columns;
    let name = &columns.lau_name;
    let all: Vec<&str> = present.iter().map(String::as_str).collect();
    let taken = [columns.gisco_id.as_str(), &columns.cntr_code, name];
    (!present.is_empty() && !present.contains(name)).then(|| {
        format!(
            "the names of LAUs are empty: {}",
            missing_column(name, "columns.lau_name", &all, &taken)
        )
    })
}

/// The error for files without a feature of the selected countries.
#[derive(Debug)]
pub struct OtherCountries {
    message: String,
    /// The countries that are probably meant; empty for all of the file.
    pub proposed: Vec<String>,
}

impl OtherCountries {
    /// `found` are the countries of the files at `paths`.
    pub fn new(settings: Settings, found: Vec<String>, paths: &[String]) -> Self {
        let countries = &settings.lau.countries;
        let similar: Vec<String> = countries
            .iter()
            .filter_map(|country| nearest(country, found.iter().map(String::as_str)))
            .filter(|near| countries.iter().any(|country| is_similar(country, near)))
            .map(str::to_owned)
            .collect();
        let proposed = match found.as_slice() {
            [only] => vec![only.clone()],
            _ => similar,
        };
        let listed = found.iter().take(MAX_LISTED).cloned().collect::<Vec<_>>().join(", ");
        let listed = match found.len().checked_sub(MAX_LISTED) {
            None | Some(0) => listed,
            Some(more) => format!("{listed} and {more} more"),
        };
        let key = &settings.columns.cntr_code;
        let values = match found.is_empty() {
            true => format!("values of {key}: none (is columns.cntr_code correct?)"),
            false => format!("values of {key}: {listed}"),
        };
        let remedy = match proposed.is_empty() {
            true => String::new(),
            false => format!("; set lau.countries = {proposed:?}"),
        };
        let message = format!(
            "no feature of lau.countries = {countries:?} in {}; {values}{remedy}",
            paths.join(", ")
        );
        OtherCountries { message, proposed }
    }
}

/// True if one code is the beginning of the other, as of the codes with two and with three letters.
fn is_similar(country: &str, other: &str) -> bool {
    let (country, other) = (country.to_lowercase(), other.to_lowercase());
    country.starts_with(&other) || other.starts_with(&country)
}

impl fmt::Display for OtherCountries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for OtherCountries {}
