//! Commands that change outputs record each run.

use anyhow::Result;

use super::Session;
use crate::config::Config;
use crate::datasets::manifest::Manifest;
use crate::errors::is_broken_pipe;
use crate::events;
use crate::progress::now;
use crate::run_history::{Inputs, Recorder, Run, Status, read};
use crate::stages::{geojoin, load};
use crate::storage::inputs::{InputFile, fingerprint};
use crate::storage::sync::Outputs;
use crate::warehouse;

/// Runs that are sent to the warehouse at the end of a run: the latest one and earlier ones that
/// the warehouse may have missed.
const RUNS_SENT: usize = 50;

/// Lists the input files of a command; `None` where a command has none.
type ListInputs = fn(&Config) -> Result<Option<Vec<InputFile>>>;

pub fn no_inputs(_: &Config) -> Result<Option<Vec<InputFile>>> {
    Ok(None)
}

pub fn compress_inputs(config: &Config) -> Result<Option<Vec<InputFile>>> {
    Ok(Some(events::list_files(&config.data.events)?.files))
}

pub fn geojoin_inputs(config: &Config) -> Result<Option<Vec<InputFile>>> {
    Ok(Some(geojoin::inputs(config.into())?.all()))
}

pub fn load_inputs(config: &Config) -> Result<Option<Vec<InputFile>>> {
    load::inputs(&config.data).map(Some)
}

pub fn run_all_inputs(config: &Config) -> Result<Option<Vec<InputFile>>> {
    let of_geojoin = geojoin::inputs(config.into())?.all();
    Ok(Some([events::list_files(&config.data.events)?.files, of_geojoin].concat()))
}

/// Runs the command and records the run. If the record cannot be written, a warning is logged and
/// the outcome of the command stays as it is.
pub fn with_record(
    session: &Session,
    list_inputs: ListInputs,
    work: impl FnOnce(&Outputs) -> Result<()>,
) -> Result<()> {
    let outputs = Outputs::acquire(&session.config.data, &session.progress)?;
    let file = session.config.data.runs();
    let run = started(session, list_inputs)?;
    let recorder = Recorder::begin(file.clone(), run, &session.progress);
    let outcome = work(&outputs);
    let error = outcome.as_ref().err().filter(|error| !is_broken_pipe(error));
    let rejected = rows_rejected(session);
    match recorder.end(error, rejected).and_then(|()| read(&file, Some(RUNS_SENT))) {
        Err(error) => session.progress.warn(&format!("{error:#}")),
        Ok(runs) => {
            if let Err(error) = warehouse::record(&session.config.warehouse, &runs) {
                let text = format!("the run is not in the table runs yet: {error:#}");
                session.progress.warn(&text);
            }
        }
    }
    // the record is among the outputs; an earlier error explains more than one from here
    let put = outputs.upload(&session.progress);
    outcome.and(put)
}

/// The run as far as it is known when it starts.
fn started(session: &Session, list_inputs: ListInputs) -> Result<Run> {
    let log = session.progress.log();
    let started_at = now();
    // the stage itself reports inputs that are missing
    let files = list_inputs(&session.config).ok().flatten();
    Ok(Run {
        run_id: log.run_id().to_owned(),
        command: log.command().to_owned(),
        status: Status::Interrupted,
        started_at,
        ended_at: started_at,
        seconds: 0.0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: whoami::hostname().unwrap_or_default(),
        config_file: session.config_file.as_ref().map(|file| file.display().to_string()),
        inputs: files.as_deref().map(summarize),
        stages: Vec::new(),
        rows_rejected: None,
        peak_memory_bytes: None,
        error: None,
        config: session.config.recorded_settings()?,
    })
}

fn summarize(files: &[InputFile]) -> Inputs {
    Inputs {
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.bytes).sum(),
        fingerprint: fingerprint(files, "runs"),
    }
}

/// Rows that `compress` rejected, if it ran to its end.
fn rows_rejected(session: &Session) -> Option<u64> {
    let stages = session.progress.so_far();
    stages.iter().find(|stage| stage.stage == "compress" && !stage.broken_off)?;
    Some(Manifest::read_unverified(&session.config.data.compressed_events())?.rows_rejected)
}
