//! `mobility demo`: synthetic data, the pipeline and the dashboard, in a folder that is removed at the end.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::{Session, record, serve};
use crate::cli::{Demo, Global};
use crate::config::{self, Config, Sources};
use crate::domain::numbers::{counted, grouped};
use crate::errors::UsageError;
use crate::progress::log::Log;
use crate::progress::{Progress, StageReport};
use crate::runtime::interrupt::Unfinished;
use crate::server::{self, Listening, Options};
use crate::stages::pipeline;
use crate::stages::synth::{self, Settings};
use crate::storage::atomic::write_file;

const CELLS: u64 = 1_000;
/// What stays of the configuration file: every key has its default.
const CONFIG: &str = "# The configuration of `mobility demo`: all keys have their defaults.\n";

/// Returns when the server is interrupted.
///
/// # Errors
/// [`UsageError`] with a configuration or a warehouse of the user's; a folder that cannot be written; an
/// address that is taken.
pub fn run(args: &Demo, global: &Global, log: Log) -> Result<()> {
    if global.config.is_some() || global.warehouse.is_some() {
        bail!(UsageError(
            "`mobility demo` has data and a warehouse of its own; --config and --warehouse are for the \
             other commands"
                .to_owned()
        ));
    }
    let folder = tempfile::Builder::new().prefix("mobility-demo-").tempdir();
    let folder = folder.context("cannot create a temporary folder for the demo; set TMPDIR to a folder that you can write to")?;
    // removed by an interrupt as well
    let folder = Unfinished::new(folder.keep());
    let file = folder.path().join(config::DEFAULT_FILE);
    write_file(&file, CONFIG.as_bytes())?;
    // the messages of the stages would hide those of the demo
    let quiet = !global.verbose;
    let progress = Progress::new(global.progress, quiet, global.verbose, log.clone());
    let mut lines = vec![write_data(args, folder.path(), &progress)?];

    let read = {
        let (file, bind) = (file.clone(), args.bind.clone());
        move || load(&file, &bind)
    };
    let session = Session { config: read()?, progress, quiet, config_file: Some(file.clone()) };
    let started = Instant::now();
    let mut reports = Vec::new();
    record::with_record(&session, record::run_all_inputs, |outputs| {
        let options = pipeline::Options::default();
        reports = pipeline::run(&session.config, options, &session.progress, outputs)?;
        Ok(())
    })?;
    lines.extend(outcomes(&reports, started));

    let setup = serve::setup(session.config, file, Box::new(read), log.clone());
    let options = Options { access_log: global.verbose, log, ..Options::default() };
    server::run(setup, options, |Listening { url, .. }| {
        lines.push(format!("The dashboard is at {url} until you press Ctrl-C."));
        super::print(&format!("{}\n{}", lines.join("\n"), next_steps(folder.path())))?;
        if !args.no_browser {
            open_browser(url);
        }
        Ok(())
    })
}

/// The configuration, which neither depends on the environment nor on the current folder.
fn load(file: &Path, bind: &str) -> Result<Config> {
    let flags = vec![("serve.bind", bind.to_owned())];
    config::load(&Sources { file: Some(file), env: &|_| None, flags })
}

fn write_data(args: &Demo, folder: &Path, progress: &Progress) -> Result<String> {
    let settings = Settings {
        out: folder.join("data/raw"),
        events: args.events,
        days: args.days,
        cells: CELLS,
        ..Settings::default()
    };
    let report = synth::run(&settings, progress)?;
    Ok(format!(
        "Wrote synthetic data: {} of {}, {}, and boundaries of {} ({:.1} s).",
        counted(report.rows_out, "event"),
        counted(settings.days.into(), "day"),
        counted(settings.cells, "cell"),
        counted(settings.laus, "LAU"),
        report.elapsed.as_secs_f64()
    ))
}

/// What the stages did, in sentences.
fn outcomes(reports: &[StageReport], started: Instant) -> [String; 3] {
    let rows = |stage: &str| reports.iter().find(|r| r.stage == stage).map_or(0, |r| r.rows_out);
    [
        format!("Compressed the events to {} rows of hourly presence.", grouped(rows("compress"))),
        format!("Assigned {} to LAUs.", counted(rows("geojoin"), "cell version")),
        format!(
            "Loaded the warehouse and computed {} of the views ({:.1} s for all stages).",
            counted(rows("views"), "row"),
            started.elapsed().as_secs_f64()
        ),
    ]
}

fn next_steps(folder: &Path) -> String {
    format!(
        "
Try next, in another terminal:
  cd {}
  mobility query users-per-lau --date 2024-10-01 --order-by user_count:desc --limit 5
  mobility query users-per-lau --format geojson > ~/users.geojson
  mobility quality
That folder is removed at the end. With data of your own, begin with:
  mobility init --events FILES --cells FILE --lau FILE
",
        folder.display()
    )
}

/// Opens the page where there is a desktop. That it cannot be opened is no error: its URL was printed.
fn open_browser(url: &str) {
    let has_desktop =
        ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    if !has_desktop {
        return;
    }
    let mut command = Command::new("xdg-open");
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Ok(mut child) = command.spawn() {
        std::thread::spawn(move || child.wait());
    }
}
