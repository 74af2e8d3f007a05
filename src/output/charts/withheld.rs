//! What charts of released rows do where a number is withheld: nothing is drawn there, and nothing is added up.

use anyhow::{Result, anyhow};
use arrow::datatypes::Schema;

use super::data::is_released;
use crate::errors::UsageError;
use crate::views::View;

/// Below charts in which nothing is hatched.
pub const NOTE: &str =
    "Numbers that could reveal something about few devices are withheld; their places are empty.";

/// What hatching means in a legend: where there is a row for every key, and where rows are left out.
const WITHHELD: &str = "Withheld";
pub const NONE_OR_WITHHELD: &str = "None or withheld";

/// Columns that do not divide the numbers of a period and a place.
const UNDIVIDED: [&str; 5] = ["date", "night", "window_start", "lau_name", "complete"];

/// What it means that there is no number, for rows of a release; `None` for exact ones.
pub fn meaning(view: &View, schema: &Schema) -> Option<&'static str> {
    // elsewhere rows with small numbers are left out like those without devices
    let text = if view.has_every_key() { WITHHELD } else { NONE_OR_WITHHELD };
    is_released(schema).then_some(text)
}

/// Refuses a picture that would add up released numbers over other columns than `drawn`.
///
/// # Errors
/// [`UsageError`] that says where the numbers are.
pub fn refuse_sums(view: &View, schema: &Schema, drawn: &[&str]) -> Result<()> {
    let keys = view.publication.keys.iter().flat_map(|keys| &keys.columns);
    let divides =
        |key: &&String| !UNDIVIDED.contains(&key.as_str()) && !drawn.contains(&key.as_str());
    match keys.into_iter().find(divides).filter(|_| is_released(schema)) {
        None => Ok(()),
        Some(key) => Err(anyhow!(UsageError(format!(
            "{name} is not drawn for the public, because its numbers would have to be added up over {key}, and \
             some are withheld; `mobility query {name} --audience public` prints them",
            name = view.name
        )))),
    }
}
