//! The section `columns`: names of input columns, and the forms of their values.

use serde::{Deserialize, Serialize};

use crate::domain::null_words::NullWords;
use crate::domain::time::format::TimestampFormat;
use crate::domain::time::text::EpochUnit;

/// Names of the input columns.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    pub user_id: String,
    pub cell_id: String,
    pub timestamp: String,
    /// Unit of time stamps that are numbers, counted from 1970: of CSV files, and of columns of integers in
    /// Parquet. Without it, time stamps of CSV are date-time text.
    pub timestamp_unit: Option<EpochUnit>,
    /// Form of time stamps in text; without it, they are dates with times as in ISO 8601.
    pub timestamp_format: Option<TimestampFormat>,
    /// Words that stand for a missing value in columns of ids and of text, in event files and the cell plan.
    pub null_values: NullWords,
    /// Name of the cell id in the cell plan, if it differs from the one in the events.
    pub plan_cell_id: Option<String>,
    pub latitude: String,
    pub longitude: String,
    pub valid_date_start: String,
    pub valid_date_end: String,
    pub gisco_id: String,
    pub cntr_code: String,
    pub lau_name: String,
    /// Property with the population of a LAU; by default the newest of those named POP_ and a year.
    pub population: Option<String>,
    /// Property with the NUTS 3 code of a LAU, which releases by region need unless `data.nuts` is set.
    pub nuts: String,
}

impl Columns {
    /// The settings that determine how event files are read, as a text.
    pub fn of_events(&self) -> String {
        let unit = self.timestamp_unit.map(|unit| format!(" {unit:?}")).unwrap_or_default();
        let format = self.timestamp_format.as_ref().map(|format| format!(" {format:?}"));
        let format = format.unwrap_or_default();
        let Columns { user_id, cell_id, timestamp, null_values, .. } = self;
        format!("{user_id} {cell_id} {timestamp}{unit}{format} {null_values:?}")
    }
}

impl Default for Columns {
    fn default() -> Self {
        Columns {
            user_id: "user_id".into(),
            cell_id: "cell_id".into(),
            timestamp: "timestamp".into(),
            timestamp_unit: None,
            timestamp_format: None,
            null_values: NullWords::default(),
            plan_cell_id: None,
            latitude: "latitude".into(),
            longitude: "longitude".into(),
            valid_date_start: "valid_date_start".into(),
            valid_date_end: "valid_date_end".into(),
            gisco_id: "GISCO_ID".into(),
            cntr_code: "CNTR_CODE".into(),
            lau_name: "LAU_NAME".into(),
            population: None,
            nuts: "NUTS_ID".into(),
        }
    }
}
