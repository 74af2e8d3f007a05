//! Rows of `runs`, put in when a run ends, whether or not it loaded anything.

use std::time::Duration;

use anyhow::Result;
use arrow::json::ArrayWriter;

use super::connect;
use super::server_errors::failed;
use crate::config::Config;
use crate::domain::tables::Table;
use crate::run_history::{Run, rows};

/// For so long a run that is over waits for the server.
const PATIENCE: Duration = Duration::from_secs(3);

/// Puts in the runs that the table lacks, in one statement. Does nothing where there is no table of
/// ours yet: the next load makes it.
///
/// # Errors
/// A server that is away; a role without the right.
pub fn record(config: &Config, runs: &[Run]) -> Result<()> {
    let mut client = connect::briefly(&config.warehouse.url, &config.warehouse, PATIENCE)?;
    let ours = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = $1 \
                AND relnamespace = current_schema()::regnamespace \
                AND obj_description(oid, 'pg_class') LIKE 'mobility: %')";
    let name = Table::Runs.name();
    if !client.query_one(ours, &[&name]).map_err(failed)?.get::<_, bool>(0) {
        return Ok(());
    }
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
