//! The program is killed, runs twice at once, finds no room, may not write, and its files change or
//! are damaged. `make torture` runs the same with more rounds and seeds.

mod arbitrary_bytes;
mod byte_parsers;
mod changing_inputs;
mod concurrent_runs;
mod damaged_files;
mod full_disk;
mod killed_runs;
mod read_only;

use std::path::{Path, PathBuf};

use arrow::array::RecordBatchReader;
use mobility::config::{self, Sources};
use mobility::views::Registry;
use mobility::warehouse::{self, Relation, Select};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::harness::Workspace;

/// How often something is done: as `name` says, or `usual`.
fn times(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect(name))
}

fn rounds(usual: u64) -> u64 {
    times("TORTURE_ROUNDS", usual)
}

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Three small days, for which a run takes about a second.
fn small() -> Workspace {
    let work = Workspace::mini();
    work.remove("raw");
    work.ok(&[
        "synth", "--out", "raw", "--events", "3000", "--days", "3", "--cells", "80", "--laus", "4",
    ]);
    std::fs::rename(work.path("raw/lau_boundaries"), work.path("raw/lau")).unwrap();
    work
}

/// Rows of all views, as text.
fn answers(work: &Workspace) -> anyhow::Result<String> {
    let file = work.path("pipeline.toml");
    let sources = Sources { file: Some(&file), env: &|_| None, flags: Vec::new() };
    let config = config::load(&sources)?;
    let registry = std::sync::Arc::new(Registry::read(&config)?);
    let warehouse = warehouse::open(&config, std::sync::Arc::clone(&registry))?;
    let mut all = String::new();
    for view in registry.views() {
        let rows = warehouse.select(&Select::all(Relation::View(view)))?;
        all.push_str(&format!("{} {:?}\n", view.view, rows.schema()));
        for batch in rows {
            all.push_str(&format!("{:?}\n", batch?));
        }
    }
    Ok(all)
}

/// What a run that nobody disturbed left.
struct Whole {
    processed: Vec<(PathBuf, u64)>,
    answers: String,
}

impl Whole {
    fn of(work: &Workspace) -> Whole {
        work.ok(&["run-all"]);
        let answers = answers(work).unwrap();
        assert!(answers.contains("agg_events_per_hour"), "{answers}");
        Whole { processed: work.snapshot("processed"), answers }
    }

    /// The outputs are those bytes again, and nothing lies beside them.
    fn stands(&self, work: &Workspace, when: &str) {
        assert_eq!(work.snapshot("processed"), self.processed, "{when}");
        assert_eq!(answers(work).unwrap(), self.answers, "{when}");
        assert_eq!(strays(&work.path("")), Vec::<PathBuf>::new(), "{when}");
    }
}

/// What is left of unfinished outputs.
fn strays(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".unfinished") {
            found.push(path);
        } else if path.is_dir() {
            found.extend(strays(&path));
        }
    }
    found
}
