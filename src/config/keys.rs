//! The list of configuration keys, and the environment variable of each.

use anyhow::{Result, bail};

use super::NamedToken;
use crate::errors::nearest;

/// The kind of a key's value, which decides how relative paths in it are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Any value without paths.
    Value,
    /// One or more paths or globs; relative ones are resolved against the folder of the file.
    Path,
    /// A warehouse URL; the folder of an embedded warehouse is a path.
    WarehouseUrl,
    /// A program by name, or by path if it contains a slash, followed by arguments.
    Program,
    /// Tables whose `token_file` is a path.
    Tokens,
}

/// A configuration key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted name, such as `data.events`.
    pub name: &'static str,
    pub kind: KeyKind,
}

const fn value(name: &'static str) -> Key {
    Key { name, kind: KeyKind::Value }
}

const fn path(name: &'static str) -> Key {
    Key { name, kind: KeyKind::Path }
}

/// All keys.
pub const KEYS: &[Key] = &[
    value("strict"),
    value("engine"),
    path("data.events"),
    path("data.cells"),
    path("data.lau"),
    path("data.population"),
    path("data.nuts"),
    path("data.processed"),
    path("data.cache"),
    value("output.mode"),
    path("extract.events"),
    path("extract.cells"),
    path("extract.to"),
    value("extract.lau_year"),
    value("extract.lau_scale"),
    value("extract.lau_crs"),
    path("extract.lau_url"),
    value("extract.connections"),
    value("columns.user_id"),
    value("columns.cell_id"),
    value("columns.timestamp"),
    value("columns.timestamp_unit"),
    value("columns.timestamp_format"),
    value("columns.null_values"),
    value("columns.plan_cell_id"),
    value("columns.latitude"),
    value("columns.longitude"),
    value("columns.valid_date_start"),
    value("columns.valid_date_end"),
    value("columns.gisco_id"),
    value("columns.cntr_code"),
    value("columns.lau_name"),
    value("columns.population"),
    value("columns.nuts"),
    value("checks.off"),
    value("checks.quarantine"),
    value("checks.user_id_bytes"),
    value("checks.folder_tolerance_days"),
    value("checks.fast_hop_km"),
    value("checks.fast_hop_m_s"),
    value("checks.ping_pong_s"),
    value("checks.ping_pong_km"),
    value("checks.most_events_a_day"),
    value("checks.open_days"),
    value("checks.expected_dates"),
    value("compress.memory"),
    value("lau.countries"),
    value("lau.crs"),
    value("lau.max_mib"),
    value("geojoin.method"),
    value("geojoin.max_distance_m"),
    value("time.zone"),
    value("time.day_start"),
    value("time.day_end"),
    value("anchors.window"),
    value("anchors.night_start"),
    value("anchors.night_end"),
    value("anchors.min_nights"),
    value("anchors.home_share"),
    value("anchors.work_start"),
    value("anchors.work_end"),
    value("anchors.work_min_hours"),
    value("anchors.work_min_days"),
    value("anchors.work_share"),
    value("anchors.work_min_distance_m"),
    value("calendar.holidays"),
    value("present.window_s"),
    value("weights.min_devices"),
    value("weights.max_weight"),
    value("weights.min_coverage"),
    value("weights.interval_z"),
    value("stays.max_gap_s"),
    value("stays.max_night_gap_s"),
    value("stays.night_gap_start"),
    value("stays.night_gap_end"),
    value("stays.flicker_s"),
    value("stays.flicker_m"),
    value("stays.flicker_neighbours"),
    value("stays.pad_s"),
    value("stays.min_stay_s"),
    value("trips.min_distance_m"),
    value("trips.max_hours"),
    value("trips.return_s"),
    Key { name: "warehouse.url", kind: KeyKind::WarehouseUrl },
    value("warehouse.schema"),
    value("warehouse.connections"),
    value("warehouse.connect_timeout_s"),
    value("warehouse.statement_timeout_s"),
    value("load.uncompressed"),
    Key { name: "spark.submit", kind: KeyKind::Program },
    value("spark.master"),
    value("spark.staging"),
    value("spark.conf"),
    path("views.dir"),
    value("views.builtin"),
    value("views.snapshot_dates"),
    value("publish.audience"),
    value("publish.min_devices"),
    value("publish.min_area_devices"),
    value("publish.areas"),
    value("publish.period"),
    value("publish.zeros"),
    value("publish.cells"),
    path("publish.store"),
    value("serve.bind"),
    value("serve.audience"),
    value("serve.token"),
    Key { name: "serve.tokens", kind: KeyKind::Tokens },
    value("serve.allow_user_rows"),
    path("serve.audit_log"),
    value("serve.base_path"),
    value("serve.trusted_proxies"),
    value("serve.max_queries"),
    value("serve.timeout_s"),
    path("serve.tls_cert"),
    path("serve.tls_key"),
    value("serve.behind_tls_proxy"),
    value("serve.max_connections"),
    value("serve.max_connections_per_address"),
    value("serve.client_timeout_s"),
    value("serve.max_connection_s"),
];

/// The environment variable that overrides a key: `MOBILITY_DATA_EVENTS` for `data.events`.
pub fn env_name(key: &str) -> String {
    format!("MOBILITY_{}", key.replace('.', "_").to_uppercase())
}

/// Refuses environment variables that start with `MOBILITY_` but neither belong to a key nor contain
/// one of the tokens.
///
/// # Errors
/// The first such variable, with the nearest valid name.
pub fn refuse_unknown_variables(
    names: impl IntoIterator<Item = String>,
    tokens: &[NamedToken],
) -> Result<()> {
    let of_tokens = tokens.iter().filter_map(|token| token.token_env.clone());
    let known: Vec<String> = KEYS.iter().map(|key| env_name(key.name)).chain(of_tokens).collect();
    let unknown = |name: &String| name.starts_with("MOBILITY_") && !known.contains(name);
    if let Some(name) = names.into_iter().find(unknown) {
        let hint = match nearest(&name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => "docs/configuration.md lists all keys".to_owned(),
        };
        bail!("environment variable {name} does not belong to any configuration key; {hint}");
    }
    Ok(())
}
