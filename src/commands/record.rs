//! Commands that do work leave a record of it.

use anyhow::Result;

use super::{Session, run_all, stages, views};
use crate::cli::Command;
use crate::config::Config;
use crate::datasets::manifest::Manifest;
use crate::errors::is_broken_pipe;
use crate::events::input;
use crate::progress::now;
use crate::run_history::{Inputs, Recorder, Run, Status, read};
use crate::stages::{geojoin, load};
use crate::storage::inputs::{InputFile, fingerprint};
use crate::storage::sync::Processed;
use crate::warehouse;

/// So many runs a warehouse is told of: this one, and those before that it may have missed.
const TOLD: usize = 50;

/// Does the work of the command. A record that cannot be written fails nothing.
pub fn recorded(session: &Session, command: &Command) -> Result<()> {
    let outputs = Processed::begin(&session.config, &session.progress)?;
    let file = session.config.data.runs();
    let recorder = Recorder::begin(file.clone(), begun(session, command)?, &session.progress);
    let outcome = match command {
        Command::Compress(args) => stages::compress(session, args),
        Command::Geojoin(args) => stages::geojoin(session, args.force),
        Command::Load(args) => stages::load(session, args.force),
        Command::Views(args) => views::run(session, args),
        Command::RunAll(args) => run_all::run(session, args, &outputs),
        _ => Ok(()),
    };
    let error = outcome.as_ref().err().filter(|error| !is_broken_pipe(error));
    let rejected = rows_rejected(session);
    match recorder.end(error, rejected).and_then(|()| read(&file, Some(TOLD))) {
        Err(unwritten) => session.progress.warn(&format!("{unwritten:#}")),
        Ok(runs) => {
            if let Err(untold) = warehouse::record(&session.config, &runs) {
                let text = format!("the run is not in the table runs yet: {untold:#}");
                session.progress.warn(&text);
            }
        }
    }
    // with the record; what went wrong before says more than that this did too
    let put = outputs.put(&session.progress);
    outcome.and(put)
}

/// The run as far as it is known when it begins.
fn begun(session: &Session, command: &Command) -> Result<Run> {
    let log = session.progress.log();
    let began = now();
    Ok(Run {
        run_id: log.run_id().to_owned(),
        command: log.command().to_owned(),
        status: Status::Interrupted,
        started_at: began,
        ended_at: began,
        seconds: 0.0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: whoami::hostname().unwrap_or_default(),
        config_file: session.config_file.as_ref().map(|file| file.display().to_string()),
        // what is missing is for the stage to say
        inputs: inputs(&session.config, command).ok().flatten(),
        stages: Vec::new(),
        rows_rejected: None,
        peak_memory_bytes: None,
        error: None,
        config: session.config.without_secrets()?,
    })
}

fn inputs(config: &Config, command: &Command) -> Result<Option<Inputs>> {
    let geodata = || geojoin::inputs(config).map(|(cells, laus)| [cells, laus].concat());
    let files: Vec<InputFile> = match command {
        Command::Compress(_) => input::inputs(config)?,
        Command::Geojoin(_) => geodata()?,
        Command::Load(_) => load::inputs(config)?,
        Command::RunAll(_) => [input::inputs(config)?, geodata()?].concat(),
        _ => return Ok(None),
    };
    Ok(Some(Inputs {
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.bytes).sum(),
        fingerprint: fingerprint(&files, "runs"),
    }))
}

/// Known where `compress` came to its end.
fn rows_rejected(session: &Session) -> Option<u64> {
    let stages = session.progress.so_far();
    stages.iter().find(|stage| stage.stage == "compress" && !stage.broken_off)?;
    Some(Manifest::read(&session.config.data.compressed_events())?.rows_rejected)
}
