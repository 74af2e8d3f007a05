//! Several editions of the same boundaries: other years, scales or coordinate reference systems.

use anyhow::{Result, bail};

use crate::storage::Location;

/// Codes of coordinate reference systems in the names of GISCO's files.
const CRS_CODES: [&str; 4] = ["3035", "3857", "4258", "4326"];

/// Refuses files whose paths differ only in year, scale or coordinate reference system, and several
/// editions of GISCO's files: their units would be merged. Units with one id are compared later.
///
/// # Errors
/// Two such files; the message names all of them.
pub fn refuse(files: &[&Location]) -> Result<()> {
    let names: Vec<Name> = files.iter().map(|file| Name::of(file)).collect();
    for name in &names {
        let same = || names.iter().zip(files).filter(|(other, _)| name.is_same(other));
        if same().any(|(other, _)| other.path != name.path) {
            let files: Vec<String> = same().map(|(_, file)| file.to_string()).collect();
            bail!(
                "{} are editions of the same boundaries, by their names; name only one of them in \
                 data.lau",
                files.join(", ")
            );
        }
    }
    Ok(())
}

/// The name of a file in lower case without extensions.
struct Name {
    path: String,
    /// With `*` for years, scales and codes.
    edition: String,
    /// The edition of a file of GISCO, independent of its folder.
    gisco: Option<String>,
}

impl Name {
    fn of(file: &Location) -> Self {
        let path = file.as_path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let stem = name.split('.').next().unwrap_or_default().to_owned();
        let path = path.with_file_name(&stem).to_string_lossy().to_lowercase();
        let gisco = stem.starts_with("lau_rg_").then(|| edition_of(&stem));
        Name { edition: edition_of(&path), path, gisco }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.edition == other.edition || self.gisco.is_some() && self.gisco == other.gisco
    }
}

fn edition_of(name: &str) -> String {
    let mut edition = String::new();
    for part in name.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let is_year = |text: &str| {
            text.len() == 4 && is_number(text) && (text.starts_with("19") || text.starts_with("20"))
        };
        let is_scale = word.strip_suffix('m').is_some_and(|n| n.len() == 2 && is_number(n));
        // LAU2021, epsg3035
        let digits = word.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        if is_scale {
            edition.push('*');
        } else if is_year(digits) || CRS_CODES.contains(&digits) {
            edition.push_str(&word[..word.len() - digits.len()]);
            edition.push('*');
        } else {
            edition.push_str(word);
        }
        edition.push_str(&part[word.len()..]);
    }
    edition
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(names: &[&str]) -> bool {
        let files: Vec<Location> = names.iter().map(|name| Location::Local(name.into())).collect();
        refuse(&files.iter().collect::<Vec<_>>()).is_err()
    }

    #[test]
    fn editions_differ_in_year_scale_or_crs() {
        for names in [
            ["LAU_RG_01M_2020_3035.geojson", "LAU_RG_01M_2021_3035.geojson"],
            ["LAU_RG_01M_2021_3035.geojson", "LAU_RG_01M_2021_4326.geojson"],
            ["LAU_RG_01M_2021_3035.gpkg", "LAU_RG_20M_2021_3857.gpkg"],
            ["LAU_RG_01M_2021_3035.shp.zip", "old/LAU_RG_01M_2019_3035.gpkg"],
            ["lau2020.gpkg", "lau2021.gpkg"],
            ["2020/lau.geojson", "2021/lau.geojson"],
        ] {
            assert!(refused(&names), "{names:?}");
        }
        assert!(!refused(&["ee.geojson", "lv.geojson"]));
        assert!(!refused(&["ee/lau.geojson", "lv/lau.geojson"]));
        assert!(!refused(&["ee/lau_2020.geojson", "lv/lau_2021.geojson"]));
        // whether these hold the same units, their content tells
        assert!(!refused(&["parts.gpkg", "parts.geojson"]));
        assert!(!refused(&["lau_1.gpkg", "lau_2.gpkg", "EE_2021.gpkg", "LV_2021.gpkg"]));
    }
}
