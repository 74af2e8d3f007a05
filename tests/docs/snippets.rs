//! Code blocks in the documentation: shell commands run, or are marked and at least parse;
//! configuration loads; SQL is accepted.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use clap::Parser;
use mobility::cli::Cli;
use mobility::config::{Sources, load};
use mobility::views::Registry;

use super::page::{Block, Page, pages};
use crate::harness::{ProgramOutput, Workspace, copy, root};

/// Marks a block that needs a server, a download or a build.
const NO_RUN: &str = "no-run";

/// What the test does with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Runs in a shell.
    Shell,
    /// Shell commands whose `mobility` command lines have to parse.
    ShellNoRun,
    /// A `pipeline.toml`.
    Config,
    /// A SELECT, run by `mobility query --sql`.
    Sql,
    /// A view file, used by later blocks of the page.
    View,
    /// Text, output, or code of other languages that is marked.
    Nothing,
}

fn kind(page: &Page, block: &Block) -> Kind {
    match block.info.split_whitespace().collect::<Vec<_>>()[..] {
        ["sh"] => Kind::Shell,
        ["sh", NO_RUN] => Kind::ShellNoRun,
        ["toml"] => Kind::Config,
        ["sql"] => Kind::Sql,
        ["sql", "view"] => Kind::View,
        ["text"] | ["python" | "r", NO_RUN] => Kind::Nothing,
        _ => panic!(
            "{}: the block {:?} is neither runnable (sh, toml, sql, sql view) nor marked (text, sh \
             {NO_RUN}, python {NO_RUN}, r {NO_RUN})",
            page.place(block),
            block.info
        ),
    }
}

/// Blocks of one kind, with their pages.
fn blocks(wanted: Kind) -> Vec<(String, Block)> {
    let mut all = Vec::new();
    for page in pages() {
        for block in &page.blocks {
            if kind(&page, block) == wanted {
                all.push((page.place(block), block.clone()));
            }
        }
    }
    all
}

/// The fixtures where a new user puts data, the shipped configuration and views, and everything run.
fn prepared() -> Workspace {
    let work = Workspace::empty();
    let mini = root().join("fixtures/mini");
    copy(&mini.join("events"), &work.path("data/raw/events"));
    copy(&mini.join("cells"), &work.path("data/raw/cells"));
    copy(&mini.join("lau"), &work.path("data/raw/lau_boundaries"));
    copy(&root().join("sql/views"), &work.path("sql/views"));
    fs::copy(root().join("pipeline.toml"), work.path("pipeline.toml")).unwrap();
    fs::create_dir(work.path("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_mobility"), work.path("bin/mobility")).unwrap();
    work.ok(&["run-all"]);
    work
}

/// Runs a script in the folder, with the program on the PATH.
fn shell(work: &Workspace, script: &str) -> ProgramOutput {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(work.path(""))
        .env_clear()
        .env("PATH", format!("{}:{path}", work.path("bin").display()))
        .env("HOME", work.path(""))
        .output();
    ProgramOutput::of(output.unwrap())
}

#[test]
fn every_runnable_block_of_a_page_runs_in_order() {
    let prepared = prepared();
    for page in pages() {
        let runs = |block: &&Block| kind(&page, block) == Kind::Shell;
        if !page.blocks.iter().any(|block| runs(&block)) {
            continue;
        }
        let work = Workspace::copy_of(&prepared);
        for block in &page.blocks {
            match kind(&page, block) {
                Kind::Shell => {
                    let ran = shell(&work, &block.code);
                    assert_eq!(
                        ran.status,
                        0,
                        "{}: mark the block as `sh {NO_RUN}` if it cannot run without a server, a \
                         download or a build\n{}{}",
                        page.place(block),
                        ran.stdout,
                        ran.stderr
                    );
                }
                Kind::View => {
                    let name = block.code.lines().find_map(|line| line.strip_prefix("-- view: "));
                    let name = name.unwrap_or_else(|| panic!("{}: no view:", page.place(block)));
                    work.write(&format!("sql/views/{name}.sql"), &block.code);
                }
                Kind::Sql => {
                    work.ok(&["query", "--sql", &block.code]);
                }
                _ => {}
            }
        }
    }
}

#[test]
fn every_configuration_loads() {
    let work = Workspace::empty();
    for (place, block) in blocks(Kind::Config) {
        work.write("pipeline.toml", &block.code);
        let file = work.path("pipeline.toml");
        let sources = Sources { file: Some(&file), env: &|_| None, flags: Vec::new() };
        load(&sources).unwrap_or_else(|e| panic!("{place}: {e:#}"));
    }
}

#[test]
fn commands_that_do_not_run_here_parse() {
    for (place, block) in blocks(Kind::ShellNoRun) {
        for line in block.code.lines() {
            for words in command_lines(line) {
                if let Err(error) = Cli::try_parse_from(&words) {
                    assert!(!error.use_stderr(), "{place}: {line}: {error}");
                }
            }
        }
    }
}

/// The calls of `mobility` in a line of shell, as words.
fn command_lines(line: &str) -> Vec<Vec<String>> {
    let words = shlex::split(line).unwrap_or_else(|| panic!("not a line of shell: {line}"));
    let ends = |word: &String| ["&&", "||", "|", ">", "&", ";"].contains(&word.as_str());
    words
        .split(ends)
        .filter_map(|words| {
            let program =
                |word: &String| Path::new(word).file_name().is_some_and(|n| n == "mobility");
            let assignment = |word: &&String| word.contains('=');
            let start = words.iter().take_while(assignment).count();
            let words = &words[start..];
            // a date that the shell computes
            let filled = |word: &String| match word.starts_with("$(date") {
                true => "2024-10-01".to_owned(),
                false => word.clone(),
            };
            program(words.first()?).then(|| words.iter().map(filled).collect())
        })
        .collect()
}

#[test]
fn views_in_the_documentation_follow_the_rules() {
    let work = Workspace::empty();
    let mut files: HashMap<String, String> = HashMap::new();
    for (place, block) in blocks(Kind::View) {
        work.write("sql/views/shown.sql", &block.code);
        let file = work.path("pipeline.toml");
        work.write("pipeline.toml", "[views]\nbuiltin = false\n");
        let sources = Sources { file: Some(&file), env: &|_| None, flags: Vec::new() };
        let config = load(&sources).unwrap();
        let registry = Registry::read((&config).into());
        let registry = registry.unwrap_or_else(|e| panic!("{place}: {e:#}"));
        for view in registry.views() {
            let earlier = files.insert(view.name.clone(), place.clone());
            assert_eq!(earlier, None, "{place}: {} is shown twice", view.name);
        }
    }
    assert!(!files.is_empty());
}
