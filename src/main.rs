//! Parses, runs, prints the error, exits.

use std::process::ExitCode;

use clap::Parser;
use mobility::cli::Cli;
use mobility::usage::UsageError;
use mobility::{commands, interrupt};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let handler = interrupt::install(|| {
        eprintln!("\nmobility: interrupted; the earlier outputs stand, a second run completes");
        std::process::exit(1);
    });
    match handler.and_then(|()| commands::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mobility: {error:#}");
            match error.downcast_ref::<UsageError>() {
                Some(_) => ExitCode::from(2),
                None => ExitCode::FAILURE,
            }
        }
    }
}

/// The reader of our output went away, as `head` does: no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
