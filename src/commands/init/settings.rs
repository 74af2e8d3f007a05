//! What was found out about inputs and keys, and the text of a configuration file from it.

use std::fmt::Write;

use toml::Value;

use super::names::Role;
use crate::config::Columns;
use crate::domain::numbers::counted;

/// What an input is made of: its subject, number of files, and columns with types where files have them.
pub struct Look {
    pub subject: &'static str,
    pub files: usize,
    pub columns: Vec<String>,
}

impl Look {
    pub fn sentence(&self) -> String {
        let files = counted(self.files as u64, "file");
        format!("{:<10} {files} with {}", self.subject, self.columns.join(", "))
    }
}

/// What was found out about a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Guess {
    /// The value to use.
    Is(Value),
    /// The default is right, or nothing better is known; the value is an example.
    Unset(Value),
    /// The user has to choose; the value is one that they may mean.
    Open(Value),
}

/// A key with what was found out, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    pub key: &'static str,
    pub guess: Guess,
    pub why: String,
    /// Whether the file explains it too, and not only the command.
    pub is_explained: bool,
}

impl Setting {
    pub fn new(key: &'static str, guess: Guess, why: impl Into<String>) -> Self {
        Setting { key, guess, why: why.into(), is_explained: true }
    }

    /// A value that explains itself.
    pub fn plain(key: &'static str, value: Value, why: &str) -> Self {
        let guess = Guess::Is(value);
        Setting { key, guess, why: why.to_owned(), is_explained: false }
    }

    /// A line about the guess.
    pub fn sentence(&self) -> String {
        let Setting { key, guess, why, .. } = self;
        match guess {
            Guess::Is(value) => format!("ok     {key} = {value}: {why}"),
            Guess::Unset(_) => format!("unset  {key}: {why}"),
            Guess::Open(value) => format!("OPEN   {key}, for example {value}: {why}"),
        }
    }
}

const HEAD: &str = "\
# Written by `mobility init`, which guessed these settings from the files; `mobility check` compares them
# with the data. All other keys have their defaults: the documentation of the configuration lists them.
";

/// The file. Keys of a section have to follow each other.
pub fn file(settings: &[Setting]) -> String {
    let mut text = HEAD.to_owned();
    let mut section = "";
    for Setting { key, guess, why, is_explained } in settings {
        let (own, leaf) = key.split_once('.').unwrap_or(("", key));
        if own != section {
            // writing to a string cannot fail
            let _ = writeln!(text, "\n[{own}]");
            section = own;
        }
        let _ = match guess {
            Guess::Is(value) if !is_explained => writeln!(text, "{leaf} = {value}"),
            Guess::Is(value) => writeln!(text, "# {why}\n{leaf} = {value}"),
            Guess::Unset(value) => writeln!(text, "# {why}\n#{leaf} = {value}"),
            Guess::Open(value) => writeln!(text, "# TO DO: {why}\n#{leaf} = {value}"),
        };
    }
    text
}

/// The setting of a column, which is also put into `columns`.
pub fn column(
    role: &Role,
    found: Option<String>,
    present: &[&str],
    is_optional: bool,
    columns: &mut Columns,
) -> Setting {
    let Some(name) = found else {
        let why = format!("none of the columns {} looks like it", present.join(", "));
        let example = Value::from(role.default);
        return match is_optional {
            true => Setting::new(role.key, Guess::Unset(example), why),
            false => Setting::new(role.key, Guess::Open(example), why),
        };
    };
    let why = match name == role.default {
        true => "the usual name",
        false => "by its name",
    };
    let key = match role.key {
        "columns.user_id" => &mut columns.user_id,
        "columns.cell_id" => &mut columns.cell_id,
        "columns.timestamp" => &mut columns.timestamp,
        "columns.plan_cell_id" => columns.plan_cell_id.get_or_insert_default(),
        "columns.latitude" => &mut columns.latitude,
        "columns.longitude" => &mut columns.longitude,
        "columns.valid_date_start" => &mut columns.valid_date_start,
        "columns.valid_date_end" => &mut columns.valid_date_end,
        "columns.gisco_id" => &mut columns.gisco_id,
        "columns.cntr_code" => &mut columns.cntr_code,
        _ => &mut columns.lau_name,
    };
    key.clone_from(&name);
    Setting::plain(role.key, Value::from(name), why)
}
