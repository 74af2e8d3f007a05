//! Names of the contract in the documentation: keys, variables, views, codes, columns.

use std::collections::BTreeSet;

use mobility::config::{Config, KEYS, env_name};
use mobility::views::Registry;

use super::page::{Page, pages};
use crate::harness::root;

#[test]
fn every_mentioned_key_exists() {
    let sections: BTreeSet<&str> =
        KEYS.iter().filter_map(|key| Some(key.name.split_once('.')?.0)).collect();
    let mut wrong = Vec::new();
    for page in &pages() {
        for code in &page.codes {
            let name = code.split([' ', '=']).next().unwrap_or_default();
            let Some((section, leaf)) = name.split_once('.') else { continue };
            let plain = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            // `spark.local.dir` and the like are properties of Spark, `lau.geometry` is a column
            if !sections.contains(section) || !plain(leaf) || NO_KEYS.contains(&name) {
                continue;
            }
            if !KEYS.iter().any(|key| key.name == name) {
                wrong.push(format!("{}: {name}", page.name));
            }
        }
    }
    assert!(wrong.is_empty(), "these keys do not exist:\n{}", wrong.join("\n"));
}

const NO_KEYS: [&str; 2] = ["lau.geometry", "lau.parquet"];

#[test]
fn every_mentioned_variable_belongs_to_a_key() {
    let known: Vec<String> = KEYS.iter().map(|key| env_name(key.name)).collect();
    for page in &pages() {
        for rest in page.text.split("MOBILITY_").skip(1) {
            let end =
                rest.find(|c: char| !(c.is_ascii_uppercase() || c == '_')).unwrap_or(rest.len());
            let name = format!("MOBILITY_{}", &rest[..end]);
            assert!(name == "MOBILITY_" || known.contains(&name), "{}: {name}", page.name);
        }
    }
}

#[test]
fn every_built_in_view_is_documented() {
    let registry = Registry::read(&Config::default()).unwrap();
    let page = Page::read("docs/views.md");
    for view in registry.views() {
        for name in [&view.name, &view.view] {
            assert!(page.codes.contains(name), "docs/views.md does not mention {name}");
        }
    }
}

#[test]
fn the_picture_of_the_modules_shows_every_module() {
    let page = Page::read("docs/architecture.md");
    let picture = &page.blocks.iter().find(|block| block.code.contains("main, cli")).unwrap().code;
    let words: BTreeSet<&str> =
        picture.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    for entry in std::fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            name == "lib" || words.contains(name),
            "docs/architecture.md does not show src/{name}"
        );
    }
}
