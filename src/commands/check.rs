//! `mobility check`: what is wrong, in plain words, without changing anything.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};

use super::{config_file, writable};
use crate::cli::Global;
use crate::config::{Config, Engine, Spark, WarehouseUrl};
use crate::domain::numbers::{counted, grouped, size};
use crate::events::input;
use crate::events::input::EventInput;
use crate::stages::geojoin;
use crate::storage::sync;
use crate::views::Registry;
use crate::warehouse;
use crate::warehouse::Warehouse;

/// What is said of one subject.
struct Said {
    text: String,
    /// The work can be done, but should be looked at.
    doubtful: bool,
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Said { text, doubtful: false }
    }
}

/// One line of the report.
struct Finding {
    subject: &'static str,
    outcome: Result<Said>,
}

fn finding(subject: &'static str, outcome: Result<impl Into<Said>>) -> Finding {
    Finding { subject, outcome: outcome.map(Into::into) }
}

pub fn run(global: &Global, config: Result<Config>) -> Result<()> {
    let file = config_file(global).unwrap_or_else(|| "pipeline.toml".into());
    let findings = match config {
        Ok(config) => {
            let said = if file.exists() {
                format!("{} is sound", file.display())
            } else {
                "no config file: defaults apply".to_owned()
            };
            let mut findings = vec![finding("config", Ok(said))];
            findings.extend(look(&config));
            findings
        }
        Err(error) => vec![finding("config", Err::<String, _>(error))],
    };
    let mut text = String::new();
    let mut wrong = 0;
    for Finding { subject, outcome } in findings {
        let (status, said) = match outcome {
            Ok(said) => (if said.doubtful { "warn" } else { "ok" }, said.text),
            Err(error) => {
                wrong += 1;
                ("WRONG", format!("{error:#}"))
            }
        };
        text.push_str(&format!("{status:<6} {subject:<10} {said}\n"));
    }
    super::print(&text)?;
    match wrong {
        0 => Ok(()),
        1 => Err(anyhow!("1 thing is wrong, see above")),
        n => Err(anyhow!("{n} things are wrong, see above")),
    }
}

fn look(config: &Config) -> Vec<Finding> {
    let (cells, laus) = geojoin::check(config);
    let registry = Registry::read(config);
    // a fault in a view file is no fault of the warehouse
    let views = Arc::new(registry.as_ref().map(Registry::clone).unwrap_or_default());
    let warehouse = warehouse::open(config, views);
    let views = registry.and_then(|r| views_of(config, &r, warehouse.as_deref().ok()));
    let mut findings = vec![
        finding("events", events(config)),
        finding("cell plan", cells.map(cell_plan)),
        finding("LAUs", laus),
        finding("outputs", outputs(config)),
        finding("views", views),
        finding("warehouse", warehouse.and_then(|w| holdings(config, w.as_ref()))),
    ];
    if config.engine == Engine::Spark {
        findings.push(finding("engine", engine(&config.spark)));
    }
    findings
}

fn engine(spark: &Spark) -> Result<String> {
    crate::spark::check(spark)?;
    let program = spark.submit.join(" ");
    Ok(match &spark.master {
        Some(master) => format!("{program} is there, and {master} answers"),
        None => format!("{program} is there"),
    })
}

fn events(config: &Config) -> Result<String> {
    let files = input::open(config, input::inputs(config)?)?;
    let (text, counted_files): (Vec<_>, Vec<_>) =
        files.iter().partition(|f| matches!(f, EventInput::Csv(_)));
    let stated =
        |f: &EventInput| (0..f.parts()).filter_map(|part| f.stated_rows(part)).sum::<u64>();
    let rows: u64 = counted_files.iter().map(|f| stated(f)).sum();
    let bytes: u64 = files.iter().map(|f| f.input().bytes).sum();
    if rows == 0 && text.is_empty() {
        bail!("{} without a single row", counted(files.len() as u64, "file"));
    }
    let mut said = Vec::new();
    if !counted_files.is_empty() {
        let number = counted(counted_files.len() as u64, "file");
        said.push(format!("{} in {number}", counted(rows, "row")));
    }
    if !text.is_empty() {
        said.push(format!("{} in CSV with a good header", counted(text.len() as u64, "file")));
    }
    Ok(format!("{}, {}", said.join(", "), size(bytes)))
}

fn cell_plan(checked: geojoin::Checked) -> Said {
    let doubtful = !checked.doubts.is_empty();
    let parts: Vec<String> = std::iter::once(checked.said).chain(checked.doubts).collect();
    Said { text: parts.join("; "), doubtful }
}

fn outputs(config: &Config) -> Result<String> {
    writable(&config.data.processed).context("data.processed")?;
    if let WarehouseUrl::Embedded(folder) = &config.warehouse.url {
        writable(folder).context("warehouse.url")?;
    }
    Ok(match sync::check(config)? {
        Some(said) => format!("{said}; folders can be written"),
        None => "folders can be written".to_owned(),
    })
}

fn views_of(
    config: &Config,
    registry: &Registry,
    warehouse: Option<&dyn Warehouse>,
) -> Result<String> {
    if let Some(warehouse) = warehouse {
        warehouse.verify()?;
    }
    let number = counted(registry.views().len() as u64, "view");
    Ok(match &config.views.dir {
        Some(folder) => format!("{number} in {}", folder.display()),
        None => format!("{number} that come with the program"),
    })
}

fn holdings(config: &Config, warehouse: &dyn Warehouse) -> Result<String> {
    let url = &config.warehouse.url;
    Ok(match warehouse.loaded()? {
        Some(loaded) => {
            let rows = loaded.rows.iter().map(|(t, n)| format!("{t} {}", grouped(*n)));
            let rows = rows.collect::<Vec<_>>().join(", ");
            format!("{url}, loaded {}: {rows}", loaded.loaded_at)
        }
        None => format!("{url} is empty; `mobility run-all` fills it"),
    })
}
