//! The population of LAUs: a property of the boundary files, or a file of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use arrow::array::Array;

use crate::formats::table;
use crate::storage::inputs::InputFile;

/// Columns of the file that `data.population` names.
const COLUMNS: [&str; 2] = ["lau_id", "population"];
/// More people than this are an error of the input.
const MAX: f64 = 1e10;

/// A number of people from text: whole, or with decimal places, which are rounded half up. `None` for a
/// negative number, which marks a missing value in the boundaries of Eurostat.
///
/// # Errors
/// Text that is not a number.
pub fn parse(text: &str) -> Result<Option<i64>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number: f64 = text.parse().ok().filter(|n: &f64| n.is_finite()).with_context(|| {
        format!("the population {text:?} is not a number; expected digits without separators")
    })?;
    if number > MAX {
        bail!("a population of {text} is not believable");
    }
    Ok((number >= 0.0).then(|| (number + 0.5).floor() as i64))
}

/// The file that `data.population` names.
///
/// # Errors
/// A file that does not exist.
pub fn file(path: PathBuf) -> Result<InputFile> {
    let place = format!("data.population, {}", path.display());
    InputFile::local(path).context(place)
}

/// Reads the file: population by LAU. A negative number, or none, is no population.
///
/// # Errors
/// A file that cannot be read or lacks a column; an id that is missing or there twice; text that is not a
/// number.
pub fn read(file: &InputFile) -> Result<BTreeMap<String, i64>> {
    let place = || format!("data.population, {}", file.location);
    let [ids, values] = table::read_text_columns(file, &COLUMNS).with_context(place)?;
    let mut population = BTreeMap::new();
    for row in 0..ids.len() {
        let place = || format!("{}, row {}", place(), row + 1);
        if ids.is_null(row) || ids.value(row).is_empty() {
            bail!("{}: no lau_id", place());
        }
        let text = if values.is_null(row) { "" } else { values.value(row) };
        let people = parse(text).with_context(place)?;
        if population.insert(ids.value(row).to_owned(), people).is_some() {
            bail!("{}: {} is there twice; remove one of its rows", place(), ids.value(row));
        }
    }
    Ok(population.into_iter().filter_map(|(id, people)| Some((id, people?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn population_is_whole_and_negative_numbers_are_none() {
        let parsed = |text| parse(text).unwrap();
        assert_eq!(
            [parsed("1234"), parsed("0"), parsed(" 12.5 ")],
            [Some(1_234), Some(0), Some(13)]
        );
        assert_eq!([parsed("-9999"), parsed("")], [None, None]);
        for wrong in ["12 345", "1,234", "many", "inf", "1e99"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
