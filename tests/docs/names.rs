//! Names of the contract in the documentation: keys, variables, views, codes, columns.

use std::collections::BTreeSet;

use mobility::checks::Code;
use mobility::config::{Config, KEYS, env_name};
use mobility::domain::tables::Table;
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
            // an example of a name that users choose
            let is_token = page.text.contains(&format!("token_env = \"{name}\""));
            let is_known = name == "MOBILITY_" || known.contains(&name) || is_token;
            assert!(is_known, "{}: {name}", page.name);
        }
    }
}

#[test]
fn every_built_in_view_is_documented() {
    let config = Config::default();
    let registry = Registry::read((&config).into()).unwrap();
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

#[test]
fn the_table_of_codes_lists_every_code_with_its_disposition_in_order() {
    let page = Page::read("docs/checks.md");
    let expected: Vec<String> = Code::ALL
        .iter()
        .map(|code| format!("| `{}` | {} |", code.name(), code.disposition().name()))
        .collect();
    let listed: Vec<&str> = page
        .text
        .lines()
        .filter(|line| Code::ALL.iter().any(|c| line.starts_with(&format!("| `{}` |", c.name()))))
        .collect();
    assert_eq!(listed.len(), expected.len(), "{listed:#?}");
    for (line, start) in listed.iter().zip(&expected) {
        assert!(line.starts_with(start), "docs/checks.md: {line} should start with {start}");
    }
}

#[test]
fn every_column_of_the_quality_tables_is_documented() {
    let page = Page::read("docs/quality.md");
    for table in [Table::QualityDaily, Table::QualityCodes] {
        for field in table.schema().fields() {
            let name = field.name();
            let obvious = ["date", "file", "code"].contains(&name.as_str());
            assert!(
                obvious || page.codes.contains(name),
                "docs/quality.md does not explain {name} of {}",
                table.name()
            );
        }
    }
}

#[test]
fn every_table_is_documented() {
    let page = Page::read("docs/views.md");
    for table in Table::ALL {
        assert!(
            page.codes.iter().any(|c| c == table.name()),
            "no {} in docs/views.md",
            table.name()
        );
    }
}
