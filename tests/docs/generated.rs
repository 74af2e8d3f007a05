//! Tables of commands and configuration keys, generated from the code between markers in
//! `docs/commands.md` and `docs/configuration.md`. With `UPDATE_DOCS=1` the tests rewrite them.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;

use clap::{Arg, ArgAction, Command, CommandFactory};
use mobility::cli::Cli;
use mobility::config::{Config, KEYS, Key, KeyKind};
use toml::Value;

use crate::harness::root;

const UPDATE: &str = "UPDATE_DOCS";

/// Compares the part between the markers of `name` with `expected`, or replaces it.
fn check(page: &str, name: &str, expected: &str) {
    let path = root().join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- begin: {name} -->\n"), format!("<!-- end: {name} -->"));
    let (before, rest) = text.split_once(&begin).expect(&begin);
    let (found, after) = rest.split_once(&end).expect(&end);
    if found == expected {
        return;
    }
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, format!("{before}{begin}{expected}{end}{after}")).unwrap();
        return;
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (found, expected) = (lines(found), lines(expected));
    let differs = |(old, new): &(&String, &String)| old != new;
    let pair = found.iter().zip(&expected).find(differs);
    panic!(
        "{page} is out of date ({} lines instead of {}; first difference: {pair:#?}); run \
         {UPDATE}=1 cargo test --test main docs::generated",
        found.len(),
        expected.len(),
    );
}

/// A text as the cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn table(columns: [&str; 3], rows: &[[String; 3]]) -> String {
    let mut out = format!("| {} |\n|---|---|---|\n", columns.join(" | "));
    for row in rows {
        out.push_str("| ");
        out.push_str(&row.join(" | "));
        out.push_str(" |\n");
    }
    out
}

// ---- commands

#[test]
fn commands_page_lists_every_command_and_flag() {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let commands: Vec<&Command> = program.get_subcommands().filter(|c| !c.is_hide_set()).collect();
    let mut out = String::from("\n| command | what it does |\n|---|---|\n");
    for command in &commands {
        let (name, about) = (command.get_name(), about(command));
        writeln!(out, "| [`mobility {name}`](#mobility-{name}) | {about} |").unwrap();
    }
    out.push_str("\n## Flags of every command\n\n");
    out.push_str(&arguments(program.get_arguments()));
    for command in &commands {
        writeln!(out, "\n## mobility {}\n\n{}.", command.get_name(), about(command)).unwrap();
        if let Some(note) = note(command) {
            writeln!(out, "{note}").unwrap();
        }
        let own: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_global_set()).collect();
        let shown = arguments(own.into_iter());
        if !shown.is_empty() {
            write!(out, "\n{shown}").unwrap();
        }
        for nested in command.get_subcommands().filter(|nested| nested.get_name() != "help") {
            let (name, nested_name) = (command.get_name(), nested.get_name());
            writeln!(out, "\n### mobility {name} {nested_name}\n\n{}.", about(nested)).unwrap();
            let own = nested.get_arguments().filter(|arg| !arg.is_global_set());
            write!(out, "\n{}", arguments(own)).unwrap();
        }
    }
    out.push('\n');
    check("docs/commands.md", "commands", &out);
}

fn about(command: &Command) -> String {
    cell(&command.get_about().map(ToString::to_string).unwrap_or_default())
}

/// What the help says before its examples; its indented lines become a block of text.
fn note(command: &Command) -> Option<String> {
    let help = command.get_after_help()?.to_string();
    let note = help.split("Examples:").next()?.trim();
    let mut out = String::new();
    let mut in_block = false;
    for line in note.lines() {
        let is_indented = line.starts_with("  ");
        if is_indented != in_block && (is_indented || !line.is_empty()) {
            out.push_str(if is_indented { "```text\n" } else { "```\n" });
            in_block = is_indented;
        }
        out.push_str(line.strip_prefix("    ").filter(|_| in_block).unwrap_or(line));
        out.push('\n');
    }
    (!note.is_empty()).then(|| out.trim_end().to_owned())
}

fn arguments<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let shown = |arg: &&Arg| {
        let own = !matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::Version | ArgAction::HelpShort
        );
        own && !arg.is_hide_set()
    };
    let rows: Vec<[String; 3]> = arguments
        .filter(shown)
        .map(|arg| {
            let defaults: Vec<String> =
                arg.get_default_values().iter().map(|v| format!("`{}`", v.display())).collect();
            let takes_value = arg.get_action().takes_values();
            let default = if takes_value { defaults.join(", ") } else { String::new() };
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            [spelling(arg), default, cell(&format!("{help}{}", choices(arg)))]
        })
        .collect();
    match rows.is_empty() {
        true => String::new(),
        false => table(["argument", "default", "meaning"], &rows),
    }
}

