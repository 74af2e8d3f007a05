//! `mobility` turns raw mobile network events, a cell plan and LAU boundaries into mobility
//! insights.
//!
//! The folders follow the data: `synth` writes inputs, `compress` and `geojoin` turn inputs into
//! processed files, `quality` tells how good they are, `load` puts those into a `warehouse`, `views` deploys the SELECT files there
//! and `query` prints rows. `spark` hands the steps that touch every event to a cluster. `processed` keeps processed files in an object store. `pipeline` runs the stages in order, `commands` holds one thin file a
//! subcommand, `io` reads and writes file formats and knows no stage.

pub mod cell_plan;
pub mod checks;
pub mod cli;
pub mod commands;
pub mod config;
pub mod datasets;
pub mod domain;
pub mod errors;
pub mod events;
pub mod formats;
pub mod output;
pub mod progress;
pub mod run_history;
pub mod runtime;
pub mod server;
pub mod spark;
pub mod stages;
pub mod storage;
pub mod views;
pub mod warehouse;
