//! `mobility check`: validates configuration, inputs and warehouse without changing anything.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};

use super::{check_events, check_publication, check_report};
use crate::cli::Check;
use crate::config::{Config, Engine, OutputMode, Spark, WarehouseUrl, shown_location};
use crate::datasets::copies::has_copies;
use crate::datasets::manifest::Manifest;
use crate::datasets::presence;
use crate::domain::numbers::{counted, grouped};
use crate::formats::parquet::checksum;
use crate::output::snapshots;
use crate::stages::geojoin;
use crate::storage::{lock, permissions, sync};
use crate::views::Registry;
use crate::warehouse;
use crate::warehouse::Warehouse;

/// A subject without errors.
struct Passed {
    text: String,
    /// The stages can run, but the user should look at something first.
    is_warning: bool,
}

impl From<String> for Passed {
    fn from(text: String) -> Self {
        Passed { text, is_warning: false }
    }
}

/// One line of the report.
struct Finding {
    subject: &'static str,
    outcome: Result<Passed>,
}

fn finding(subject: &'static str, outcome: Result<impl Into<Passed>>) -> Finding {
    Finding { subject, outcome: outcome.map(Into::into) }
}

/// Prints the findings, or with `--report` what a report of a fault needs. With `--publication`, what is
/// known about the numbers of each view follows.
pub fn run(file: &Path, config: Result<Config>, args: &Check) -> Result<()> {
    let reported = config.as_ref().ok().filter(|_| args.report).cloned();
    // an invalid view file is among the findings
    let registry = config.as_ref().ok().filter(|_| args.publication);
    let registry = registry.and_then(|config| Registry::read(config.into()).ok());
    let findings = match config {
        Ok(config) => {
            let text = if file.exists() {
                format!("{} is valid", file.display())
            } else {
                "no config file: defaults apply".to_owned()
            };
            let mut findings = vec![finding("config", Ok(text))];
            findings.extend(check_all(&config));
            findings
        }
        Err(error) => vec![finding("config", Err::<String, _>(error))],
    };
    let mut text = String::new();
    let mut wrong = 0u64;
    for Finding { subject, outcome } in findings {
        let (status, text_of_subject) = match outcome {
            Ok(passed) => (if passed.is_warning { "warn" } else { "ok" }, passed.text),
            Err(error) => {
                wrong += 1;
                ("WRONG", format!("{error:#}"))
            }
        };
        text.push_str(&format!("{status:<6} {subject:<10} {text_of_subject}\n"));
    }
    if args.report {
        return super::print(&check_report::text(&text, reported.as_ref()));
    }
    if let Some(registry) = &registry {
        text.push_str(&check_publication::text(registry));
    }
    super::print(&text)?;
    match wrong {
        0 => Ok(()),
        n => Err(anyhow!("{} found, see above", counted(n, "problem"))),
    }
}

fn check_all(config: &Config) -> Vec<Finding> {
    let (cells, laus) = geojoin::check(config.into());
    let events = check_events::check(config, cells.as_ref().ok());
    let registry = Registry::read(config.into());
    // an invalid view file is reported under its own subject, not under the warehouse
    let views = Arc::new(registry.as_ref().map(Registry::clone).unwrap_or_default());
    let warehouse = warehouse::open(config, views);
    let views = registry.and_then(|r| views_of(config, &r, warehouse.as_deref().ok()));
    let mut findings = vec![
        finding("events", events.map(|(summary, warnings)| passed(summary, warnings))),
        finding("cell plan", cells.map(|plan| passed(plan.summary, plan.warnings))),
        finding("LAUs", laus.map(|laus| passed(laus.summary, laus.warnings))),
        finding("outputs", outputs(config)),
        finding("processed", processed(config)),
        finding("views", views),
        finding("warehouse", warehouse.and_then(|w| contents(config, w.as_ref()))),
    ];
    if config.engine == Engine::Spark {
        findings.push(finding("engine", engine(&config.spark)));
    }
    findings
}

fn engine(spark: &Spark) -> Result<String> {
    crate::spark::check(spark)?;
    let program = spark.submit.first().map_or("", String::as_str);
    Ok(match &spark.master {
        Some(master) => format!("{program} was found, and {} responds", shown_location(master)),
        None => format!("{program} was found"),
    })
}

fn passed(summary: String, warnings: Vec<String>) -> Passed {
    let is_warning = !warnings.is_empty();
    let parts: Vec<String> = std::iter::once(summary).chain(warnings).collect();
    Passed { text: parts.join("; "), is_warning }
}

fn outputs(config: &Config) -> Result<Passed> {
    writable(&config.data.processed).context("data.processed")?;
    let mut folders = vec![config.data.processed.as_path()];
    // other inputs belong to those who provide them
    folders.extend(has_copies(&config.extract.to).then_some(config.extract.to.as_path()));
    if let WarehouseUrl::Embedded(folder) = &config.warehouse.url {
        writable(folder).context("warehouse.url")?;
        folders.push(folder);
    }
    let mut parts: Vec<String> = sync::check(&config.data)?.into_iter().collect();
    parts.push("folders are writable".to_owned());
    let open: Vec<String> = folders.into_iter().filter_map(|f| open_to_others(config, f)).collect();
    let is_warning = !open.is_empty();
    parts.extend(open);
    Ok(Passed { text: parts.join("; "), is_warning })
}

