//! The sections of the configuration that the stage uses.

use crate::checks::Checks;
use crate::config::{Columns, Config, Data, Engine, Spark, Stays, Time};
use crate::domain::byte_size::ByteSize;

#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Rejected rows end the run.
    pub strict: bool,
    pub engine: Engine,
    pub data: &'a Data,
    pub columns: &'a Columns,
    pub checks: &'a Checks,
    pub time: &'a Time,
    pub stays: &'a Stays,
    pub spark: &'a Spark,
    /// Memory that the engine `native` may use, if that is configured.
    pub memory: Option<ByteSize>,
}

impl<'a> From<&'a Config> for Settings<'a> {
    fn from(config: &'a Config) -> Self {
        Settings {
            strict: config.strict,
            engine: config.engine,
            data: &config.data,
            columns: &config.columns,
            checks: &config.checks,
            time: &config.time,
            stays: &config.stays,
            spark: &config.spark,
            memory: config.compress.memory,
        }
    }
}

impl Settings<'_> {
    /// Text that changes with the form of the rows and every setting that affects the rows of all dates.
    pub fn fingerprint(&self) -> String {
        format!(
            "compress 3 {} {:?} {} {} {}",
            self.columns.of_events(),
            self.time.zone,
            self.strict,
            self.checks.of_rows(),
            self.stays.stored_gap_us()
        )
    }
}
