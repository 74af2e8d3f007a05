//! Builds a validated [`Config`] from file, environment and flags.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::validate::validate;
use super::{Config, Data, KEYS, Key, KeyKind, PgEnv, Secret, env_name, without_secrets};
use crate::errors::nearest;
use crate::runtime::text_file;

/// The file that is read without `--config`; only this one may be missing.
pub const DEFAULT_FILE: &str = "pipeline.toml";
/// Folder of view files without `views.dir`, if it exists.
pub const DEFAULT_VIEWS_DIR: &str = "sql/views";

/// The sources of settings.
pub struct Sources<'a> {
    /// The file of `--config`; `None` reads [`DEFAULT_FILE`] if it exists.
    pub file: Option<&'a Path>,
    /// Looks up an environment variable: in the process, or in a table in tests.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Keys that flags set, with their values as text.
    pub flags: Vec<(&'static str, String)>,
}

/// Reads, merges and validates the configuration.
///
/// # Errors
/// A file that cannot be read or parsed, an unknown key (with its line and the nearest key), a
/// value of the wrong type or outside its range.
pub fn load(sources: &Sources) -> Result<Config> {
    let mut table = read_file(sources.file)?;
    for key in KEYS {
        let name = env_name(key.name);
        let by_env = (sources.env)(&name).map(|v| (name, v));
        // DATABASE_URL is the variable that many PostgreSQL tools share
        let database = (key.kind == KeyKind::WarehouseUrl)
            .then(|| (sources.env)("DATABASE_URL").map(|v| ("DATABASE_URL".to_owned(), v)))
            .flatten();
        if let Some((name, text)) = by_env.or(database).filter(|(_, text)| !text.is_empty()) {
            // files and commands from which variables are set end with a line end
            set_from_text(&mut table, key, text.trim_end_matches(['\r', '\n']))
                .with_context(|| format!("environment variable {name}"))?;
        }
    }
    for (name, text) in &sources.flags {
        let key = KEYS
            .iter()
            .find(|k| k.name == *name)
            .ok_or_else(|| anyhow!("{name} is not a configuration key"))?;
        set_from_text(&mut table, key, text)?;
    }
    let mut config =
        Config::deserialize(Value::Table(table)).map_err(|e| anyhow!("{}", e.message()))?;
    let variable = |name: &&str| Some(((*name).to_owned(), (sources.env)(name)?));
    config.warehouse.pg_env.extend(PgEnv::NAMES.iter().filter_map(variable));
    validate(&config)?;
    for token in &mut config.serve.tokens {
        let value = token.token_env.as_deref().and_then(|name| (sources.env)(name));
        token.from_env = value.filter(|value| !value.is_empty()).map(Secret::new);
    }
    use_cache_for_object_store(&mut config.data);
    Ok(config)
}

/// Makes every stage work in a local folder if `data.processed` is a URL.
fn use_cache_for_object_store(data: &mut Data) {
    let text = data.processed.to_string_lossy().into_owned();
    if text.contains("://") {
        let digest = Sha256::digest(text.trim_end_matches('/'));
        data.processed = data.cache.join(crate::domain::ids::hex(&digest[..8]));
        data.store = Some(text);
    }
}

fn read_file(file: Option<&Path>) -> Result<Table> {
    let path = file.unwrap_or(Path::new(DEFAULT_FILE));
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut table = read_table(path, folder, file.is_none())?;
    let views = folder.join(DEFAULT_VIEWS_DIR);
    if find(&mut table, "views.dir").is_none() && views.is_dir() {
        put(&mut table, "views.dir", Value::String(views.to_string_lossy().into_owned()));
    }
    Ok(table)
}

fn read_table(path: &Path, folder: &Path, is_optional: bool) -> Result<Table> {
    let text = match text_file::read(path) {
        Ok(text) => text,
        Err(e) if is_optional && e.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Table::new());
        }
        Err(e) => {
            return Err(anyhow!(e))
                .with_context(|| format!("config file {} cannot be read", path.display()));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    parse(text, folder).with_context(|| format!("config file {}", path.display()))
}

fn parse(text: &str, folder: &Path) -> Result<Table> {
    let spanned = DeTable::parse(text).map_err(|error| parse_error(error, text))?;
    refuse_unknown(spanned.get_ref(), "", text)?;
    // parsed again into the typed struct, for errors with line and column
    toml::from_str::<Config>(text).map_err(|error| parse_error(error, text))?;
    let mut table: Table = toml::from_str(text)?;
    for (name, default) in default_paths() {
        if find(&mut table, name).is_none() {
            put(&mut table, name, default);
        }
    }
    for key in KEYS {
        if let Some(value) = find(&mut table, key.name) {
            resolve_paths(value, key.kind, folder);
        }
    }
    Ok(table)
}

/// The error of the parser without the secrets that the quoted line may contain. A token may be behind
/// any key of the section `serve`, also behind a misspelled one.
fn parse_error(error: toml::de::Error, text: &str) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let is_serve = before.lines().rev().map(str::trim_start).find(|line| line.starts_with('['));
    let is_serve = is_serve.is_some_and(|line| line.trim_start_matches('[').starts_with("serve"));
    let message = error.to_string();
    let lines = message.trim_end().lines().map(|line| quoted_line(line, is_serve));
    anyhow!("{}", lines.collect::<Vec<_>>().join("\n"))
}

