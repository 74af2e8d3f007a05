//! One thin file a subcommand: from flags to a call, from its outcome to what is printed.

mod check;
mod completions;
mod quality;
mod query;
mod report;
mod run_all;
mod serve;
mod stages;
mod synth;
mod views;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cli::{Cli, Command, Global};
use crate::config::{self, Config, Sources};
use crate::progress::Progress;
use crate::views::Registry;
use crate::warehouse::{self, Warehouse};

/// What every command needs.
struct Session {
    config: Config,
    progress: Progress,
    quiet: bool,
}

impl Session {
    fn warehouse(&self) -> Result<(Arc<Registry>, Box<dyn Warehouse>)> {
        let registry = Arc::new(Registry::read(&self.config)?);
        let warehouse = warehouse::open(&self.config, Arc::clone(&registry))?;
        Ok((registry, warehouse))
    }
}

/// Runs the command.
///
/// # Errors
/// Whatever the command meets.
pub fn run(cli: Cli) -> Result<()> {
    let progress = Progress::new(cli.global.progress, cli.global.quiet, cli.global.verbose);
    // these two need no config, and should work beside a broken one
    let command = match cli.command {
        Command::Completions { shell } => return completions::run(shell),
        Command::Synth(args) => return synth::run(&args, &progress),
        Command::Check => return check::run(&cli.global, config(&cli.global)),
        command => command,
    };
    if let Command::Serve(args) = &command {
        let bind = args.bind.iter().map(|bind| ("serve.bind", bind.clone()));
        let config = config_with(&cli.global, bind.collect())?;
        return serve::run(config, args, cli.global.quiet, cli.global.verbose);
    }
    let session = Session { config: config(&cli.global)?, progress, quiet: cli.global.quiet };
    match command {
        Command::Compress(args) => stages::compress(&session, &args),
        Command::Geojoin(args) => stages::geojoin(&session, args.force),
        Command::Load(args) => stages::load(&session, args.force),
        Command::Views(args) => views::run(&session, &args),
        Command::Quality(args) => quality::run(&session, &args),
        Command::Query(args) => query::run(&session, &args),
        Command::Report(args) => report::run(&session, &args),
        Command::RunAll(args) => run_all::run(&session, &args),
        Command::Synth(_) | Command::Check | Command::Completions { .. } | Command::Serve(_) => {
            Ok(())
        }
    }
}

fn config(global: &Global) -> Result<Config> {
    config_with(global, Vec::new())
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

/// Remarks of a stage, on standard error.
fn tell(session: &Session, report: &crate::report::StageReport) {
    use crate::report::counted;
    for note in &report.notes {
        session.progress.note(&format!("{}: {note}", report.stage));
    }
    let what = if report.skipped { "unchanged, skipped" } else { "done" };
    session.progress.note(&format!(
        "{}: {what}; {} in, {} out, {:.2} s",
        report.stage,
        counted(report.rows_in, "row"),
        counted(report.rows_out, "row"),
        report.elapsed.as_secs_f64()
    ));
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
