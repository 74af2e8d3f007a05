//! The one integration-test binary: it drives the real program.

mod bad_geodata;
mod bad_input;
mod check;
mod checks;
mod cli;
mod compress;
mod config;
mod csv_events;
mod dashboard;
mod extract;
mod faults;
mod formats;
mod notebook;
mod objects;
mod postgis;
mod quality;
mod query;
mod run_all;
mod runs;
mod serve;
mod spark;
mod synth;
mod warehouse;
mod work;
