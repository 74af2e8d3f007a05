//! `mobility serve`.

use std::fmt::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use serde_json::Map;

use super::{KeysFromFlags, config_file, load_config, read_config};
use crate::cli;
use crate::config::{Audience, Config, DEFAULT_VIEWS_DIR, changed_keys};
use crate::datasets::published::Store;
use crate::progress::log::{Level, Log};
use crate::server;
use crate::server::{DefinitionSource, Definitions, Listening, Options, Setup};
use crate::stages::quality::Expectation;
use crate::views::Registry;
use crate::warehouse;

/// Sections of the configuration that the server reads only when it is started.
const FIXED: [&str; 8] =
    ["engine", "data", "output", "columns", "warehouse", "spark", "publish", "serve"];

/// The keys that flags set.
fn keys(args: &cli::Serve) -> KeysFromFlags {
    let flags = [("serve.bind", &args.bind), ("serve.base_path", &args.base_path)];
    let audience = args.audience.map(|audience| ("serve.audience", audience.name().to_owned()));
    let flags = flags.into_iter().filter_map(|(key, value)| Some((key, value.clone()?)));
    flags.chain(audience).collect()
}

pub fn run(args: &cli::Serve, global: &cli::Global, log: Log) -> Result<()> {
    let options = Options { insecure: args.insecure, access_log: global.verbose, log };
    let config = load_config(global, keys(args))?;
    let (again, keys) = (global.clone(), keys(args));
    let read = Box::new(move || read_config(&again, keys.clone()));
    let setup = setup(config, config_file(global), read, options.log.clone());
    server::run(setup, options, |Listening { url, warehouse, audience }| {
        super::print(&match audience {
            Audience::Analyst => format!("{url} shows {warehouse} to analysts; Ctrl-C stops it\n"),
            Audience::Public => format!(
                "{url} shows the public what was released, and no exact numbers (serve.audience); Ctrl-C stops it\n"
            ),
        })
    })
}

/// Reads the configuration again.
type ReadConfig = Box<dyn Fn() -> Result<Config> + Send + Sync>;

/// What a server with that configuration is started with; `file` need not exist.
pub fn setup(config: Config, file: PathBuf, read: ReadConfig, log: Log) -> Setup {
    let views = Mutex::new(config.views.dir.clone());
    let source = Files { file, read, started_with: config.clone(), views, log };
    Setup {
        serve: config.serve,
        warehouse: config.warehouse,
        audience: config.publish.audience,
        source: Box::new(source),
    }
}

/// The configuration file, the folder of view files and the list of released tables.
struct Files {
    file: PathBuf,
    read: ReadConfig,
    started_with: Config,
    /// The folder that the configuration names.
    views: Mutex<Option<PathBuf>>,
    log: Log,
}

impl Files {
    /// The folder of view files, which need not exist.
    fn views(&self) -> PathBuf {
        let named = self.views.lock().unwrap_or_else(PoisonError::into_inner).clone();
        named.unwrap_or_else(|| self.file.parent().unwrap_or(Path::new("")).join(DEFAULT_VIEWS_DIR))
    }
}

impl DefinitionSource for Files {
    fn files(&self) -> String {
        let mut text = String::new();
        describe(&mut text, &self.file);
        let entries = std::fs::read_dir(self.views()).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths.iter().for_each(|path| describe(&mut text, path));
        // a release can add views
        describe(&mut text, &Store::new(&self.started_with.publish.store).list());
        text
    }

    fn read(&self, audience: Audience) -> Result<(Definitions, Vec<&'static str>)> {
        let config = (self.read)()?;
        (*self.views.lock().unwrap_or_else(PoisonError::into_inner)).clone_from(&config.views.dir);
        let restart = changed_keys(&self.started_with, &config, &FIXED);
        let Config { views, time, anchors, calendar, present, weights, checks, .. } = config;
        let started_with = self.started_with.clone();
        let config =
            Config { views, time, anchors, calendar, present, weights, checks, ..started_with };
        let all = Registry::read((&config).into())?;
        let registry = Arc::new(match audience {
            Audience::Analyst => all,
            Audience::Public => warehouse::released_views(&all, &config.publish)?,
        });
        let log = self.log.clone();
        let definitions = Definitions {
            time: config.time.clone(),
            limits: config.checks.limits(),
            expectation: Expectation::of(&config),
            people: (&config).into(),
            registry: Arc::clone(&registry),
            open_warehouse: Box::new(move || {
                let views = Arc::clone(&registry);
                let warehouse = match audience {
                    Audience::Analyst => warehouse::open(&config, views)?,
                    Audience::Public => warehouse::open_released(&config.publish, views)?,
                };
                for warning in warehouse.warnings() {
                    log.line(Level::Warning, None, &warning, Map::new(), || {
                        format!("mobility: {warning}")
                    });
                }
                Ok(Arc::from(warehouse))
            }),
        };
        Ok((definitions, restart))
    }
}

/// Appends what changes when a file is written or replaced; for a link, the file to which it leads.
fn describe(text: &mut String, path: &Path) {
    // writing to a string cannot fail
    let _ = match std::fs::metadata(path) {
        Ok(file) => writeln!(
            text,
            "{} {} {} {} {}.{}",
            path.display(),
            file.dev(),
            file.ino(),
            file.len(),
            file.mtime(),
            file.mtime_nsec()
        ),
        Err(error) => writeln!(text, "{} {}", path.display(), error.kind()),
    };
}
