//! One thin file a subcommand: from flags to a call, from its outcome to what is printed.

mod check;
mod completions;
mod extract;
mod man;
mod quality;
mod query;
mod record;
mod report;
mod run_all;
mod runs;
mod serve;
mod stages;
mod synth;
mod views;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cli::{Cli, Command, Global};
use crate::config;
use crate::config::{Config, Engine, Sources};
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::progress::log::Log;
use crate::views::Registry;
use crate::warehouse;
use crate::warehouse::Warehouse;

/// What every command needs.
struct Session {
    config: Config,
    progress: Progress,
    quiet: bool,
    /// Where there is one.
    config_file: Option<PathBuf>,
}

impl Session {
    fn warehouse(&self) -> Result<(Arc<Registry>, Box<dyn Warehouse>)> {
        let registry = Arc::new(Registry::read(&self.config)?);
        let warehouse = warehouse::open(&self.config, Arc::clone(&registry))?;
        Ok((registry, warehouse))
    }

    /// Does the work of one stage and says, on standard error, what came of it.
    fn stage(&self, name: &'static str, work: impl FnOnce() -> Result<StageReport>) -> Result<()> {
        self.progress.begin(name);
        let report = work()?;
        for note in &report.notes {
            self.progress.warn(&format!("{}: {note}", report.stage));
        }
        self.progress.done(&report, true);
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// Whatever the command meets.
pub fn run(cli: Cli, log: &Log) -> Result<()> {
    let (quiet, verbose) = (cli.global.quiet, cli.global.verbose);
    let progress = Progress::new(cli.global.progress, quiet, verbose, log.clone());
    // these need no config, and should work beside a broken one
    let command = match cli.command {
        Command::Completions { shell } => return completions::run(shell),
        Command::Man { out } => return man::run(&out),
        Command::Synth(args) => return synth::run(&args, &progress),
        Command::Check => return check::run(&cli.global, config(&cli.global)),
        command => command,
    };
    if let Command::Serve(args) = &command {
        let bind = args.bind.iter().map(|bind| ("serve.bind", bind.clone()));
        let config = config_with(&cli.global, bind.collect())?;
        return serve::run(config, args, &cli.global, log.clone());
    }
    let file = config_file(&cli.global).unwrap_or_else(|| "pipeline.toml".into());
    let config_file = file.exists().then_some(file);
    let flags = match &command {
        Command::Extract(args) => extract::keys(args),
        _ => Vec::new(),
    };
    let engine = engine(&command).map(|engine| ("engine", engine.name().to_owned()));
    let config = config_with(&cli.global, flags.into_iter().chain(engine).collect())?;
    let session = Session { config, progress, quiet, config_file };
    match command {
        Command::Views(args) if args.list => views::run(&session, &args),
        Command::Compress(_)
        | Command::Geojoin(_)
        | Command::Load(_)
        | Command::Views(_)
        | Command::RunAll(_) => record::recorded(&session, &command),
        Command::Extract(args) => extract::run(&session, &args),
        Command::Quality(args) => quality::run(&session, &args),
        Command::Query(args) => query::run(&session, &args),
        Command::Report(args) => report::run(&session, &args),
        Command::Runs(args) => runs::run(&session, &args),
        Command::Synth(_)
        | Command::Check
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Serve(_) => Ok(()),
    }
}

fn config(global: &Global) -> Result<Config> {
    config_with(global, Vec::new())
}

/// The engine that a command's own flag asks for.
fn engine(command: &Command) -> Option<Engine> {
    match command {
        Command::Compress(args) => args.engine.engine,
        Command::Views(args) => args.engine.engine,
        Command::RunAll(args) => args.engine.engine,
        _ => None,
    }
}

/// The config with keys that a command's own flags set.
fn config_with(global: &Global, mut flags: Vec<(&'static str, String)>) -> Result<Config> {
    let file = config_file(global);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    config::refuse_unknown_variables(names)?;
    flags.extend(global.warehouse.iter().map(|url| ("warehouse.url", url.clone())));
    config::load(&Sources { file: file.as_deref(), env: &|name| std::env::var(name).ok(), flags })
}

/// `--config`, or a file of the usual name here.
fn config_file(global: &Global) -> Option<PathBuf> {
    global.config.clone()
}

/// Standard output, buffered.
fn stdout() -> Box<dyn std::io::Write + Send> {
    Box::new(std::io::BufWriter::with_capacity(1 << 16, std::io::stdout()))
}

/// Writes one text to standard output.
fn print(text: &str) -> Result<()> {
    let mut out = stdout();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// The format that a file name asks for by its ending.
fn extension(path: &Path) -> Option<String> {
    path.extension().map(|e| e.to_string_lossy().to_lowercase())
}

/// The folder part of a path that can be created and written.
fn writable(folder: &Path) -> Result<()> {
    let existing = folder.ancestors().find(|p| p.exists()).unwrap_or(Path::new("."));
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    tempfile::Builder::new()
        .prefix(".mobility-check")
        .tempfile_in(existing)
        .with_context(|| format!("{} cannot be written", existing.display()))?;
    Ok(())
}
