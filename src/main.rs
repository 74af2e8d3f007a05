//! Parses, runs, prints the error, exits.

use std::process::ExitCode;

use clap::Parser;
use mobility::cli::Cli;
use mobility::commands;
use mobility::config::{OutputMode, without_secrets};
use mobility::errors::{UsageError, is_broken_pipe};
use mobility::progress::log::{self, Log, LogFormat};
use mobility::runtime::interrupt;
use mobility::storage::permissions;

fn main() -> ExitCode {
    // also for what is written before the configuration is read, or by a command that reads none
    permissions::restrict(OutputMode::default());
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
        let said = match ending.command() {
            "demo" => "interrupted; the folder of the demo is removed",
            _ => "interrupted; the earlier outputs stand, a second run completes",
        };
        ending.error(None, said);
        std::process::exit(1);
    });
    match handler.and_then(|()| commands::run(cli, &log)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // the last of several defences: messages print URLs without their secrets
            log.error(None, &without_secrets(&format!("{error:#}")));
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
    let text = error.to_string();
    let shown = without_secrets(&text);
    if !error.use_stderr() || format == LogFormat::Text && shown == text {
        error.exit();
    }
    if format == LogFormat::Text {
        eprint!("{shown}");
    } else {
        Log::new(format, "").error(None, shown.trim_end());
    }
    ExitCode::from(2)
}
