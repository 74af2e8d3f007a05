//! The one integration-test binary: it drives the real program.

mod architecture;
mod boundary_formats;
mod check_command;
mod checks;
mod cli;
mod compress;
mod config;
mod csv_events;
mod dashboard;
mod expected_tables;
mod extract;
mod faults;
mod harness;
mod invalid_events;
mod invalid_geodata;
mod notebook;
mod object_store;
mod postgis;
mod quality;
mod query;
mod run_all;
mod run_history;
mod serve;
mod spark;
mod synth;
mod warehouses;
