//! Rows of the table `runs`, inserted when a run of the program ends, even if it loaded nothing.

use std::time::Duration;

use anyhow::Result;
use arrow::json::ArrayWriter;

use super::connect;
use super::names::SchemaName;
use super::relations;
use super::server_errors::failed;
use super::small_tables::OWN;
use crate::config::Warehouse as Settings;
use crate::domain::tables::Table;
use crate::run_history::{Run, rows};

/// How long a finished run waits for the server.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Inserts the runs that the table lacks, in one statement. Does nothing if the table does not exist
/// yet; the next load creates it.
///
/// # Errors
/// An unreachable server; a role without the necessary privileges.
pub fn record(settings: &Settings, runs: &[Run]) -> Result<()> {
    let mut client = connect::with_timeout(settings, TIMEOUT)?;
    let target = SchemaName::new(&settings.schema);
    if !relations::comment(&mut client, &target, Table::Runs.name())?.starts_with(OWN) {
        return Ok(());
    }
    let name = target.table(Table::Runs);
    let mut writer = ArrayWriter::new(Vec::new());
    writer.write(&rows(runs)?)?;
    writer.finish()?;
    let json = String::from_utf8(writer.into_inner())?;
    let schema = Table::Runs.schema();
    let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let columns = columns.join(", ");
    let insert = format!(
        "INSERT INTO {name} ({columns}) SELECT {columns} \
         FROM json_populate_recordset(NULL::{name}, $1::text::json) ON CONFLICT (run_id) DO NOTHING"
    );
    client.execute(&insert, &[&json]).map_err(failed)?;
    Ok(())
}
