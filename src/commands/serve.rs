//! `mobility serve`.

use anyhow::Result;

use crate::cli;
use crate::config::Config;
use crate::progress::log::Log;
use crate::server;
use crate::server::Settings;

pub fn run(config: Config, args: &cli::Serve, global: &cli::Global, log: Log) -> Result<()> {
    let (quiet, verbose) = (global.quiet, global.verbose);
    let settings = Settings { insecure: args.insecure, quiet, verbose, log };
    server::run(config, &settings)
}
