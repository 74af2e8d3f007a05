//! The NUTS regions of the LAUs, from the file that `data.nuts` names, or from the boundary files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, StringArray};

use crate::config::{Areas, Config};
use crate::formats::boundaries::{self, Properties, PropertyNames, ValueProperty};
use crate::formats::table;
use crate::storage::inputs::InputFile;
use crate::storage::sha256::of_bytes;

/// Columns of the file.
const COLUMNS: [&str; 2] = ["lau_id", "nuts"];

/// The boundary files, which may state the regions.
#[derive(Debug, Clone)]
pub struct Boundaries {
    pub paths: Vec<String>,
    pub names: PropertyNames,
}

impl From<&Config> for Boundaries {
    fn from(config: &Config) -> Self {
        let nuts = ValueProperty::Named(config.columns.nuts.clone());
        let names = PropertyNames::of(&config.columns, &config.lau, nuts);
        Boundaries { paths: config.data.lau.clone(), names }
    }
}

/// The NUTS 3 code of each LAU of the warehouse; empty if no file is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nuts {
    codes: BTreeMap<String, String>,
    /// The codes of all levels.
    known: BTreeSet<String>,
}

impl Nuts {
    /// Reads the file. Rows of LAUs of other countries than those of the warehouse are passed over, so that a list of
    /// many countries can be used as it is.
    ///
    /// # Errors
    /// A file that cannot be read or lacks a column; an id that is missing, unknown or there twice; text that is no
    /// NUTS 3 code; a LAU without a row.
    pub fn read(path: &Path, laus: &BTreeSet<String>) -> Result<Self> {
        let place = || format!("data.nuts, {}", path.display());
        let file = InputFile::local(path.to_owned()).with_context(place)?;
        let [ids, codes] = table::read_text_columns(&file, &COLUMNS).with_context(place)?;
        let text = |column: &StringArray, row: usize| match column.is_null(row) {
            true => String::new(),
            false => column.value(row).trim().to_owned(),
        };
        let mut nuts = Codes::new(laus);
        for row in 0..ids.len() {
            let place = || format!("{}, row {}", place(), row + 1);
            let (id, code) = (text(&ids, row), text(&codes, row));
            if id.is_empty() {
                bail!("{}: no lau_id; write the GISCO_ID of the LAU", place());
            }
            if !nuts.is_wanted(&id) {
                continue;
            }
            if !laus.contains(&id) {
                bail!(
                    "{}: the LAU {id} is not among those of the warehouse; correct the id, or remove the row",
                    place()
                );
            }
            if nuts.add(&id, &code).with_context(place)?.is_some() {
                bail!("{}: {id} is there twice; remove one of its rows", place());
            }
        }
        nuts.complete(|missing| {
            format!(
                "{}: there is no row of the LAU {missing}; add one with its NUTS 3 code",
                place()
            )
        })
    }

    /// Reads the codes from a property of the boundary files; `None` if no file has it.
    ///
    /// # Errors
    /// Files that cannot be read; a value that is no NUTS 3 code; a LAU without a value, or with several.
    pub fn of_boundaries(boundaries: &Boundaries, laus: &BTreeSet<String>) -> Result<Option<Self>> {
        let Boundaries { paths, names } = boundaries;
        let ValueProperty::Named(property) = &names.value else { return Ok(None) };
        let (mut nuts, mut is_there) = (Codes::new(laus), false);
        for file in boundaries::files("data.lau", paths)?.files {
            let place = |id: &str| format!("LAU file {}, {id}", file.location);
            let is_wanted = |p: &Properties| p.id.as_ref().is_some_and(|id| laus.contains(id));
            let declared = boundaries::read(&file, names, &is_wanted, &mut |feature| {
                let Properties { id: Some(id), value: Some(code), .. } = &feature.properties else {
                    return Ok(());
                };
                let code = code.trim();
                let remedy = || {
                    format!(
                        "{}, property {property:?}; name another one with columns.nuts",
                        place(id)
                    )
                };
                match nuts.add(id, code).with_context(remedy)? {
                    // a LAU may have several features
                    Some(other) if other != code => {
                        bail!("{}: lies in {other} and in {code}; correct one of them", place(id))
                    }
                    _ => Ok(()),
                }
            })?;
            is_there |= declared.properties.contains(property);
        }
        if !is_there {
            return Ok(None);
        }
        let found = nuts.complete(|missing| {
            format!(
                "data.lau: the LAU {missing} has no value of the property {property:?}, which columns.nuts names; add it, \
                 or name a CSV file with the columns lau_id and nuts with data.nuts"
            )
        });
        found.map(Some)
    }

    /// The area that holds a LAU or a smaller area, by its id or code. `None` if it is not known.
    pub fn area(&self, areas: Areas, place: &str) -> Option<String> {
        let Some(length) = areas.code_length() else { return Some(place.to_owned()) };
        let code = self.codes.get(place).or_else(|| self.known.get(place))?;
        code.get(..length).map(str::to_owned)
    }

    /// Each LAU with its area.
    pub fn areas(&self, areas: Areas) -> BTreeMap<&str, &str> {
        let length = areas.code_length().unwrap_or(5);
        self.codes.iter().map(|(id, code)| (id.as_str(), &code[..length])).collect()
    }

