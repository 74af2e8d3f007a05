//! `mobility serve`.

use anyhow::Result;

use crate::cli;
use crate::config::Config;
use crate::serve::{self, Settings};

pub fn run(config: Config, args: &cli::Serve, quiet: bool, verbose: bool) -> Result<()> {
    let settings = Settings { insecure: args.insecure, quiet, verbose };
    serve::run(config, &settings)
}
