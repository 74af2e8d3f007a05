//! Links, anchors, and names of files and make targets in the documentation exist.

use std::path::{Component, Path, PathBuf};

use super::page::{Page, pages};
use crate::harness::root;

/// Folders of the repository; a path that begins with one of them has to exist.
const FOLDERS: [&str; 9] =
    ["src", "sql", "tests", "docs", "fixtures", "deploy", "benches", "examples", "fuzz"];

/// `docs/../pipeline.toml` as `pipeline.toml`.
fn normalised(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                assert!(whole.pop(), "{} leaves the repository", path.display())
            }
            other => whole.push(other),
        }
    }
    whole
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut all = pages();
    all.push(Page::read("CHANGELOG.md"));
    let mut wrong = Vec::new();
    for page in &all {
        let folder = Path::new(&page.name).parent().unwrap();
        for link in page.links.iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => PathBuf::from(&page.name),
                file => normalised(&folder.join(file)),
            };
            if !root().join(&target).exists() {
                wrong.push(format!("{}: {link}: no such file", page.name));
            } else if !anchor.is_empty() {
                let anchors = Page::read(target.to_str().unwrap()).anchors;
                if !anchors.iter().any(|known| known == anchor) {
                    wrong.push(format!("{}: {link}: no such heading among {anchors:?}", page.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Words of a page that may name files or make targets: inline code and shell commands.
fn mentions(page: &Page) -> Vec<String> {
    let shell = page.blocks.iter().filter(|block| block.info.starts_with("sh"));
    let lines = shell.flat_map(|block| block.code.lines()).map(without_comment);
    page.codes.iter().map(String::as_str).chain(lines).map(str::to_owned).collect()
}

fn without_comment(line: &str) -> &str {
    line.split(" # ").next().unwrap_or(line)
}

/// Files of views that the reader writes.
const OWN_VIEWS: [&str; 2] = ["sql/views/busiest_cells.sql", "sql/views/returning_users.sql"];

#[test]
fn every_path_into_the_repository_exists() {
    let mut wrong = Vec::new();
    for page in &pages() {
        let mentions = mentions(page);
        let words =
            mentions.iter().flat_map(|text| text.split(['\'', '"', ' ', ',', ';', '(', ')']));
        for word in words {
            let word = word.trim_end_matches(['.', ':']);
            let mut parts = word.split('/');
            let inside = FOLDERS.contains(&parts.next().unwrap_or_default()) && word.contains('/');
            // NAME and D stand for something else, and own views are the reader's
            let placeholder = parts.any(|part| part.starts_with(|c: char| c.is_ascii_uppercase()));
            if !inside || placeholder || OWN_VIEWS.contains(&word) {
                continue;
            }
            let pattern = root().join(word);
            let mut found = glob::glob(pattern.to_str().unwrap()).unwrap();
            if found.next().is_none() {
                wrong.push(format!("{}: {word}", page.name));
            }
        }
    }
    assert!(wrong.is_empty(), "these paths do not exist:\n{}", wrong.join("\n"));
}

#[test]
fn every_make_target_exists() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let known = |target: &str| makefile.lines().any(|l| l.starts_with(&format!("{target}:")));
    let mut wrong = Vec::new();
    for page in &pages() {
        for text in mentions(page) {
            let words = shlex::split(&text).unwrap_or_default();
            let Some(("make", words)) = words.split_first().map(|(first, rest)| (&**first, rest))
            else {
                continue;
            };
            for target in words.iter().filter(|word| !word.contains('=')) {
                let argument = target.starts_with('-');
                if !argument && !known(target) {
                    wrong.push(format!("{}: {text}: no target {target}", page.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
