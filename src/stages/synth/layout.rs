//! How the files of a data set are laid out: formats, column names, date formats and identifiers.

use std::path::PathBuf;

use chrono::{Datelike, NaiveDate};
use clap::ValueEnum;

use super::random::mix;

/// The file formats and names of a synthetic data set. The events, cells and shapes are the same in all
/// layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Layout {
    /// Parquet in Hive-style folders, and boundaries as Eurostat GISCO publishes them
    #[default]
    Gisco,
    /// CSV with semicolons, German headers and dates as 31-12-2024; districts in degrees without
    /// country codes
    German,
    /// CSV with commas, Spanish headers and dates as 31/12/2024 without seconds; municipalities with
    /// three-letter country codes
    Spanish,
}

/// Properties of one LAU unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The identifier in the boundary file: `EE_0141`, `01056`.
    pub id: String,
    /// The country code in the boundary file.
    pub country: &'static str,
    pub name: String,
}

/// How events and cell plans are written as CSV.
#[derive(Debug, Clone, Copy)]
pub struct CsvLayout {
    pub separator: &'static str,
    /// Names of user, time and cell in the event files.
    pub event_header: [&'static str; 3],
    /// Names of cell, latitude, longitude, first and last valid date in the cell plan.
    pub plan_header: [&'static str; 5],
    /// Format of the dates of events, for chrono.
    pub date_format: &'static str,
    pub has_seconds: bool,
}

/// The words that names of units are made of, with letters that reveal a wrong encoding.
struct Names {
    first: &'static [&'static str],
    last: &'static [&'static str],
    /// The kinds of unit; the second one is the rarer.
    kinds: [&'static str; 2],
}

const ESTONIAN: Names = Names {
    first: &[
        "Põl", "Jõge", "Võr", "Räpi", "Hää", "Tõr", "Kõue", "Mär", "Müü", "Saar", "Koo", "Val",
        "Ülen", "Öis", "Tart", "Rak",
    ],
    last: &[
        "va", "na", "ru", "mäe", "küla", "jamaa", "nurme", "vere", "saare", "metsa", "järve",
        "nõmme",
    ],
    kinds: [" vald", " linn"],
};
const LATVIAN: Names = Names {
    first: &["Rīg", "Valmier", "Cēs", "Jelgav", "Ķegum", "Līvān", "Madon", "Gulben"],
    last: &["as", "u", "es", "as ezera", "kalna", "upes"],
    kinds: [" novads", " novads"],
};
const GERMAN: Names = Names {
    first: &["Grün", "Müns", "Wies", "Fürst", "Höch", "Eschen", "Kirch", "Schön", "Bären", "Lünen"],
    last: &["heim", "bach", "feld", "stätt", "hausen", "au", "brück", "walde", "berg"],
    kinds: ["", " (Stadt)"],
};
const SPANISH: Names = Names {
    first: &["Peña", "Villa", "Monte", "Cañada", "Río", "Torre", "Castro", "Ávila"],
    last: &["nueva", "blanca", "seca", "mañán", "rubia", "longa", " del Río", "alta"],
    kinds: ["", " de la Sierra"],
};
const PORTUGUESE: Names = Names {
    first: &["São ", "Vila ", "Póvoa ", "Praça ", "Mação ", "Montalvão "],
    last: &["Nova", "Velha", "do Norte", "de Além", "da Praia"],
    kinds: ["", ""],
};

impl Names {
    fn of(&self, hash: usize, rare: bool) -> String {
        let first = self.first[hash % self.first.len()];
        let last = self.last[hash / self.first.len() % self.last.len()];
        format!("{first}{last}{}", self.kinds[usize::from(rare)])
    }
}

impl Layout {
    /// The properties of a unit; those below `main_units` are of the main country. Names may repeat, as in
    /// real data; ids are unique.
    pub fn unit(self, number: u32, main_units: u32, seed: u64) -> Unit {
        let hash = mix(seed, number.into(), 11) as usize;
        let rare = number % 5 == 3;
        let (id, country, names) = if number < main_units {
            match self {
                Layout::Gisco => {
                    (format!("EE_{:04}", 100 + 7 * u64::from(number)), "EE", &ESTONIAN)
                }
                Layout::German => (format!("{:05}", 1_001 + number), "", &GERMAN),
                Layout::Spanish => (format!("{:05}", 1_001 + 3 * number), "ESP", &SPANISH),
            }
        } else {
            let beyond = number - main_units;
            match self {
                Layout::Gisco => (format!("LV_{:07}", 1_000 + beyond), "LV", &LATVIAN),
                Layout::German => (format!("{:05}", 16_001 + beyond), "", &GERMAN),
                Layout::Spanish => (format!("PT{beyond:04}"), "PRT", &PORTUGUESE),
            }
        };
        Unit { id, country, name: names.of(hash, rare) }
    }

    /// The number of units in the boundary file, the main country first: a file without country codes
    /// is that of one country.
    pub fn units_written(self, main_units: u32, all_units: u32) -> u32 {
        if self == Layout::German { main_units } else { all_units }
    }

    /// Name of the boundary file.
    pub fn boundary_file(self) -> &'static str {
        match self {
            // the name that GISCO uses for the boundaries of 2021 at a scale of 1:1 million
            Layout::Gisco => "LAU_RG_01M_2021_3035.geojson",
            Layout::German => "kreise.geojson",
            Layout::Spanish => "municipios.geojson",
        }
    }

    /// How events and cell plans are written as CSV; `None` where they are Parquet.
    pub fn csv(self) -> Option<CsvLayout> {
        match self {
            Layout::Gisco => None,
            Layout::German => Some(CsvLayout {
                separator: ";",
                event_header: ["Teilnehmer", "Zeitpunkt", "Funkzelle"],
                plan_header: ["Zelle", "Breite", "Laenge", "gueltig_von", "gueltig_bis"],
                date_format: "%d-%m-%Y",
                has_seconds: true,
            }),
            Layout::Spanish => Some(CsvLayout {
                separator: ",",
                event_header: ["abonado", "fecha_hora", "celda"],
                plan_header: ["celda", "latitud", "longitud", "desde", "hasta"],
                date_format: "%d/%m/%Y",
                has_seconds: false,
            }),
        }
    }

    /// Folder of the files of a day. Hive-style folders have no leading zeros, as operators deliver them.
    pub fn day_folder(self, day: NaiveDate) -> PathBuf {
        match self {
            Layout::Gisco => {
                format!("year={}/month={}/day={}", day.year(), day.month(), day.day()).into()
            }
            Layout::German | Layout::Spanish => day.to_string().into(),
        }
    }

    /// Extension of event files and cell plans.
    pub fn extension(self) -> &'static str {
        if self.csv().is_some() { "csv" } else { "parquet" }
    }
}

impl CsvLayout {
    /// A row, or the header, with its line end. No field of these files needs quotes.
    pub fn row(&self, fields: &[&str]) -> String {
        fields.join(self.separator) + "\n"
    }
}
