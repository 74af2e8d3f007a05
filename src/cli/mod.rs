//! The command line: names, flags and help. A flag that overrides a configuration key has no default
//! here; the configuration has it.

mod check;
mod compress;
mod demo;
mod extract;
mod init;
mod options;
mod publish;
mod purge;
mod quality;
mod query;
mod report;
mod run_all;
mod runs;
mod serve;
mod synth;
mod views;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::progress::ProgressMode;
use crate::progress::log::LogFormat;
pub use check::Check;
pub use compress::Compress;
pub use demo::Demo;
pub use extract::Extract;
pub use init::Init;
pub use options::{ByEngine, CsvOptions, Dates, ForAudience, Force};
pub use publish::{EarlierReleases, Publish, PublishFormat};
pub use purge::Purge;
pub use quality::{Quality, QualityFormat};
pub use query::Query;
pub use report::{Report, ReportFormat};
pub use run_all::RunAll;
pub use runs::{Runs, RunsFormat};
pub use serve::Serve;
pub use synth::Synth;
pub use views::Views;

#[derive(Debug, Parser)]
#[command(
    name = "mobility",
    version,
    about = "Turns raw mobile network events into mobility insights: one binary, exact numbers, in seconds.",
    after_help = "`mobility help COMMAND` explains a command. CONTRIBUTING.md in the sources says where to ask;
`mobility check --report` collects what a report of a fault needs.

Examples:
  mobility demo                                     everything on synthetic data, with the dashboard
  mobility synth --out data/raw                     write synthetic data to try things out
  mobility run-all                                  run the whole pipeline
  mobility query users-per-lau-day-night            print a view
  mobility query users-per-lau --format csv --output users.csv
  mobility serve                                    open the dashboard at http://127.0.0.1:5000/"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Configuration file [default: pipeline.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Warehouse to use instead of the configured one: embedded:FOLDER or postgres://..., without a
    /// password
    #[arg(long, global = true, value_name = "URL")]
    pub warehouse: Option<String>,
    /// Print only results and errors: no progress bars, messages or warnings
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more messages
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// When to draw progress bars
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub progress: ProgressMode,
    /// Format of messages and errors on standard error
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Try everything in a temporary folder: synthetic data, pipeline, dashboard
    #[command(
        after_help = "The folder is removed at the end. Neither pipeline.toml nor environment variables matter.

Examples:
  mobility demo
  mobility demo --events 1000000 --days 3
  mobility demo --bind 127.0.0.1:5000 --no-browser"
    )]
    Demo(Demo),
    /// Write a configuration file for the files that you have
    #[command(
        after_help = "Columns, types and some values of the files are looked at; what was guessed is printed and explained in the
file. Keys that remain open are left out of it with a remark.

Examples:
  mobility init --events in/events --cells in/cells.csv --lau in/LAU_RG_01M_2021_3035.geojson
  mobility init                                             the files are in data/raw
  mobility init --force --config other.toml"
    )]
    Init(Init),
    /// Write a synthetic data set: events, cell plan, LAU boundaries
    #[command(after_help = "Examples:
  mobility synth --out data/raw
  mobility synth --out /tmp/big --events 40700000 --days 3 --seed 7
  mobility synth --out german --layout german --events 20000 --laus 12
  mobility synth --out people --people 2000 --days 35 --start 2024-09-30 --rotate 2024-10-21")]
    Synth(Synth),
    /// Copy inputs from object stores and web servers to this machine
    #[command(
        after_help = "Files that are already present are not copied again; interrupted copies are resumed.

Examples:
  mobility extract --lau-year 2021
  mobility extract --events s3://bucket/events --cells s3://bucket/cells
  mobility extract                                          whatever the section [extract] of the configuration names
  mobility extract --force"
    )]
    Extract(Extract),
    /// Compress raw events to hourly presence
    #[command(after_help = "Only dates whose inputs changed are computed.\n\nExamples:
  mobility compress
  mobility compress --force
  mobility compress --since 2024-10-01
  mobility compress --engine spark")]
    Compress(Compress),
    /// Find the LAU of every cell
    #[command(after_help = "Examples:\n  mobility geojoin\n  mobility geojoin --force")]
    Geojoin(Force),
    /// Find stays, moves and trips of devices
    #[command(
        after_help = "Only dates are computed whose visits, cells or settings changed, and the dates beside them.

Examples:
  mobility movement
  mobility movement --force"
    )]
    Movement(Force),
    /// Load the processed files into the warehouse
    #[command(after_help = "Examples:
  mobility load
  mobility load --warehouse embedded:/data/warehouse")]
    Load(Force),
    /// Deploy the built-in views and those of sql/views to the warehouse
    #[command(
        after_help = "A view is a file with a SELECT. Comments at its beginning, the header, describe it; all keys are
optional:

    -- name: busiest-cells              query name, with hyphens
    -- view: busiest_cells              name in SQL, with underscores; by default that of the file
    -- aliases: top-cells               further query names, separated by commas
    -- title: Cells with the most events
    -- description: A sentence or two.
    -- order: event_count desc, cell_id
    -- chart: table                     or line or bar with axis and values, or map with columns
    -- single_users: yes                treat rows as those of single users although the SQL
                                        aggregates them; others are found by themselves
    -- by: date+1                       the rows of a date depend only on the events of that date and the
                                        next one; or date, week, month, with -N and +N
    -- period: night                    the column with the first date of the period; by default date,
                                        week or month
    -- accumulate: dates                with by: date; the column holds the sum over all dates

A `single_users: no` that is not true is refused. Rows of single users are neither served nor written into reports unless a token and serve.allow_user_rows
permit it.