/// A line of the parser's message, which may quote a line of the file: keys and short plain values are
/// shown, everything else may be a secret or the rest of one.
fn quoted_line(line: &str, is_serve: bool) -> String {
    let Some((margin, quoted)) = line.split_once('|') else { return without_secrets(line) };
    let is_margin = margin.trim().chars().all(|c| c.is_ascii_digit());
    let is_marker = quoted.trim().chars().all(|c| c == '^' || c == ' ');
    if !is_margin
        || is_marker
        || quoted.trim_start().starts_with(['[', '#']) && !quoted.contains(['"', '\''])
    {
        return without_secrets(line);
    }
    let is_secret = |key: &str| ["token", "pass", "secret", "key"].iter().any(|w| key.contains(w));
    match quoted.split_once('=') {
        Some((_, value))
            if !is_serve && !is_secret(&quoted.to_lowercase()) && !value.contains(':') =>
        {
            line.to_owned()
        }
        Some((key, _)) => format!("{margin}|{key}= ***"),
        None => format!("{margin}| ***"),
    }
}

/// The keys of paths with their defaults, which are also relative to the folder of the file.
fn default_paths() -> [(&'static str, Value); 8] {
    let Config { data, extract, warehouse, publish, .. } = Config::default();
    let list = |paths: Vec<String>| Value::Array(paths.into_iter().map(Value::String).collect());
    let path = |path: PathBuf| Value::String(path.to_string_lossy().into_owned());
    [
        ("data.events", list(data.events)),
        ("data.cells", list(data.cells)),
        ("data.lau", list(data.lau)),
        ("data.processed", path(data.processed)),
        ("data.cache", path(data.cache)),
        ("extract.to", path(extract.to)),
        ("warehouse.url", Value::String(warehouse.url.to_string())),
        ("publish.store", path(publish.store)),
    ]
}

fn refuse_unknown(table: &DeTable, prefix: &str, text: &str) -> Result<()> {
    for (key, value) in table.iter() {
        let name = format!("{prefix}{}", key.get_ref());
        let section = format!("{name}.");
        if KEYS.iter().any(|k| k.name == name) {
            continue;
        }
        if KEYS.iter().any(|k| k.name.starts_with(&section))
            && let DeValue::Table(inner) = value.get_ref()
        {
            refuse_unknown(inner, &section, text)?;
            continue;
        }
        let line = text[..key.span().start].matches('\n').count() + 1;
        bail!("line {line}: unknown key `{name}`; {}", suggestion(&name));
    }
    Ok(())
}

fn suggestion(name: &str) -> String {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    let sections = KEYS.iter().filter_map(|k| k.name.split_once('.')).map(|(s, _)| s);
    let near = nearest(name, KEYS.iter().map(|k| k.name))
        // a valid key in the wrong section
        .or_else(|| KEYS.iter().map(|k| k.name).find(|k| k.rsplit('.').next() == Some(leaf)))
        .or_else(|| nearest(name, sections));
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "docs/configuration.md lists all keys".to_owned(),
    }
}

fn find<'t>(table: &'t mut Table, name: &str) -> Option<&'t mut Value> {
    match name.split_once('.') {
        Some((section, leaf)) => table.get_mut(section)?.as_table_mut()?.get_mut(leaf),
        None => table.get_mut(name),
    }
}

/// Resolves relative paths against `folder`.
fn resolve_paths(value: &mut Value, kind: KeyKind, folder: &Path) {
    let join = |text: &str| {
        if text.contains("://") {
            text.trim().to_owned()
        } else {
            folder.join(text).to_string_lossy().into_owned()
        }
    };
    match (kind, value) {
        (KeyKind::Value, _) => {}
        (KeyKind::Program, Value::Array(items)) => {
            // the arguments after the program are passed on unchanged
            items.iter_mut().take(1).for_each(|v| resolve_paths(v, kind, folder));
        }
        (KeyKind::Program, Value::String(text)) if text.contains('/') => *text = join(text),
        (KeyKind::Tokens, Value::Table(token)) => {
            if let Some(file) = token.get_mut("token_file") {
                resolve_paths(file, KeyKind::Path, folder);
            }
        }
        (_, Value::Array(items)) => items.iter_mut().for_each(|v| resolve_paths(v, kind, folder)),
        (KeyKind::Path, Value::String(text)) => *text = join(text),
        (KeyKind::WarehouseUrl, Value::String(text)) => {
            if let Some(path) = text.strip_prefix("embedded:") {
                *text = format!("embedded:{}", join(path));
            }
        }
        _ => {}
    }
}

/// Sets a key from text: parsed as TOML if that gives a valid value, else taken as a string.
fn set_from_text(table: &mut Table, key: &Key, text: &str) -> Result<()> {
    let parsed =
        toml::from_str::<Table>(&format!("v = {text}")).ok().and_then(|mut t| t.remove("v"));
    let plain = Value::String(text.to_owned());
    let candidates = [parsed, Some(plain)].into_iter().flatten();
    let mut error = None;
    for value in candidates {
        let mut trial = Table::new();
        put(&mut trial, key.name, value.clone());
        match Config::deserialize(Value::Table(trial)) {
            Ok(_) => {
                put(table, key.name, value);
                return Ok(());
            }
            Err(e) => error = error.or(Some(e)),
        }
    }
    let reason = error.map(|e| e.message().to_owned()).unwrap_or_default();
    if key.kind == KeyKind::Tokens {
        bail!("{}: {reason}", key.name);
    }
    bail!("{} = {}: {}", key.name, without_secrets(text), without_secrets(&reason))
}

fn put(table: &mut Table, name: &str, value: Value) {
    match name.split_once('.') {
        Some((section, leaf)) => {
            let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Some(inner) = entry.as_table_mut() {
                inner.insert(leaf.to_owned(), value);
            }
        }
        None => {
            table.insert(name.to_owned(), value);
        }
    }
}
