//! Parses, runs, prints the error, exits.

use std::process::ExitCode;

use clap::Parser;
use mobility::cli::Cli;
use mobility::commands;
use mobility::errors::{UsageError, is_broken_pipe};
use mobility::progress::log::{self, Log, LogFormat};
use mobility::runtime::interrupt;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let log = Log::new(cli.global.log_format, cli.command.name());
    if log.is_json() {
        let log = log.clone();
        std::panic::set_hook(Box::new(move |panic| log.error(None, &panic.to_string())));
    }
    let ending = log.clone();
    let handler = interrupt::install(move || {
        if !ending.is_json() {
            // below the bar, or the ^C of the terminal
            eprintln!();
        }
        let said = "interrupted; the earlier outputs stand, a second run completes";
        ending.error(None, said);
        std::process::exit(1);
    });
    match handler.and_then(|()| commands::run(cli, &log)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            log.error(None, &format!("{error:#}"));
            match error.downcast_ref::<UsageError>() {
                Some(_) => ExitCode::from(2),
                None => ExitCode::FAILURE,
            }
        }
    }
}

/// A command line that cannot be read, or that asks for help.
fn refuse(error: &clap::Error) -> ExitCode {
    let format = log::format_in(std::env::args());
    if format == LogFormat::Text || !error.use_stderr() {
        error.exit();
    }
    Log::new(format, "").error(None, error.to_string().trim_end());
    ExitCode::from(2)
}
