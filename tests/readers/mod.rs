//! What analysts open our outputs with: libraries for Python, and the module `mobility` for Python.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::{ProgramOutput, Workspace, root};

/// A program of the environment with the libraries.
fn environment(program: &str) -> PathBuf {
    let path = root().join("target/readers/bin").join(program);
    assert!(path.exists(), "no {}; `make test` installs it", path.display());
    path
}

/// Runs a test of `readers.py` on the mini data.
fn test(name: &str) {
    let work = Workspace::loaded();
    let mut python = Command::new(environment("python"));
    python.arg("-B").arg(root().join("tests/readers/readers.py"));
    python.args([name, env!("CARGO_BIN_EXE_mobility")]);
    python.arg(work.path("")).arg(root().join("fixtures/expected"));
    // not the settings of the user who runs the tests
    python.env_clear().env("HOME", work.path("")).env("LC_ALL", "C.UTF-8");
    python.env("PYTHONPATH", root().join("deploy/python"));
    let ran = ProgramOutput::of(python.output().unwrap());
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
}

#[test]
#[ignore = "needs pandas: run make test"]
fn pandas_reads_the_expected_rows_from_every_table_format() {
    test("pandas");
}

#[test]
#[ignore = "needs Polars: run make test"]
fn polars_reads_the_expected_rows_and_scans_the_compressed_events() {
    test("polars");
}

#[test]
#[ignore = "needs DuckDB: run make test"]
fn duckdb_reads_the_expected_rows_and_counts_the_compressed_events() {
    test("duckdb");
}

#[test]
#[ignore = "needs GeoPandas: run make test"]
fn geopandas_reads_every_lau_from_map_layers() {
    test("geopandas");
}

#[test]
#[ignore = "needs pyarrow: run make test"]
fn python_module_returns_the_expected_rows_and_the_errors_of_the_program() {
    test("module");
}

#[test]
#[ignore = "needs mypy: run make test"]
fn python_module_is_completely_typed() {
    let cache = Workspace::empty();
    let mut mypy = Command::new(environment("mypy"));
    mypy.arg("--cache-dir").arg(cache.path("")).current_dir(root());
    let ran = ProgramOutput::of(mypy.output().unwrap());
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("no issues found"), "{}", ran.stdout);
}
