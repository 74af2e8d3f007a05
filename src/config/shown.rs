//! The settings that are recorded with each run.
//!
//! The list names what may be recorded, and not what may not: a new key is not recorded before somebody
//! has decided that its values are no secrets.

use anyhow::Result;
use serde_json::{Map, Value};

use super::{Config, shown_location};

/// Keys whose values are recorded as they are: numbers, names and choices.
const VALUES: &[&str] = &[
    "strict",
    "engine",
    "output.mode",
    "extract.lau_year",
    "extract.lau_scale",
    "extract.lau_crs",
    "extract.connections",
    "columns.user_id",
    "columns.cell_id",
    "columns.timestamp",
    "columns.timestamp_unit",
    "columns.timestamp_format",
    "columns.plan_cell_id",
    "columns.latitude",
    "columns.longitude",
    "columns.valid_date_start",
    "columns.valid_date_end",
    "columns.gisco_id",
    "columns.cntr_code",
    "columns.lau_name",
    "columns.population",
    "columns.nuts",
    "checks.off",
    "checks.quarantine",
    "checks.user_id_bytes",
    "checks.folder_tolerance_days",
    "checks.fast_hop_km",
    "checks.fast_hop_m_s",
    "checks.ping_pong_s",
    "checks.ping_pong_km",
    "checks.most_events_a_day",
    "checks.open_days",
    "checks.expected_dates",
    "lau.countries",
    "lau.crs",
    "lau.max_mib",
    "geojoin.method",
    "geojoin.max_distance_m",
    "time.zone",
    "time.day_start",
    "time.day_end",
    "anchors.window",
    "anchors.night_start",
    "anchors.night_end",
    "anchors.min_nights",
    "anchors.home_share",
    "anchors.work_start",
    "anchors.work_end",
    "anchors.work_min_hours",
    "anchors.work_min_days",
    "anchors.work_share",
    "anchors.work_min_distance_m",
    "calendar.holidays",
    "present.window_s",
    "weights.min_devices",
    "weights.max_weight",
    "weights.min_coverage",
    "weights.interval_z",
    "stays.max_gap_s",
    "stays.max_night_gap_s",
    "stays.night_gap_start",
    "stays.night_gap_end",
    "stays.flicker_s",
    "stays.flicker_m",
    "stays.flicker_neighbours",
    "stays.pad_s",
    "stays.min_stay_s",
    "trips.min_distance_m",
    "trips.max_hours",
    "warehouse.schema",
    "warehouse.connections",
    "warehouse.connect_timeout_s",
    "warehouse.statement_timeout_s",
    "load.uncompressed",
    "views.builtin",
    "views.snapshot_dates",
    "publish.audience",
    "publish.min_devices",
    "publish.min_area_devices",
    "publish.areas",
    "publish.period",
    "publish.zeros",
    "publish.cells",
    "serve.bind",
    "serve.audience",
    "serve.allow_user_rows",
    "serve.max_queries",
    "serve.timeout_s",
    "serve.behind_tls_proxy",
    "serve.max_connections",
    "serve.max_connections_per_address",
    "serve.client_timeout_s",
    "serve.max_connection_s",
];

/// Keys with paths and URLs, of which scheme, host, port and path are recorded.
const LOCATIONS: &[&str] = &[
    "data.events",
    "data.cells",
    "data.lau",
    "data.processed",
    "data.cache",
    "extract.events",
    "extract.cells",
    "extract.to",
    "extract.lau_url",
    "warehouse.url",
    "spark.master",
    "spark.staging",
    "views.dir",
    "publish.store",
    "serve.audit_log",
];

impl Config {
    /// Settings with a value that are no secrets, by section.
    ///
    /// # Errors
    /// A path that is not UTF-8.
    pub fn recorded_settings(&self) -> Result<Value> {
        let mut all = serde_json::to_value(self)?;
        if let Some(store) = &self.data.store {
            all["data"]["processed"] = Value::String(store.clone());
        }
        let mut recorded = Map::new();
        for key in VALUES.iter().chain(LOCATIONS) {
            let pointer = format!("/{}", key.replace('.', "/"));
            let Some(value) = all.pointer(&pointer).filter(|value| !value.is_null()) else {
                continue;
            };
            let value = shown(value.clone());
            match key.split_once('.') {
                None => {
                    recorded.insert((*key).to_owned(), value);
                }
                Some((section, leaf)) => {
                    let section =
                        recorded.entry(section).or_insert_with(|| Value::Object(Map::new()));
                    section[leaf] = value;
                }
            }
        }
        Ok(Value::Object(recorded))
    }
}

/// The value with all URLs as they may be shown.
fn shown(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(shown_location(&text)),
        Value::Array(values) => values.into_iter().map(shown).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{LOCATIONS, VALUES};
    use crate::config::{Config, KEYS, Secret, WarehouseUrl};

    #[test]
    fn secrets_are_left_out_and_other_settings_are_kept() {
        let mut config = Config::default();
        config.serve.token = Some(Secret::new("open-sesame-open-sesame"));
        config.warehouse.url = WarehouseUrl::parse("postgres://me:hunter2@host/db?sslpassword=x9");
        config.warehouse.pg_env.extend([("PGPASSWORD".to_owned(), "swordfish".to_owned())]);
        config.data.events = vec!["s3://key:s3cret@bucket/events".into()];
        config.data.cells = vec!["https://host/plan.csv?X-Amz-Signature=s3cret&sv=s3cret".into()];
        config.spark.submit = vec!["spark-sql".into(), "--token=s3cret".into()];
        config.spark.conf.insert("spark.my.credentials".into(), "s3cret".into());
        let shown = config.recorded_settings().unwrap();
        assert_eq!(shown["warehouse"]["url"], "postgres://host/db");
        assert_eq!(shown["data"]["events"][0], "s3://bucket/events");
        assert_eq!(shown["data"]["cells"][0], "https://host/plan.csv");
        assert_eq!(shown["lau"], serde_json::json!({"countries": ["EE"], "max_mib": 2048}));
        for text in [shown.to_string(), format!("{config:?}")] {
            for secret in ["sesame", "hunter2", "x9", "swordfish", "s3cret"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }

    #[test]
    fn recorded_keys_exist() {
        for key in VALUES.iter().chain(LOCATIONS) {
            assert!(KEYS.iter().any(|k| k.name == *key), "{key}");
        }
    }
}
