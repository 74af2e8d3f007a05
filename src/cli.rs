//! The command line: names, flags and help. A flag that overrides a configuration key has no default
//! here; the configuration has it.

use std::path::PathBuf;

use anyhow::{Result, bail};
use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::Engine;
use crate::errors::UsageError;
use crate::output::formats::Format;
use crate::progress::ProgressMode;
use crate::progress::log::LogFormat;
use crate::stages::pipeline::Stage;
use crate::stages::quality::Level;
use crate::stages::synth::Layout;

#[derive(Debug, Parser)]
#[command(
    name = "mobility",
    version,
    about = "Turns raw mobile network events into mobility insights: one binary, exact numbers, in seconds.",
    after_help = "`mobility help COMMAND` explains a command. CONTRIBUTING.md in the sources says where to ask;
`mobility check --report` collects what a report of a fault needs.

Examples:
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
    /// Write a synthetic data set: events, cell plan, LAU boundaries
    #[command(after_help = "Examples:
  mobility synth --out data/raw
  mobility synth --out /tmp/big --events 40700000 --days 3 --seed 7
  mobility synth --out german --layout german --events 20000 --laus 12")]
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
    /// Report the data quality of each date
    #[command(after_help = "Examples:
  mobility quality
  mobility quality --date 2024-10-01
  mobility quality --format html --output quality.html
  mobility quality --fail-on critical --quiet > /dev/null || echo 'look at the data'")]
    Quality(Quality),
    /// Run compress, geojoin, quality, load and views; skip stages whose inputs did not change
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
            Command::Synth(_) => "synth",
            Command::Extract(_) => "extract",
            Command::Compress(_) => "compress",
            Command::Geojoin(_) => "geojoin",
            Command::Load(_) => "load",
            Command::Views(_) => "views",
            Command::Query(_) => "query",
            Command::Serve(_) => "serve",
            Command::Report(_) => "report",
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

#[derive(Debug, Args)]
pub struct Synth {
    /// Folder to write events/, cells/ and lau_boundaries/ into
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Number of users [default: in proportion to events, 150,000 for 40.7 million a day]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub users: Option<u64>,
    /// Number of events per day
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub events: u64,
    /// Number of cells
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub cells: u64,
    /// Number of LAUs in the main country; a second country gets about half as many
    #[arg(long, default_value_t = 79, value_parser = clap::value_parser!(u64).range(1..=98_000))]
    pub laus: u64,
    /// Number of days
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3_660))]
    pub days: u32,
    /// First day
    #[arg(long, value_parser = day, default_value = "2024-10-01", value_name = "DATE")]
    pub start: NaiveDate,
    /// Seed of the random numbers; the same seed gives the same bytes
    #[arg(long, default_value_t = 20_241_001)]
    pub seed: u64,
    /// Formats, column names and identifiers of the files
    #[arg(long, value_enum, default_value_t)]
    pub layout: Layout,
}

#[derive(Debug, Args)]
pub struct Extract {
    /// Events to copy, instead of extract.events
    #[arg(long, value_name = "URL")]
    pub events: Option<String>,
    /// Cell plans to copy, instead of extract.cells
    #[arg(long, value_name = "URL")]
    pub cells: Option<String>,
    /// Year of the LAU boundaries to copy, instead of extract.lau_year
    #[arg(long, value_name = "YEAR")]
    pub lau_year: Option<u16>,
    /// Folder of the copies, instead of extract.to
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Copy everything again
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Force {
    /// Do the work again even if its inputs did not change
    #[arg(long)]
    pub force: bool,
}

/// Flag of commands whose work a cluster can do.
#[derive(Debug, Args)]
pub struct ByEngine {
    /// Engine: this machine, or Apache Spark on a cluster [default: native]
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub engine: Option<Engine>,
}

#[derive(Debug, Args)]
pub struct Compress {
    /// Compute every date again even if its inputs did not change
    #[arg(long)]
    pub force: bool,
    /// Leave earlier dates as they are, even if their inputs changed
    #[arg(long, value_parser = day, value_name = "DATE")]
    pub since: Option<NaiveDate>,
    #[command(flatten)]
    pub engine: ByEngine,
}

#[derive(Debug, Args)]
pub struct Views {
    /// List the views and change nothing
    #[arg(long)]
    pub list: bool,
    /// Compute every view again
    #[arg(long, conflicts_with = "list")]
    pub refresh: bool,
    /// Write the files of the built-in views into a folder, and change nothing else
    #[arg(long, value_name = "DIR", conflicts_with_all = ["list", "refresh", "engine"])]
    pub export: Option<PathBuf>,
    #[command(flatten)]
    pub engine: ByEngine,
}

/// A day in a flag.
fn day(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|error| match error.kind() {
        chrono::format::ParseErrorKind::OutOfRange | chrono::format::ParseErrorKind::Impossible => {
            "there is no such day".to_owned()
        }
        _ => "write days as YYYY-MM-DD, for example 2024-10-01".to_owned(),
    })
}