/// A warning about what others than the owner can read in a folder of outputs.
fn open_to_others(config: &Config, folder: &Path) -> Option<String> {
    let found = permissions::open_to_others(folder)?;
    let rights = match config.output.mode {
        OutputMode::Owner => "go=",
        OutputMode::Group => "g-w,o=",
    };
    Some(format!(
        "other users of this machine can use {} of the files and folders in {}, the first is {}; remove \
         their access with chmod -R {rights} {}",
        grouped(found.count),
        folder.display(),
        found.first.display(),
        folder.display()
    ))
}

/// Compares the processed files with the manifest, and reads them to find damage.
fn processed(config: &Config) -> Result<Passed> {
    let data = &config.data;
    let events = data.compressed_events();
    if !data.processed.is_dir() {
        return Ok("nothing yet".to_owned().into());
    }
    let _lock = match lock::to_read(&data.processed) {
        Ok(lock) => lock,
        Err(error) => {
            return Ok(Passed { text: format!("not compared: {error:#}"), is_warning: true });
        }
    };
    let single = [data.cells_with_lau(), data.lau_units()].into_iter();
    let single = single.chain(data.small_tables().map(|(_, path)| path));
    checksum::verify(single.filter(|path| path.exists()))?;
    if !events.is_dir() && Manifest::read_unverified(&events).is_none() {
        return Ok("no compressed events yet".to_owned().into());
    }
    let manifest = Manifest::read(&events)?;
    let files: Vec<_> = presence::files(&events)?.into_iter().map(|file| file.path).collect();
    checksum::verify(&files)?;
    let (dates, files) = (manifest.dates.len() as u64, files.len() as u64);
    let (dates, files) = (counted(dates, "date"), counted(files, "file"));
    Ok(format!("{dates} in {files}, complete and undamaged").into())
}

fn views_of(
    config: &Config,
    registry: &Registry,
    warehouse: Option<&dyn Warehouse>,
) -> Result<String> {
    if let Some(warehouse) = warehouse {
        warehouse.verify()?;
    }
    let (all, own) = (registry.views().len(), registry.own_views());
    let number = counted(all as u64, "view");
    let folder = config.views.dir.as_deref().unwrap_or(Path::new("sql/views")).display();
    let summary = match own {
        0 => format!("{number} built into the program"),
        _ if own == all => format!("{number} in {folder}"),
        _ => format!("{number}, {} of them in {folder}", grouped(own as u64)),
    };
    let mut parts: Vec<String> = std::iter::once(summary).chain(registry.remarks()).collect();
    if let Some(warehouse) = warehouse
        && warehouse.loaded().is_ok_and(|loaded| loaded.is_some())
    {
        parts.extend(snapshots_without_rows(registry, warehouse)?);
    }
    Ok(parts.join("; "))
}

/// The dates of `views.snapshot_dates` that are not loaded.
fn snapshots_without_rows(
    registry: &Registry,
    warehouse: &dyn Warehouse,
) -> Result<Option<String>> {
    let mut missing = BTreeSet::new();
    for view in registry.views() {
        if !snapshots::is_loaded(warehouse, view)? {
            missing.extend(view.snapshot.map(|date| date.to_string()));
        }
    }
    let dates = missing.into_iter().collect::<Vec<_>>().join(", ");
    Ok((!dates.is_empty()).then(|| format!("views.snapshot_dates: {dates} is not loaded")))
}

fn contents(config: &Config, warehouse: &dyn Warehouse) -> Result<Passed> {
    let warnings = warehouse.warnings().join("; ");
    let text = contents_text(config, warehouse)?;
    Ok(match warnings.is_empty() {
        true => text.into(),
        false => Passed { text: format!("{text}; {warnings}"), is_warning: true },
    })
}

fn contents_text(config: &Config, warehouse: &dyn Warehouse) -> Result<String> {
    let url = &config.warehouse.url;
    let loaded = warehouse.loaded()?;
    warehouse.verify_files(true)?;
    Ok(match loaded {
        Some(loaded) => {
            let rows = loaded.rows.iter().map(|(t, n)| format!("{t} {}", grouped(*n)));
            let rows = rows.collect::<Vec<_>>().join(", ");
            format!("{url}, loaded {}: {rows}", loaded.loaded_at)
        }
        None => {
            let missing = warehouse.missing()?;
            let first = match missing.is_empty() {
                true => String::new(),
                false => {
                    format!("it lacks {}, which `mobility load` creates; ", missing.join(" and "))
                }
            };
            format!("{url} is empty; {first}`mobility run-all` fills it")
        }
    })
}

/// Checks that a folder can be created and written.
fn writable(folder: &Path) -> Result<()> {
    let existing = folder.ancestors().find(|p| p.exists()).unwrap_or(Path::new("."));
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    tempfile::Builder::new()
        .prefix(".mobility-check")
        .tempfile_in(existing)
        .with_context(|| format!("{} cannot be written", existing.display()))?;
    Ok(())
}
