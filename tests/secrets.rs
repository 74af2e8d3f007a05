//! Secrets of URLs are printed and recorded nowhere.

use crate::harness::{ProgramOutput, Workspace};

/// Nothing of a password, token or signature may be found.
const SECRET: &str = "hunter2secret";

/// URLs with the secret in every position, for PostgreSQL and for inputs.
const WAREHOUSES: [&str; 8] = [
    "postgres://me:hunter2secret@127.0.0.1:1/db",
    "postgres://hunter2secret@127.0.0.1:1/db",
    "postgres://me:12?hunter2secret@127.0.0.1:1/db",
    "postgres://me:12/hunter2secret@127.0.0.1:1/db",
    "postgres://me:p%2Fhunter2secret@127.0.0.1:1/db",
    "postgres://127.0.0.1:1/db?user=hunter2secret&password=hunter2secret",
    "postgres://127.0.0.1:1/db?hunter2secret=x",
    "hunter2secret://me@127.0.0.1/db",
];
const INPUTS: [&str; 6] = [
    "https://127.0.0.1:1/plan.csv?sig=hunter2secret",
    "https://hunter2secret@127.0.0.1:1/plan.csv",
    "https://me:12/hunter2secret@127.0.0.1:1/plan.csv#x",
    "s3://key:hunter2secret@bucket/plan.csv",
    "s3://bucket/plan.csv?token=hunter2secret",
    "https:/me:hunter2secret@127.0.0.1/plan.csv",
];

/// Runs the program and asserts that the secret is neither printed nor recorded.
fn assert_silent(work: &Workspace, args: &[&str], variable: &str, url: &str) {
    let mut command = work.command(args);
    command
        .env(variable, url)
        .env("AWS_SKIP_SIGNATURE", "true")
        .env("AWS_ENDPOINT", "http://127.0.0.1:1");
    command.env("AWS_ALLOW_HTTP", "true");
    let ran = ProgramOutput::of(command.output().unwrap());
    assert_ne!(ran.status, 0, "{url}: {}", ran.stdout);
    let runs = std::fs::read_to_string(work.path("processed/runs.jsonl")).unwrap_or_default();
    for text in [&ran.stdout, &ran.stderr, &runs] {
        assert!(!text.contains(SECRET), "{args:?} {url}: {text}");
    }
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

#[test]
fn secrets_of_urls_are_in_no_output_and_no_record() {
    let work = Workspace::mini();
    work.ok(&["compress"]);
    for url in WAREHOUSES {
        for args in
            [&["check"][..], &["run-all"], &["query", "--log-format", "json", "users-per-lau"]]
        {
            assert_silent(&work, args, "DATABASE_URL", url);
        }
    }
    for url in INPUTS {
        assert_silent(&work, &["check"], "MOBILITY_DATA_CELLS", url);
        assert_silent(&work, &["geojoin", "--verbose"], "MOBILITY_DATA_CELLS", url);
    }
    // also where the file that contains them cannot be read
    for line in [
        "url = \"postgres://me:hunter2secret@host/db",
        "url = [\"postgres://hunter2secret@host/db\"]",
    ] {
        work.write("pipeline.toml", format!("[warehouse]\n{line}\n"));
        assert_silent(&work, &["check"], "AWS_REGION", "");
    }
}

#[test]
fn password_on_the_command_line_is_refused() {
    let work = Workspace::mini();
    for url in [WAREHOUSES[0], WAREHOUSES[4], WAREHOUSES[5]] {
        let words = ["--warehouse contains a password", "PGPASSWORD", "DATABASE_URL"];
        let ran = work.fails(&["load", "--warehouse", url], 2, &words);
        assert!(!ran.stderr.contains(SECRET), "{}", ran.stderr);
    }
    // an argument at the wrong place is not repeated either
    let ran = work.fails(&["run-all", WAREHOUSES[0]], 2, &["unexpected argument"]);
    assert!(!ran.stderr.contains(SECRET), "{}", ran.stderr);
}
