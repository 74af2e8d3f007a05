//! `mobility man`: a manual page for each command, for packagers.

use std::path::Path;

use anyhow::Result;
use clap::builder::Resettable;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::Cli;
use crate::storage::atomic::{create_folder, write_file};

/// On every page, because scripts rely on it.
const EXIT_STATUS: &str = "0 done, 1 failed, 2 wrong usage.";

/// Sections of the page of the program itself: heading and text.
const SECTIONS: [(&str, &str); 3] = [
    (
        "ENVIRONMENT",
        "Every configuration key has a variable, such as MOBILITY_DATA_EVENTS for data.events and \
         MOBILITY_SERVE_TOKEN for serve.token. DATABASE_URL sets warehouse.url. Parts that a \
         PostgreSQL URL omits are taken from the service that PGSERVICE names, and from PGHOST, PGPORT, \
         PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE, PGSSLROOTCERT and other variables of libpq. PAGER \
         names the program that shows tables on a terminal.",
    ),
    (
        "FILES",
        "pipeline.toml in the current folder is the configuration file; --config names another. \
         Relative paths in it are relative to its folder. Passwords of PostgreSQL are read from ~/.pgpass \
         and services from ~/.pg_service.conf, as libpq does. View files in sql/views beside it add to the \
         views that are built into the program.",
    ),
    (
        "PRECEDENCE",
        "Flags take precedence over environment variables, variables over the configuration file, \
         and the file over the defaults.",
    ),
];

/// Writes `mobility.1` and a page for each command that is not hidden.
///
/// # Errors
/// A folder that cannot be written.
pub fn run(folder: &Path) -> Result<()> {
    create_folder(folder)?;
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let commands = program.get_subcommands().filter(|c| !c.is_hide_set()).cloned();
    for command in commands.collect::<Vec<_>>() {
        write(&command, &[], folder)?;
    }
    write(&program, &SECTIONS, folder)
}

fn write(command: &Command, sections: &[(&str, &str)], folder: &Path) -> Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let title = name.to_uppercase();
    // clap_mangen would join the lines of the examples into one paragraph
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (notes, examples) = help.split_once("Examples:\n").unwrap_or((&help, ""));
    let mut roff = Roff::new();
    for (heading, text) in sections.iter().chain(&[("NOTES", notes.trim())]) {
        if !text.is_empty() {
            roff.control("SH", [*heading]).text([roman(*text)]);
        }
    }
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in examples.lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    roff.control("SH", ["EXIT STATUS"]).text([roman(EXIT_STATUS)]);
    let version = format!("mobility {}", env!("CARGO_PKG_VERSION"));
    let mut page = Vec::new();
    Man::new(command.clone().after_help(Resettable::Reset))
        .title(title)
        .source(version)
        // an empty date would be left out, and the source would take its place
        .date(" ")
        .render(&mut page)?;
    roff.to_writer(&mut page)?;
    write_file(&folder.join(format!("{name}.1")), &page)
}
