//! `mobility check --report`: what a report of a fault needs, as Markdown.

use std::fmt::Write;
use std::path::Path;

use crate::config::{Config, WarehouseUrl, shown_location};
use crate::domain::numbers::{counted, size};
use crate::run_history::{newest_first, read};
use crate::storage::inputs::list;

/// Endings of files that are counted.
const ENDINGS: [&str; 16] = [
    "parquet",
    "parq",
    "pq",
    "csv",
    "csv.gz",
    "csv.zst",
    "tsv",
    "tsv.gz",
    "tsv.zst",
    "geojson",
    "json",
    "gpkg",
    "shp",
    "zip",
    "geoparquet",
    "fgb",
];
const RUNS: usize = 5;

/// The report; `findings` are the lines of `check`, and `config` is `None` if it cannot be read.
pub fn text(findings: &str, config: Option<&Config>) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "<!-- Read this before you send it: it names paths and files of this machine, but neither \
         passwords nor rows. -->\n\n## Program and machine\n"
    );
    for (name, value) in machine() {
        let _ = writeln!(text, "- {name}: {value}");
    }
    let _ = writeln!(text, "\n## Check\n\n```text\n{}\n```", findings.trim_end());
    let Some(config) = config else { return text };
    let settings = config.recorded_settings().ok();
    let settings = settings.and_then(|value| serde_json::to_string_pretty(&value).ok());
    let _ = writeln!(
        text,
        "\n## Configuration\n\nWithout secrets; keys with free text are left out.\n\n```json\n{}\n```",
        settings.unwrap_or_default()
    );
    let _ = writeln!(text, "\n## Sizes\n");
    for (name, size) in sizes(config) {
        let _ = writeln!(text, "- {name}: {size}");
    }
    let _ = writeln!(text, "\n## Last runs\n\n```text\n{}```", runs(config));
    text
}

fn machine() -> Vec<(&'static str, String)> {
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = memory.lines().find_map(|line| {
        let kilobytes = line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?;
        kilobytes.trim().parse::<u64>().ok()
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let is_container =
        ["/.dockerenv", "/run/.containerenv"].iter().any(|file| Path::new(file).exists());
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    vec![
        (
            "mobility",
            format!("{} ({profile}, {})", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH),
        ),
        ("system", name.map_or("unknown", |name| name.trim_matches('"')).to_owned()),
        ("kernel", kernel.trim().to_owned()),
        ("cores", cores.to_string()),
        ("memory", total.map_or_else(|| "unknown".to_owned(), |kb| size(kb * 1_024))),
        ("container", if is_container { "yes" } else { "no" }.to_owned()),
    ]
}

fn sizes(config: &Config) -> Vec<(&'static str, String)> {
    let data = &config.data;
    let mut sizes = Vec::new();
    for (key, specs) in
        [("data.events", &data.events), ("data.cells", &data.cells), ("data.lau", &data.lau)]
    {
        let found = list(key, specs, &ENDINGS);
        sizes.push((
            key,
            match found {
                Ok(files) => {
                    let bytes = files.iter().map(|file| file.bytes).sum();
                    format!("{}, {}", counted(files.len() as u64, "file"), size(bytes))
                }
                Err(error) => format!("{error:#}"),
            },
        ));
    }
    sizes.push(("data.processed", of_folder(&data.processed)));
    if let WarehouseUrl::Embedded(folder) = &config.warehouse.url {
        sizes.push(("warehouse", of_folder(folder)));
    }
    sizes
}

/// Number and size of the files below a folder.
fn of_folder(folder: &Path) -> String {
    fn add(folder: &Path, sum: &mut (u64, u64)) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            // not of the target of a link, which may be a cycle
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                add(&entry.path(), sum)?;
            } else {
                *sum = (sum.0 + 1, sum.1 + metadata.len());
            }
        }
        Ok(())
    }
    let mut sum = (0, 0);
    let shown = shown_location(&folder.to_string_lossy());
    match add(folder, &mut sum) {
        Ok(()) => format!("{} in {shown}, {}", counted(sum.0, "file"), size(sum.1)),
        Err(error) => format!("{shown}: {error}"),
    }
}

fn runs(config: &Config) -> String {
    let all = match read(&config.data.runs(), None) {
        Ok(all) => all,
        Err(error) => return format!("{error:#}\n"),
    };
    let lines = newest_first(&all, RUNS).into_iter().map(|run| {
        let started = run.started_at.format("%Y-%m-%d %H:%M:%S UTC");
        format!("{} {started} {} {}\n", run.run_id, run.command, run.status.name())
    });
    let text: String = lines.collect();
    if text.is_empty() { "none\n".to_owned() } else { text }
}