Examples:
  mobility views
  mobility views --list
  mobility views --refresh
  mobility views --verify                                   whether `by` in the headers is true
  mobility views --export my-views                          the built-in views, to start from"
    )]
    Views(Views),
    /// Print a view, or the result of your own SELECT
    #[command(after_help = "On a terminal, the program that the variable PAGER names shows tables.

Examples:
  mobility query users-per-lau-day-night
  mobility query users-per-lau-day-night --format csv | head -3
  mobility query users-per-lau --date 2024-10-01 --order-by user_count:desc --limit 10
  mobility query users-per-lau --output users.geojson      every LAU, on the newest date
  mobility query users-per-lau --date 2024-10-01 --output users.gpkg
  mobility query users-per-lau --output users.xlsx
  mobility query users-per-lau --output users.csv.gz
  mobility query --sql \"SELECT lau_match, COUNT(*) FROM cell_plan GROUP BY lau_match\"
  mobility query --sql @report.sql --format csv             from a file; `-` is standard input
  mobility query --sql \"DESCRIBE cell_plan\"                or SHOW TABLES, or information_schema.columns
  mobility query runs --vertical --limit 1                  one line per column
  mobility query users-per-lau --audience public            as released, without small numbers
  mobility query --list")]
    Query(Query),
    /// Serve the views: REST API and dashboard
    #[command(after_help = "Examples:
  mobility serve                                            then open http://127.0.0.1:5000/
  mobility serve --bind 127.0.0.1:8080 --verbose
  MOBILITY_SERVE_TOKEN=$(openssl rand -hex 32) MOBILITY_SERVE_TLS_CERT=server.crt \
    MOBILITY_SERVE_TLS_KEY=server.key mobility serve --bind 0.0.0.0:5000
  curl http://127.0.0.1:5000/users-per-lau-day-night
  curl 'http://127.0.0.1:5000/users-per-lau?format=csv&date=2024-10-01'
  curl http://127.0.0.1:5000/openapi.json")]
    Serve(Serve),
    /// Write the dashboard as a single file that opens without a server, or one view as a chart
    #[command(after_help = "Examples:
  mobility report --output report.html
  mobility report --view number-of-events-per-hour --output events.svg
  mobility report --from 2024-10-01 --to 2024-10-02 --title 'First days of October' --output days.html
  mobility report --view users-per-lau --date 2024-10-01 --output map.pdf
  mobility report --view users-per-lau --per-km2 --note 'Preliminary figures' --output density.svg")]
    Report(Report),
    /// Release views for the public: numbers about few devices are withheld, and what gives them away
    #[command(
        after_help = "What is withheld, and why, is in docs/publication.md. A release is compared with all earlier ones, \
which are in the
folder publish.store. Beside DIR are two files for analysts alone: DIR.gate_report.csv and DIR.reasons.csv.

Examples:
  mobility publish --dry-run                                what would be withheld, by view
  mobility publish october --from 2024-10-01 --to 2024-10-31
  mobility publish laus --view users-per-lau --view users-per-day
  mobility publish --audit october                          what an attacker can derive
  mobility publish list
  mobility publish show 3f0c"
    )]
    Publish(Publish),
    /// Report the data quality of each date
    #[command(after_help = "Examples:
  mobility quality
  mobility quality --date 2024-10-01
  mobility quality --format html --output quality.html
  mobility quality --fail-on critical --quiet > /dev/null || echo 'look at the data'")]
    Quality(Quality),
    /// Run compress, geojoin, movement, quality, load and views; skip stages whose inputs did not change
    #[command(after_help = "Examples:
  mobility run-all
  mobility run-all --from load
  mobility run-all --only compress --force")]
    RunAll(RunAll),
    /// Remove dates from copies of raw files, outputs and the warehouse
    #[command(
        after_help = "Only copies that `mobility extract` made are removed; other inputs are listed. The dates are not \
computed again, even if their raw files still exist.

Examples:
  mobility purge --before 2024-10-01 --dry-run
  mobility purge --before 2024-10-01
  mobility purge --before $(date -d '90 days ago' +%F) --yes"
    )]
    Purge(Purge),
    /// Show the last runs, or one of them in full
    #[command(after_help = "Examples:
  mobility runs
  mobility runs --limit 100 --format csv
  mobility runs 019a3c                                      a unique prefix of an id is enough
  mobility runs 019a3c --format json")]
    Runs(Runs),
    /// Check configuration, inputs and warehouse for mistakes, without changing anything
    #[command(after_help = "Examples:
  mobility check
  mobility check --config other.toml
  mobility check --report > report.md                       what a report of a fault needs")]
    Check(Check),
    /// Print a completion script for a shell
    #[command(after_help = "Examples:
  mobility completions bash > /etc/bash_completion.d/mobility
  mobility completions zsh > ~/.zfunc/_mobility")]
    Completions {
        /// Shell to complete for
        shell: Shell,
    },
    /// Write a manual page for each command
    #[command(hide = true, after_help = "Examples:\n  mobility man --out target/man")]
    Man {
        /// Folder to write into
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

impl Command {
    /// The name of the command.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Demo(_) => "demo",
            Command::Init(_) => "init",
            Command::Synth(_) => "synth",
            Command::Extract(_) => "extract",
            Command::Compress(_) => "compress",
            Command::Geojoin(_) => "geojoin",
            Command::Movement(_) => "movement",
            Command::Load(_) => "load",
            Command::Views(_) => "views",
            Command::Query(_) => "query",
            Command::Serve(_) => "serve",
            Command::Report(_) => "report",
            Command::Publish(_) => "publish",
            Command::Quality(_) => "quality",
            Command::Purge(_) => "purge",
            Command::RunAll(_) => "run-all",
            Command::Runs(_) => "runs",
            Command::Check(_) => "check",
            Command::Completions { .. } => "completions",
            Command::Man { .. } => "man",
        }
    }
}