    /// Number of areas.
    pub fn count(&self, areas: Areas) -> usize {
        self.areas(areas).values().collect::<BTreeSet<_>>().len()
    }

    /// Text that is different for other codes; `None` without any.
    pub fn sum(&self) -> Option<String> {
        let lines: String = self.codes.iter().map(|(id, code)| format!("{id},{code}\n")).collect();
        (!lines.is_empty()).then(|| of_bytes(lines.as_bytes()))
    }
}

/// Codes that are being read.
struct Codes<'a> {
    laus: &'a BTreeSet<String>,
    countries: BTreeSet<&'a str>,
    nuts: Nuts,
}

impl<'a> Codes<'a> {
    fn new(laus: &'a BTreeSet<String>) -> Self {
        let countries = laus.iter().map(|id| country(id)).collect();
        Codes { laus, countries, nuts: Nuts::default() }
    }

    /// False for LAUs of other countries.
    fn is_wanted(&self, id: &str) -> bool {
        self.countries.contains(country(id))
    }

    /// Adds the code of a LAU, and returns that which it had before.
    fn add(&mut self, id: &str, code: &str) -> Result<Option<String>> {
        if !is_code(code) {
            bail!(
                "{code:?} is no NUTS 3 code; expected are two letters of the country and three more capital letters or \
                 digits, such as EE001"
            );
        }
        self.nuts.known.extend([3, 4, 5].map(|length| code[..length].to_owned()));
        Ok(self.nuts.codes.insert(id.to_owned(), code.to_owned()))
    }

    /// The codes, if there is one of each LAU.
    fn complete(self, without: impl Fn(&str) -> String) -> Result<Nuts> {
        match self.laus.iter().find(|id| !self.nuts.codes.contains_key(*id)) {
            Some(missing) => bail!(without(missing)),
            None => Ok(self.nuts),
        }
    }
}

/// The country of a GISCO_ID such as `EE_0784`.
fn country(id: &str) -> &str {
    id.split_once('_').map_or(id, |(country, _)| country)
}

fn is_code(text: &str) -> bool {
    let is_letter = |b: &u8| b.is_ascii_uppercase();
    let bytes = text.as_bytes();
    bytes.len() == 5
        && bytes[..2].iter().all(is_letter)
        && bytes[2..].iter().all(|b| is_letter(b) || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Nuts> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nuts.csv");
        std::fs::write(&path, text).unwrap();
        Nuts::read(&path, &["EE_1", "EE_2"].map(str::to_owned).into())
    }

    #[test]
    fn areas_of_all_levels_follow_from_the_code() {
        let nuts = read("lau_id,nuts\nFI_9,FI1B1\nEE_1,EE001\nEE_2, EE00A \n").unwrap();
        let area = |areas, place| nuts.area(areas, place);
        assert_eq!(area(Areas::Nuts3, "EE_2").as_deref(), Some("EE00A"));
        assert_eq!(area(Areas::Nuts2, "EE_2").as_deref(), Some("EE00"));
        assert_eq!(area(Areas::Nuts1, "EE_1").as_deref(), Some("EE0"));
        assert_eq!(area(Areas::Lau, "EE_1").as_deref(), Some("EE_1"));
        assert_eq!(area(Areas::Nuts1, "EE00A").as_deref(), Some("EE0"));
        assert_eq!((area(Areas::Nuts3, "FI_9"), area(Areas::Nuts3, "EE00")), (None, None));
        assert_eq!((nuts.count(Areas::Nuts3), nuts.count(Areas::Nuts2)), (2, 1));
        let other = read("lau_id,nuts\nEE_1,EE001\nEE_2,EE001\n").unwrap();
        assert!(nuts.sum().is_some() && nuts.sum() != other.sum());
        assert_eq!(Nuts::default().sum(), None);
    }

    #[test]
    fn wrong_rows_are_refused_with_file_row_and_remedy() {
        let error = |text: &str| format!("{:#}", read(text).unwrap_err());
        for (text, words) in [
            ("lau_id,nuts\nEE_1,EE001\n", "no row of the LAU EE_2; add one"),
            ("lau_id,nuts\nEE_1,EE001\nEE_3,EE001\n", "row 2: the LAU EE_3 is not among"),
            ("lau_id,nuts\nEE_1,EE00\n", "row 1: \"EE00\" is no NUTS 3 code; expected"),
            ("lau_id,nuts\nEE_1,ee001\n", "row 1: \"ee001\" is no NUTS 3 code"),
            ("lau_id,nuts\nEE_1,\n", "row 1: \"\" is no NUTS 3 code"),
            ("lau_id,nuts\n,EE001\n", "row 1: no lau_id"),
            ("lau_id,nuts\nEE_1,EE001\nEE_1,EE002\n", "row 2: EE_1 is there twice"),
            (
                "lau_id,code\nEE_1,EE001\n",
                "no column \"nuts\"; expected are the columns lau_id and nuts",
            ),
        ] {
            let error = error(text);
            assert!(error.contains(words) && error.contains("nuts.csv"), "{error}");
        }
    }
}