/// A range of days.
#[derive(Debug, Args)]
pub struct Dates {
    /// Only this day, for example 2024-10-01
    #[arg(long, value_parser = day, value_name = "DATE", conflicts_with_all = ["from", "to"])]
    pub date: Option<NaiveDate>,
    /// First day
    #[arg(long, value_parser = day, value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// Last day
    #[arg(long, value_parser = day, value_name = "DATE")]
    pub to: Option<NaiveDate>,
}

impl Dates {
    /// First and last day, where they are given.
    ///
    /// # Errors
    /// [`UsageError`] for days that end before they begin.
    pub fn bounds(&self) -> Result<(Option<NaiveDate>, Option<NaiveDate>)> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from > to => bail!(UsageError(format!(
                "--from {from} is after --to {to}; give the first day with --from and the last \
                 with --to"
            ))),
            _ => Ok((self.date.or(self.from), self.date.or(self.to))),
        }
    }
}

/// Flags of commands that write CSV.
#[derive(Debug, Args)]
pub struct CsvOptions {
    /// For spreadsheets: in CSV and TSV, put an apostrophe before texts that would be taken for formulas
    #[arg(long)]
    pub csv_safe: bool,
}

impl CsvOptions {
    /// Whether CSV is to be safe for spreadsheets.
    ///
    /// # Errors
    /// [`UsageError`] if the output is not CSV.
    pub fn spreadsheet_safe(&self, is_csv: bool) -> Result<bool> {
        if self.csv_safe && !is_csv {
            bail!(UsageError(
                "--csv-safe concerns CSV; add --format csv, or leave it out".to_owned()
            ));
        }
        Ok(self.csv_safe)
    }
}

#[derive(Debug, Args)]
pub struct Query {
    /// Query name, view name, alias or table; `--list` lists the views
    #[arg(conflicts_with_all = ["list", "sql"])]
    pub view: Option<String>,
    /// List the views and tables with their columns
    #[arg(long, conflicts_with = "sql")]
    pub list: bool,
    /// Run your own read-only SELECT, DESCRIBE or SHOW TABLES; `-` reads it from standard input, and
    /// `@FILE` from a file
    #[arg(long, value_name = "SELECT", allow_hyphen_values = true, conflicts_with_all = ["date", "from", "to", "lau", "order_by", "limit", "offset"])]
    pub sql: Option<String>,
    /// Output format [default: by the extension of --output, else table]
    #[arg(long, short, value_enum)]
    pub format: Option<Format>,
    /// Write to a file, which appears once it is complete; FILE.gz is compressed
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// In a table on a terminal, show all columns and values in full, however long the lines are
    #[arg(long)]
    pub wide: bool,
    /// In place of a table, show each row with one line per column
    #[arg(long, conflicts_with = "wide")]
    pub vertical: bool,
    /// Compress the output with gzip, whatever its name is
    #[arg(long)]
    pub compress: bool,
    #[command(flatten)]
    pub csv: CsvOptions,
    /// Maximum number of rows
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Number of rows to skip
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub offset: u64,
    #[command(flatten)]
    pub dates: Dates,
    /// GeoJSON and GeoPackage: the rows of all dates instead of the newest one
    #[arg(long, conflicts_with_all = ["date", "from", "to", "sql"])]
    pub all_dates: bool,
    /// Only this lau_id (GISCO_ID)
    #[arg(long, value_name = "ID")]
    pub lau: Option<String>,
    /// Columns to order by, separated by commas; append `:desc` for descending order
    #[arg(long, value_name = "COL[:desc]", value_delimiter = ',')]
    pub order_by: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Address and port to listen on, instead of serve.bind; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub bind: Option<String>,
    /// Path below which clients see the server, such as /mobility, instead of serve.base_path
    #[arg(long, value_name = "PATH")]
    pub base_path: Option<String>,
    /// Listen on an address that other machines can reach, without a serve.token
    #[arg(long)]
    pub insecure: bool,
}

