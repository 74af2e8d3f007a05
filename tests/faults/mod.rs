//! Faults: the program is killed, runs twice at once, has no disk space, may not write, or its files
//! change or are damaged. `make torture` runs the same tests with more rounds and seeds.

mod arbitrary_bytes;
mod byte_parsers;
mod changing_inputs;
mod concurrent_runs;
mod damaged_files;
mod full_disk;
mod growing_views;
mod killed_runs;
mod locks;
mod part_files;
mod power_failure;
mod read_only;
pub mod reference;

use std::path::{Path, PathBuf};

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::compute::concat_batches;
use mobility::config::{self, Sources};
use mobility::views::Registry;
use mobility::warehouse::{self, Relation, Select};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::harness::Workspace;

/// The number of repetitions that an environment variable sets, or the usual one.
fn repetitions(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect(name))
}

fn rounds(usual: u64) -> u64 {
    repetitions("TORTURE_ROUNDS", usual)
}

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Three days of few events, for which a run takes about a second.
fn three_small_days() -> Workspace {
    let work = Workspace::mini();
    work.remove("raw");
    work.ok(&[
        "synth", "--out", "raw", "--events", "3000", "--days", "3", "--cells", "80", "--laus", "4",
    ]);
    std::fs::rename(work.path("raw/lau_boundaries"), work.path("raw/lau")).unwrap();
    work
}

/// Name and rows of every view.
type Answers = Vec<(String, RecordBatch)>;

fn answers(work: &Workspace) -> anyhow::Result<Answers> {
    let file = work.path("pipeline.toml");
    let sources = Sources { file: Some(&file), env: &|_| None, flags: Vec::new() };
    let config = config::load(&sources)?;
    let registry = std::sync::Arc::new(Registry::read((&config).into())?);
    let warehouse = warehouse::open(&config, std::sync::Arc::clone(&registry))?;
    let mut all = Vec::new();
    for view in registry.views() {
        let rows = warehouse.select(&Select::all(Relation::View(view)))?;
        let schema = rows.schema();
        let batches = rows.collect::<Result<Vec<_>, _>>()?;
        all.push((view.view.to_string(), concat_batches(&schema, &batches)?));
    }
    Ok(all)
}

/// Outputs and answers of a run that nothing disturbed.
struct UndisturbedRun {
    processed: Vec<(PathBuf, u64)>,
    answers: Answers,
}

impl UndisturbedRun {
    fn of(work: &Workspace) -> UndisturbedRun {
        work.ok(&["run-all"]);
        let answers = answers(work).unwrap();
        assert!(answers.iter().all(|(_, rows)| rows.num_rows() > 0), "{answers:?}");
        UndisturbedRun { processed: work.snapshot("processed"), answers }
    }

    /// Asserts that outputs and answers are the same again and no unfinished file is left.
    fn assert_equal_to(&self, work: &Workspace, when: &str) {
        assert_eq!(work.snapshot("processed"), self.processed, "{when}");
        self.assert_same_answers(work, when);
        assert_eq!(unfinished_files(&work.path("")), Vec::<PathBuf>::new(), "{when}");
    }

    fn assert_same_answers(&self, work: &Workspace, when: &str) {
        assert!(answers(work).unwrap() == self.answers, "other answers: {when}");
    }
}

/// Unfinished output files and folders below a folder.
fn unfinished_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".unfinished") {
            found.push(path);
        } else if path.is_dir() {
            found.extend(unfinished_files(&path));
        }
    }
    found
}
