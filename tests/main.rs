//! The one integration-test binary: it drives the real program.

mod bad_geodata;
mod bad_input;
mod check;
mod checks;
mod cli;
mod compress;
mod config;
mod dashboard;
mod faults;
mod objects;
mod formats;
mod postgis;
mod quality;
mod query;
mod run_all;
mod runs;
mod serve;
mod synth;
mod warehouse;
mod work;
