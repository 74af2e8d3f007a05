//! `mobility check`: what is wrong, in plain words, without changing anything.

use anyhow::{Context, Result, anyhow, bail};

use super::{config_file, writable};
use crate::cli::Global;
use crate::config::{Config, WarehouseUrl};
use crate::report::grouped;
use crate::views::Registry;
use crate::{compress, geojoin, warehouse};

/// One line of the report.
struct Finding {
    subject: &'static str,
    outcome: Result<String>,
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
            let mut findings = vec![Finding { subject: "config", outcome: Ok(said) }];
            findings.extend(look(&config));
            findings
        }
        Err(error) => vec![Finding { subject: "config", outcome: Err(error) }],
    };
    let mut text = String::new();
    let mut wrong = 0;
    for Finding { subject, outcome } in findings {
        match outcome {
            Ok(said) => text.push_str(&format!("ok     {subject:<10} {said}\n")),
            Err(error) => {
                wrong += 1;
                text.push_str(&format!("WRONG  {subject:<10} {error:#}\n"));
            }
        }
    }
    super::print(&text)?;
    match wrong {
        0 => Ok(()),
        1 => Err(anyhow!("1 thing is wrong, see above")),
        n => Err(anyhow!("{n} things are wrong, see above")),
    }
}

fn look(config: &Config) -> Vec<Finding> {
    vec![
        Finding { subject: "events", outcome: events(config) },
        Finding { subject: "cell plan", outcome: geojoin::check_cells(config) },
        Finding { subject: "LAUs", outcome: geojoin::check_boundaries(config) },
        Finding { subject: "outputs", outcome: outputs(config) },
        Finding { subject: "views", outcome: views(config) },
        Finding { subject: "warehouse", outcome: holdings(config) },
    ]
}

fn events(config: &Config) -> Result<String> {
    let files = compress::open(config, compress::inputs(config)?)?;
    let rows: u64 = files.iter().map(|f| (0..f.row_groups()).map(|i| f.rows(i)).sum::<u64>()).sum();
    let bytes: u64 = files.iter().map(|f| f.input.bytes).sum();
    if rows == 0 {
        bail!("{} files without a single row", files.len());
    }
    Ok(format!("{} rows in {} files, {} MiB", grouped(rows), files.len(), grouped(bytes >> 20)))
}

fn outputs(config: &Config) -> Result<String> {
    writable(&config.data.processed).context("data.processed")?;
    if let WarehouseUrl::Embedded(folder) = &config.warehouse.url {
        writable(folder).context("warehouse.url")?;
    }
    Ok("folders can be written".to_owned())
}

fn views(config: &Config) -> Result<String> {
    let registry = Registry::read(config)?;
    Ok(format!("{} views in {}", registry.views().len(), config.views.dir.display()))
}

fn holdings(config: &Config) -> Result<String> {
    let warehouse = warehouse::open(config, std::sync::Arc::new(Registry::read(config)?))?;
    Ok(match warehouse.loaded()? {
        Some(loaded) => {
            let rows = loaded.rows.iter().map(|(t, n)| format!("{t} {}", grouped(*n)));
            format!(
                "{}, loaded {}: {}",
                warehouse.location(),
                loaded.loaded_at,
                rows.collect::<Vec<_>>().join(", ")
            )
        }
        None => format!("{} is empty; `mobility run-all` fills it", warehouse.location()),
    })
}
