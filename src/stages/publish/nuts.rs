//! The NUTS regions of the LAUs, from the file that `data.nuts` names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, StringArray};

use crate::config::Areas;
use crate::formats::table;
use crate::storage::inputs::InputFile;
use crate::storage::sha256::of_bytes;

/// Columns of the file.
const COLUMNS: [&str; 2] = ["lau_id", "nuts"];

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
        let countries: BTreeSet<&str> = laus.iter().map(|id| country(id)).collect();
        let mut nuts = Nuts::default();
        for row in 0..ids.len() {
            let (id, code) = (text(&ids, row), text(&codes, row));
            let place = || format!("{}, row {}", place(), row + 1);
            if id.is_empty() {
                bail!("{}: no lau_id; write the GISCO_ID of the LAU", place());
            }
            if !countries.contains(country(&id)) {
                continue;
            }
            if !laus.contains(&id) {
                bail!(
                    "{}: the LAU {id} is not among those of the warehouse; correct the id, or remove the row",
                    place()
                );
            }
            if !is_code(&code) {
                bail!(
                    "{}: {code:?} is no NUTS 3 code; expected are two letters of the country and three more capital \
                     letters or digits, such as EE001",
                    place()
                );
            }
            nuts.known.extend([3, 4, 5].map(|length| code[..length].to_owned()));
            if nuts.codes.insert(id.clone(), code).is_some() {
                bail!("{}: {id} is there twice; remove one of its rows", place());
            }
        }
        if let Some(missing) = laus.iter().find(|id| !nuts.codes.contains_key(*id)) {
            bail!(
                "{}: there is no row of the LAU {missing}; add one with its NUTS 3 code",
                place()
            );
        }
        Ok(nuts)
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
