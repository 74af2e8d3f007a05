//! `mobility serve`.

use anyhow::Result;

use crate::cli;
use crate::config::Config;
use crate::progress::log::Log;
use crate::server;
use crate::server::Settings;

/// The key that `--bind` sets.
pub fn keys(args: &cli::Serve) -> Vec<(&'static str, String)> {
    args.bind.iter().map(|bind| ("serve.bind", bind.clone())).collect()
}

pub fn run(config: Config, args: &cli::Serve, global: &cli::Global, log: Log) -> Result<()> {
    let (quiet, verbose) = (global.quiet, global.verbose);
    let settings = Settings { insecure: args.insecure, quiet, verbose, log };
    server::run(config, &settings)
}