#[derive(Debug, Args)]
pub struct Report {
    /// File to write, which appears once it is complete: FILE.html, or with --view FILE.svg, .png or .pdf
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Draw this one view instead, with the chart that its header names
    #[arg(long, value_name = "VIEW")]
    pub view: Option<String>,
    /// Format [default: by the extension of --output]
    #[arg(long, short, value_enum)]
    pub format: Option<ReportFormat>,
    #[command(flatten)]
    pub dates: Dates,
    /// Title, instead of the period or the title of the view
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// A line of text below the title of the dashboard, or below the chart
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Draw the values of a map per square kilometre
    #[arg(long, requires = "view")]
    pub per_km2: bool,
}

/// Formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    Html,
    Svg,
    Png,
    Pdf,
}

#[derive(Debug, Args)]
pub struct Quality {
    #[command(flatten)]
    pub dates: Dates,
    /// Format [default: by the extension of --output, else table]
    #[arg(long, short, value_enum)]
    pub format: Option<QualityFormat>,
    /// Write to a file, which appears once it is complete
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub csv: CsvOptions,
    /// Exit with status 1 if any of the days has a finding of this level or worse
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub fail_on: Option<Level>,
    /// Compute every day again even if its records did not change
    #[arg(long)]
    pub force: bool,
}

/// Formats of a quality report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum QualityFormat {
    /// A table for a terminal
    Table,
    /// Dates, codes and warnings as one JSON document
    Json,
    /// A page that opens without a server
    Html,
    /// All figures of every date as CSV (RFC 4180) with a header line
    Csv,
    /// Markdown tables
    Markdown,
}

#[derive(Debug, Args)]
pub struct RunAll {
    /// First stage to run
    #[arg(long, value_enum, value_name = "STAGE", conflicts_with = "only")]
    pub from: Option<Stage>,
    /// Run only this stage
    #[arg(long, value_enum, value_name = "STAGE")]
    pub only: Option<Stage>,
    /// Do the work again even if its inputs did not change
    #[arg(long)]
    pub force: bool,
    /// Leave the events of earlier dates as they are, even if their inputs changed
    #[arg(long, value_parser = day, value_name = "DATE")]
    pub since: Option<NaiveDate>,
    #[command(flatten)]
    pub engine: ByEngine,
}

#[derive(Debug, Args)]
pub struct Purge {
    /// First date that is kept
    #[arg(long, value_parser = day, value_name = "DATE")]
    pub before: NaiveDate,
    /// List what would be removed, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Print, as Markdown, what a report of a fault needs: version, machine, configuration without secrets,
    /// findings, sizes and the last runs
    #[arg(long)]
    pub report: bool,
}

#[derive(Debug, Args)]
pub struct Runs {
    /// Id of a run, or a unique prefix of it
    pub run_id: Option<String>,
    /// Maximum number of runs
    #[arg(long, default_value_t = 20, value_name = "N", conflicts_with = "run_id")]
    pub limit: usize,
    /// Output format
    #[arg(long, short, value_enum, default_value_t)]
    pub format: RunsFormat,
    #[command(flatten)]
    pub csv: CsvOptions,
}

/// Formats of the list of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum RunsFormat {
    /// A table for a terminal
    #[default]
    Table,
    /// All columns of the table runs as CSV (RFC 4180) with a header line
    Csv,
    /// A JSON array of objects
    Json,
    /// One JSON object per line
    Ndjson,
    /// A Markdown table
    Markdown,
}