/// `--output FILE`, `-o`.
fn spelling(arg: &Arg) -> String {
    let values = arg.get_value_names().unwrap_or_default();
    let value = match arg.get_action().takes_values() {
        true => values.iter().map(|v| format!(" {v}")).collect(),
        false => String::new(),
    };
    match (arg.get_long(), arg.get_short()) {
        (Some(long), Some(short)) => format!("`--{long}{value}`, `-{short}`"),
        (Some(long), None) => format!("`--{long}{value}`"),
        _ => format!("`{}`", value.trim()),
    }
}

fn choices(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let names: Vec<String> =
        arg.get_possible_values().iter().map(|v| format!("`{}`", v.get_name())).collect();
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}

// ---- keys

/// What `pipeline.toml` says about a key.
struct Explained {
    meaning: String,
    /// The value after `=`.
    example: String,
}

/// The comments of `pipeline.toml`: by key, and the introductions of sections.
fn explanations() -> (HashMap<String, Explained>, HashMap<String, String>) {
    let text = fs::read_to_string(root().join("pipeline.toml")).unwrap();
    let (mut keys, mut sections) = (HashMap::new(), HashMap::new());
    let (mut section, mut comment) = (String::new(), String::new());
    for line in text.lines() {
        let key = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
        if let Some((key, example)) = key.and_then(|rest| rest.split_once(" = ")) {
            let name = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
            let meaning = std::mem::take(&mut comment);
            keys.insert(name, Explained { meaning, example: example.to_owned() });
        } else if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some(more) = line.strip_prefix('#') {
            comment = format!("{comment} {}", more.trim()).trim().to_owned();
        } else if !comment.is_empty() {
            // a comment that ends with an empty line introduces the section
            sections.insert(section.clone(), std::mem::take(&mut comment));
        }
    }
    (keys, sections)
}

#[test]
fn configuration_page_lists_every_key_with_its_default() {
    let defaults = toml::Table::try_from(Config::default()).unwrap();
    let (mut explained, sections) = explanations();
    let mut out = String::new();
    let mut rows: Vec<[String; 3]> = Vec::new();
    let mut section = None;
    for key in KEYS {
        let own = key.name.split_once('.').map_or("", |(section, _)| section);
        if section != Some(own) {
            finish(&mut out, &mut rows);
            let title = if own.is_empty() { "General".to_owned() } else { format!("`[{own}]`") };
            writeln!(out, "\n## {title}\n").unwrap();
            if let Some(introduction) = sections.get(own).filter(|_| !own.is_empty()) {
                writeln!(out, "{introduction}\n").unwrap();
            }
            section = Some(own);
        }
        let about = explained.remove(key.name);
        let about = about.unwrap_or_else(|| panic!("{} is not in pipeline.toml", key.name));
        assert!(!about.meaning.is_empty(), "pipeline.toml has no comment above {}", key.name);
        let value = match key.name.split_once('.') {
            Some((section, leaf)) => defaults[section].get(leaf),
            None => defaults.get(key.name),
        };
        let (default, example) = match value {
            Some(value) => (format!("`{}`", shown(key, value)), String::new()),
            None => ("not set".to_owned(), format!(" Example: `{}`", about.example)),
        };
        let meaning = format!("{}{example}", about.meaning);
        rows.push([format!("`{}`", key.name), cell(&default), cell(&meaning)]);
    }
    finish(&mut out, &mut rows);
    out.push('\n');
    let unknown: Vec<&String> = explained.keys().collect();
    assert!(
        unknown.is_empty(),
        "pipeline.toml has keys that the program does not know: {unknown:?}"
    );
    check("docs/configuration.md", "keys", &out);
}

fn finish(out: &mut String, rows: &mut Vec<[String; 3]>) {
    if !rows.is_empty() {
        out.push_str(&table(["key", "default", "meaning"], rows));
        rows.clear();
    }
}

/// A default as one writes it.
fn shown(key: &Key, value: &Value) -> String {
    match value {
        // where one text or a list is accepted, one text is usual
        Value::Array(values) if matches!(key.kind, KeyKind::Path | KeyKind::Program) => {
            match &values[..] {
                [only] => only.to_string(),
                _ => value.to_string(),
            }
        }
        Value::Float(number) => number.to_string(),
        other => other.to_string(),
    }
}
