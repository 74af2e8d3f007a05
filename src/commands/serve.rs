//! `mobility serve`.

use std::sync::Arc;

use anyhow::Result;
use serde_json::Map;

use crate::cli;
use crate::config::Config;
use crate::progress::log::{Level, Log};
use crate::server;
use crate::server::{Options, Setup};
use crate::stages::quality::Expectation;
use crate::views::Registry;
use crate::warehouse;

/// The keys that flags set.
pub fn keys(args: &cli::Serve) -> Vec<(&'static str, String)> {
    let flags = [("serve.bind", &args.bind), ("serve.base_path", &args.base_path)];
    flags.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect()
}

pub fn run(config: Config, args: &cli::Serve, global: &cli::Global, log: Log) -> Result<()> {
    let warnings = log.clone();
    let options = Options { insecure: args.insecure, access_log: global.verbose, log };
    let registry = Arc::new(Registry::read(&config.views, &config.time)?);
    for remark in registry.remarks() {
        let text = format!("views: {remark}");
        options.log.line(Level::Info, Some("serve"), &text, Map::new(), || text.clone());
    }
    let setup = Setup {
        serve: config.serve.clone(),
        time: config.time.clone(),
        limits: config.checks.limits(),
        expectation: Expectation::of(&config),
        warehouse: config.warehouse.clone(),
        registry: Arc::clone(&registry),
        open_warehouse: Box::new(move || {
            let warehouse = warehouse::open(&config, Arc::clone(&registry))?;
            for warning in warehouse.warnings() {
                warnings.line(Level::Warning, None, &warning, Map::new(), || {
                    format!("mobility: {warning}")
                });
            }
            Ok(Arc::from(warehouse))
        }),
    };
    server::run(setup, options)
}
