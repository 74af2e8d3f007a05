//! `mobility serve`.

use anyhow::Result;

use crate::cli;
use crate::config::Config;
use crate::log::Log;
use crate::serve::{self, Settings};

pub fn run(config: Config, args: &cli::Serve, global: &cli::Global, log: Log) -> Result<()> {
    let (quiet, verbose) = (global.quiet, global.verbose);
    let settings = Settings { insecure: args.insecure, quiet, verbose, log };
    serve::run(config, &settings)
}
