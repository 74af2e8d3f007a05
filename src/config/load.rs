//! Builds a validated [`Config`] from file, environment and flags.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::{
    Checks, Config, Data, KEYS, Key, KeyKind, PgEnv, Secret, Serve, env_name, tokens,
    without_secrets,
};
use crate::errors::nearest;
use crate::runtime::text_file;

/// The file that is read without `--config`; only this one may be missing.
pub const DEFAULT_FILE: &str = "pipeline.toml";
/// Maximum of a time limit, one year.
const MAX_SECONDS: u64 = 366 * 86_400;
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
fn default_paths() -> [(&'static str, Value); 7] {
    let Config { data, extract, warehouse, .. } = Config::default();
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

fn validate(config: &Config) -> Result<()> {
    let warehouse = &config.warehouse;
    warehouse.url.check()?;
    let is_system = |name: &str| name.starts_with("pg_") || name == "information_schema";
    // the server would cut off what is longer, and gives $user another meaning
    let is_name =
        |name: &str| (1..=63).contains(&name.len()) && name != "$user" && !name.contains('\0');
    if is_system(&warehouse.schema) || !is_name(&warehouse.schema) {
        bail!(
            "warehouse.schema = {:?}: name a schema of at most 63 bytes that is not one of the system \
             schemas",
            warehouse.schema
        );
    }
    // a load uses one connection per core and one that coordinates them
    if warehouse.connections < 2 {
        bail!("warehouse.connections = {}: at least 2 are needed", warehouse.connections);
    }
    let time = &config.time;
    if time.day_start >= time.day_end || time.day_end > 24 {
        bail!(
            "time.day_start = {} and time.day_end = {}: the start must be before the end, both from 0 to 24",
            time.day_start,
            time.day_end
        );
    }
    if let Some(zone) = &time.zone
        && zone.parse::<chrono_tz::Tz>().is_err()
    {
        let near = nearest(zone, chrono_tz::TZ_VARIANTS.iter().map(|z| z.name()));
        let hint = near.map(|z| format!("; did you mean `{z}`?")).unwrap_or_default();
        bail!("time.zone = \"{zone}\" is not an IANA time zone{hint}");
    }
    if !(config.geojoin.max_distance_m.is_finite() && config.geojoin.max_distance_m >= 0.0) {
        bail!("geojoin.max_distance_m must be a distance in metres, 0 or more");
    }
    if config.extract.connections == 0 {
        bail!("extract.connections = 0: at least 1 is needed");
    }
    validate_checks(&config.checks)?;
    config.spark.check()?;
    validate_serve(&config.serve)?;
    for (key, paths) in
        [("events", &config.data.events), ("cells", &config.data.cells), ("lau", &config.data.lau)]
    {
        if paths.is_empty() {
            bail!("data.{key} is empty: name at least one file, folder or glob");
        }
    }
    Ok(())
}

fn validate_checks(checks: &Checks) -> Result<()> {
    if let Some(code) = checks.off.iter().find(|code| code.makes_unusable()) {
        bail!(
            "checks.off: {} cannot be turned off, because such rows cannot be counted",
            code.name()
        );
    }
    let limits = [
        ("fast_hop_km", checks.fast_hop_km),
        ("fast_hop_m_s", checks.fast_hop_m_s),
        ("ping_pong_s", checks.ping_pong_s),
        ("ping_pong_km", checks.ping_pong_km),
    ];
    match limits.iter().find(|(_, limit)| !(limit.is_finite() && *limit >= 0.0)) {
        Some((key, _)) => bail!("checks.{key} must be a number, 0 or more"),
        None => Ok(()),
    }
}

fn validate_serve(serve: &Serve) -> Result<()> {
    let port = serve.bind.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        bail!("serve.bind = {:?}: expected address and port, such as 127.0.0.1:5000", serve.bind);
    }
    if let Some(token) = &serve.token {
        tokens::check_token("serve.token", token)?;
    }
    tokens::check(&serve.tokens)?;
    serve.proxy_networks()?;
    serve.url_prefix()?;
    if serve.max_queries == 0 {
        bail!("serve.max_queries = 0: at least 1 is needed");
    }
    let seconds = [
        ("timeout_s", serve.timeout_s),
        ("client_timeout_s", serve.client_timeout_s),
        ("max_connection_s", serve.max_connection_s),
    ];
    if let Some((key, _)) = seconds.iter().find(|(_, seconds)| *seconds == 0) {
        bail!("serve.{key} = 0: at least 1 second is needed");
    }
    if let Some((key, seconds)) = seconds.iter().find(|(_, seconds)| *seconds > MAX_SECONDS) {
        bail!("serve.{key} = {seconds}: at most {MAX_SECONDS} seconds are possible");
    }
    let connections = [
        ("max_connections", serve.max_connections),
        ("max_connections_per_address", serve.max_connections_per_address()),
    ];
    if let Some((key, _)) = connections.iter().find(|(_, number)| *number == 0) {
        bail!("serve.{key} = 0: at least 1 is needed");
    }
    match (&serve.tls_cert, &serve.tls_key) {
        (Some(_), None) => bail!("serve.tls_cert is set, but serve.tls_key is not: TLS needs both"),
        (None, Some(_)) => bail!("serve.tls_key is set, but serve.tls_cert is not: TLS needs both"),
        _ => {}
    }
    Ok(())
}

/// A string or a list of strings.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a path, or a list of paths")]
    enum OneOrMany {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    let paths = match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(path) => vec![path],
        OneOrMany::Many(paths) => paths,
    };
    Ok(paths.into_iter().map(|p| p.to_string_lossy().into_owned()).collect())
}
