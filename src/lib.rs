//! `mobility` turns raw mobile network events, a cell plan and LAU boundaries into mobility
//! insights. `docs/architecture.md` shows the modules, the data flow and a glossary.
//!
//! Imports point down, from `commands` and `cli` through `server`, `output`, `stages`, `warehouse`,
//! `views`, `spark`, `run_history`, `datasets`, `cell_plan`, `events`, `formats`, `storage`,
//! `progress`, `config`, `checks`, `runtime` and `publication` to `errors` and
//! `domain`. A test fails on an import that points up.

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
pub mod movement;
pub mod output;
pub mod progress;
pub mod publication;
pub mod run_history;
pub mod runtime;
pub mod server;
pub mod spark;
pub mod stages;
pub mod storage;
pub mod views;
pub mod warehouse;
