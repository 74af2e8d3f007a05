//! One thin file per subcommand: it turns flags into a call and prints the outcome.

mod check;
mod check_events;
mod check_publication;
mod check_report;
mod completions;
mod demo;
mod extract;
mod init;
mod list;
mod man;
mod pager;
mod publish;
mod purge;
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

use anyhow::{Result, bail};

use crate::cli::{self, ByEngine, Cli, Command, EarlierReleases, Global};
use crate::config::{self, Audience, Config, Sources, WarehouseUrl};
use crate::errors::UsageError;
use crate::progress::log::Log;
use crate::progress::{Progress, StageReport};
use crate::storage::permissions;
use crate::views::Registry;
use crate::warehouse;
use crate::warehouse::Warehouse;

/// Configuration keys that the flags of a command set, with their values as text.
type KeysFromFlags = Vec<(&'static str, String)>;

/// What commands with a valid configuration share.
struct Session {
    config: Config,
    progress: Progress,
    quiet: bool,
    /// The configuration file, if there is one.
    config_file: Option<PathBuf>,
}

impl Session {
    fn open(global: &Global, progress: Progress, keys: KeysFromFlags) -> Result<Self> {
        let config = load_config(global, keys)?;
        let file = config_file(global);
        let config_file = file.exists().then_some(file);
        Ok(Session { config, progress, quiet: global.quiet, config_file })
    }

    fn warehouse(&self) -> Result<(Arc<Registry>, Box<dyn Warehouse>)> {
        let registry = Arc::new(Registry::read((&self.config).into())?);
        let warehouse = warehouse::open(&self.config, Arc::clone(&registry))?;
        warehouse.warnings().iter().for_each(|warning| self.progress.warn(warning));
        Ok((registry, warehouse))
    }

    /// What readers of an audience see: the warehouse with all views, or what was released. By default the audience
    /// is that of the configuration.
    fn readable(&self, audience: Option<Audience>) -> Result<(Arc<Registry>, Box<dyn Warehouse>)> {
        match audience.unwrap_or(self.config.publish.audience) {
            Audience::Analyst => self.warehouse(),
            Audience::Public => {
                let registry = self.readable_views(Some(Audience::Public))?;
                let released =
                    warehouse::open_released(&self.config.publish, Arc::clone(&registry))?;
                if released.loaded()?.is_none() {
                    bail!(released.nothing_yet());
                }
                Ok((registry, released))
            }
        }
    }

    /// The views of an audience, without its warehouse.
    fn readable_views(&self, audience: Option<Audience>) -> Result<Arc<Registry>> {
        let all = Registry::read((&self.config).into())?;
        Ok(Arc::new(match audience.unwrap_or(self.config.publish.audience) {
            Audience::Analyst => all,
            Audience::Public => warehouse::released_views(&all, &self.config.publish)?,
        }))
    }

    /// Runs one stage and reports its outcome on standard error.
    fn stage(&self, name: &'static str, work: impl FnOnce() -> Result<StageReport>) -> Result<()> {
        self.progress.begin(name);
        let report = work()?;
        for note in report.notes.iter().chain(&report.standing_notes) {
            self.progress.warn(&format!("{}: {note}", report.stage));
        }
        self.progress.done(&report, true);
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// Any error of the command.
pub fn run(cli: Cli, log: &Log) -> Result<()> {
    let global = &cli.global;
    let progress = Progress::new(global.progress, global.quiet, global.verbose, log.clone());
    let open = |keys| Session::open(global, progress.clone(), keys);
    match cli.command {
        // these work without a configuration, or with one that is invalid
        Command::Completions { shell } => completions::run(shell),
        Command::Man { out } => man::run(&out),
        Command::Demo(args) => demo::run(&args, global, log.clone()),
        Command::Init(args) => init::run(&args, global),
        Command::Synth(args) => synth::run(&args, &progress),
        Command::Check(args) => {
            check::run(&config_file(global), load_config(global, Vec::new()), &args)
        }

        Command::Compress(args) => {
            let session = open(engine_key(&args.engine))?;
            record::with_record(&session, record::compress_inputs, |_| {
                stages::compress(&session, &args)
            })
        }
        Command::Geojoin(args) => {
            let session = open(Vec::new())?;
            record::with_record(&session, record::geojoin_inputs, |_| {
                stages::geojoin(&session, args.force)
            })
        }
        Command::Movement(args) => {
            let session = open(Vec::new())?;
            record::with_record(&session, record::no_inputs, |_| {
                stages::movement(&session, args.force)
            })
        }
        Command::Load(args) => {
            let session = open(Vec::new())?;
            record::with_record(&session, record::load_inputs, |_| {
                stages::load(&session, args.force)
            })
        }
        Command::Views(cli::Views { export: Some(folder), .. }) => {
            views::export(&folder, &progress)
        }
        Command::Views(args) if args.list => list::configured_views(&open(Vec::new())?),
        Command::Views(args) => {
            let session = open(engine_key(&args.engine))?;
            record::with_record(&session, record::no_inputs, |_| {
                views::run(&session, args.refresh, args.verify)
            })
        }
        Command::RunAll(args) => {
            let session = open(engine_key(&args.engine))?;
            record::with_record(&session, record::run_all_inputs, |outputs| {
                run_all::run(&session, &args, outputs)
            })
        }

        Command::Publish(args) => {
            let session = open(Vec::new())?;
            match &args.earlier {
                Some(EarlierReleases::Show { id, format }) => publish::show(&session, id, *format),
                Some(EarlierReleases::List { format }) => publish::list(&session, *format),
                None if args.audit => publish::audit(&session, &args),
                None if args.dry_run => publish::run(&session, &args),
                None => record::with_record(&session, record::no_inputs, |_| {
                    publish::run(&session, &args)
                }),
            }
        }
        Command::Extract(args) => extract::run(&open(extract::keys(&args))?, &args),
        Command::Purge(args) => purge::run(&open(Vec::new())?, &args),
        Command::Quality(args) => quality::run(&open(Vec::new())?, &args),
        Command::Query(args) => query::run(&open(Vec::new())?, &args),
        Command::Report(args) => report::run(&open(Vec::new())?, &args),
        Command::Runs(args) => runs::run(&open(Vec::new())?, &args),
        Command::Serve(args) => serve::run(&args, global, log.clone()),
    }
}

/// The key that `--engine` sets.
fn engine_key(args: &ByEngine) -> KeysFromFlags {
    args.engine.iter().map(|engine| ("engine", engine.name().to_owned())).collect()
}

/// Reads the configuration, and restricts what is written from now on to its readers; `keys` are those that
/// the command's own flags set.
fn load_config(global: &Global, keys: KeysFromFlags) -> Result<Config> {
    let config = read_config(global, keys)?;
    permissions::restrict(config.output.mode);
    Ok(config)
}

/// Reads the configuration.
fn read_config(global: &Global, mut keys: KeysFromFlags) -> Result<Config> {
    if global.warehouse.as_deref().is_some_and(|url| WarehouseUrl::parse(url).has_password()) {
        bail!(UsageError(
            "--warehouse contains a password, which every user of this machine can read in the list of \
             processes; give the URL without it, and the password in the environment variable PGPASSWORD, \
             or the whole URL in DATABASE_URL"
                .to_owned()
        ));
    }
    keys.extend(global.warehouse.iter().map(|url| ("warehouse.url", url.clone())));
    let env = |name: &str| std::env::var(name).ok();
    let config = config::load(&Sources { file: global.config.as_deref(), env: &env, flags: keys })?;
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    config::refuse_unknown_variables(names, &config.serve.tokens)?;
    Ok(config)
}

/// The file of `--config`, or the default one, which may be missing.
fn config_file(global: &Global) -> PathBuf {
    global.config.clone().unwrap_or_else(|| config::DEFAULT_FILE.into())
}

/// Standard output, buffered.
fn stdout() -> Box<dyn std::io::Write + Send> {
    Box::new(std::io::BufWriter::with_capacity(1 << 16, std::io::stdout()))
}

/// Writes a text to standard output.
fn print(text: &str) -> Result<()> {
    let mut out = stdout();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// The extension of a file name in lower case, by which its format is chosen.
fn extension(path: &Path) -> Option<String> {
    path.extension().map(|e| e.to_string_lossy().to_lowercase())
}

/// Width and colors for a table on standard output: those of the terminal, if it is one.
fn terminal_style(to_stdout: bool) -> TerminalStyle {
    let is_terminal = to_stdout && std::io::IsTerminal::is_terminal(&std::io::stdout());
    let size = is_terminal.then(|| console::Term::stdout().size_checked()).flatten();
    TerminalStyle {
        is_terminal,
        width: size.map(|(_, columns)| columns),
        color: is_terminal && console::colors_enabled(),
    }
}

/// How a table on standard output may look.
struct TerminalStyle {
    is_terminal: bool,
    /// In characters; `None` where nothing limits it.
    width: Option<u16>,
    color: bool,
}
