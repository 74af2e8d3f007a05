//! `mobility` turns raw mobile network events, a cell plan and LAU boundaries into mobility
//! insights.
//!
//! The folders follow the data: `synth` writes inputs, `compress` and `geojoin` turn inputs into
//! processed files, `quality` tells how good they are, `load` puts those into a `warehouse`, `views` deploys the SELECT files there
//! and `query` prints rows. `spark` hands the steps that touch every event to a cluster. `processed` keeps processed files in an object store. `pipeline` runs the stages in order, `commands` holds one thin file a
//! subcommand, `io` reads and writes file formats and knows no stage.

pub mod charts;
pub mod checks;
pub mod cli;
pub mod commands;
pub mod compress;
pub mod config;
pub mod extract;
pub mod geojoin;
pub mod ids;
pub mod interrupt;
pub mod io;
pub mod load;
pub mod log;
pub mod parallel;
pub mod pipeline;
pub mod processed;
pub mod progress;
pub mod quality;
pub mod query;
pub mod report;
pub mod runs;
pub mod schema;
pub mod serve;
pub mod spark;
pub mod synth;
pub mod time;
pub mod usage;
pub mod views;
pub mod warehouse;
