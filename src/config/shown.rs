//! The configuration without secrets, for records and logs.

use anyhow::Result;
use serde_json::Value;

use super::Config;
use super::url::without_passwords;

impl Config {
    /// Every setting that has a value, by section, with `***` in place of secrets.
    ///
    /// # Errors
    /// A path that is not UTF-8.
    pub fn without_secrets(&self) -> Result<Value> {
        let mut value = serde_json::to_value(self)?;
        if let Some(store) = &self.data.store {
            value["data"]["processed"] = Value::String(store.clone());
        }
        Ok(redacted(value))
    }
}

/// Removes passwords from texts, and settings without a value.
fn redacted(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_passwords(&text)),
        Value::Array(values) => values.into_iter().map(redacted).collect(),
        Value::Object(keys) => {
            let set = keys.into_iter().filter(|(_, value)| !value.is_null());
            set.map(|(key, value)| (key, redacted(value))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Secret, WarehouseUrl};

    #[test]
    fn secrets_are_masked_and_other_settings_are_kept() {
        let mut config = Config::default();
        config.serve.token = Some(Secret::new("open-sesame-open-sesame"));
        config.warehouse.url = WarehouseUrl::parse("postgres://me:hunter2@host/db?sslpassword=x9");
        config.warehouse.pg_env.extend([("PGPASSWORD".to_owned(), "swordfish".to_owned())]);
        config.data.events = vec!["s3://key:s3cret@bucket/events".into()];
        config.data.cells = vec!["https://host/plan.csv?X-Amz-Signature=s3cret&sv=s3cret".into()];
        let shown = config.without_secrets().unwrap();
        assert_eq!(shown["warehouse"]["url"], "postgres://me:***@host/db?sslpassword=***");
        assert_eq!(shown["data"]["events"][0], "s3://key:***@bucket/events");
        assert_eq!(shown["data"]["cells"][0], "https://host/plan.csv?X-Amz-Signature=***&sv=***");
        assert_eq!(shown["serve"]["token"], "***");
        assert_eq!(shown["lau"], serde_json::json!({"countries": ["EE"]}));
        let text = shown.to_string();
        for secret in ["sesame", "hunter2", "x9", "swordfish", "s3cret"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
