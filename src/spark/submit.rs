//! The command that runs SQL on Spark, and the check that program and master are available.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::connectors;
use super::file_path::SparkPath;
use super::job_folder::JobFolder;
use crate::config::{Spark, shown_location};

/// Time limit for the master to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Locale in which Java decodes file names and SQL as UTF-8.
const UTF_8: &str = "C.UTF-8";

/// Properties that the SQL depends on; they override the configured ones.
const REQUIRED_CONF: &[(&str, &str)] = &[
    // no metastore: tables only exist during the job
    ("spark.sql.catalogImplementation", "in-memory"),
    ("spark.sql.session.timeZone", "UTC"),
    ("spark.sql.timestampType", "TIMESTAMP_LTZ"),
    ("spark.sql.caseSensitive", "true"),
    ("spark.sql.ansi.enabled", "true"),
    ("spark.sql.ansi.doubleQuotedIdentifiers", "true"),
    ("spark.sql.parquet.compression.codec", "snappy"),
    ("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS"),
    ("spark.sql.parquet.datetimeRebaseModeInRead", "CORRECTED"),
    ("spark.sql.parquet.datetimeRebaseModeInWrite", "CORRECTED"),
    ("spark.sql.parquet.int96RebaseModeInRead", "CORRECTED"),
    // saves the search for metadata of a streaming sink below a glob pattern
    ("spark.sql.streaming.fileStreamSink.metadata.ignored", "true"),
    ("spark.sql.files.ignoreCorruptFiles", "false"),
    ("spark.sql.files.ignoreMissingFiles", "false"),
    ("spark.sql.requireAllClusterKeysForDistribution", "false"),
    ("spark.sql.cli.print.header", "false"),
    ("spark.executorEnv.LC_ALL", UTF_8),
    ("spark.ui.showConsoleProgress", "true"),
];

/// The command that runs the statements of `script` in the folder of a job.
///
/// # Errors
/// A folder that is not UTF-8.
pub fn command(spark: &Spark, script: &Path, folder: &JobFolder) -> Result<Command> {
    let program = program(spark)?;
    let tables = SparkPath::local(&folder.path().join("tables"))?;
    let mut command = Command::new(program);
    command.args(&spark.submit[1..]);
    if let Some(master) = &spark.master {
        command.args(["--master", master]);
    }
    command.args(["--name", "mobility"]);
    let mut defaults = connectors::store_properties(|name| std::env::var(name).ok());
    if folder.is_in_store() {
        defaults.extend(connectors::committer_properties(folder.shared().root()));
    }
    let pair = |(name, value): (&'_ String, &'_ String)| (name.clone(), value.clone());
    let required = REQUIRED_CONF.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    // the last value of a property takes effect
    for (name, value) in defaults.into_iter().chain(spark.conf.iter().map(pair)).chain(required) {
        command.arg("--conf").arg(format!("{name}={value}"));
    }
    command.arg("--conf").arg(format!("spark.sql.warehouse.dir={tables}"));
    command.arg("-f").arg(script).current_dir(folder.path()).env("LC_ALL", UTF_8);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// The program; a path is made absolute.
fn program(spark: &Spark) -> Result<std::path::PathBuf> {
    let program = spark.submit.first().context("spark.submit is empty")?;
    match program.contains('/') {
        true => Ok(std::path::absolute(program)?),
        false => Ok(program.into()),
    }
}

/// The error for a command that could not be started.
pub fn cannot_start(spark: &Spark, error: std::io::Error) -> anyhow::Error {
    let program = spark.submit.first().map_or("", String::as_str);
    anyhow!(error).context(format!(
        "spark.submit: {program} cannot be started; install Apache Spark 4 (`pip install pyspark` \
         brings it) with Java 17, or set spark.submit to the path of its spark-sql"
    ))
}

/// Checks that the program exists and that a `spark://` master answers. Other kinds of masters are not
/// checked.
///
/// # Errors
/// A missing program; a master that does not answer.
pub fn check(spark: &Spark) -> Result<()> {
    let program = program(spark)?;
    let found = if program.components().count() > 1 {
        program.is_file()
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(&program).is_file())
    };
    if !found {
        return Err(cannot_start(spark, std::io::ErrorKind::NotFound.into()));
    }
    let Some(master) = &spark.master else { return Ok(()) };
    let Some(hosts) = master.strip_prefix("spark://") else { return Ok(()) };
    let mut last = None;
    for host in hosts.split(',') {
        let addresses = match host.to_socket_addrs() {
            Ok(addresses) => addresses,
            Err(error) => {
                last = Some(error);
                continue;
            }
        };
        for address in addresses {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(_) => return Ok(()),
                Err(error) => last = Some(error),
            }
        }
    }
    let reason = last.map_or_else(|| "no address".to_owned(), |error| error.to_string());
    bail!(
        "spark.master: {} does not answer ({reason}); start the master, or correct the key",
        shown_location(master)
    )
}
