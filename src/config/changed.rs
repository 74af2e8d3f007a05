//! The keys by which two configurations differ.

use serde_json::Value;

use super::{Config, KEYS};

/// The keys in these sections, or of these names, whose values differ. Secrets are not compared.
pub fn changed_keys(before: &Config, after: &Config, sections: &[&str]) -> Vec<&'static str> {
    let value = |config: &Config| serde_json::to_value(config).unwrap_or_default();
    let (before, after) = (value(before), value(after));
    let of =
        |config: &Value, key: &str| config.pointer(&format!("/{}", key.replace('.', "/"))).cloned();
    let is_in = |key: &str| sections.contains(&key.split('.').next().unwrap_or(key));
    let keys = KEYS.iter().map(|key| key.name).filter(|key| is_in(key));
    keys.filter(|key| of(&before, key) != of(&after, key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_keys_are_named() {
        let before = Config::default();
        let mut after = Config { strict: true, ..Config::default() };
        after.serve.max_queries = 1;
        after.time.zone = Some("Europe/Tallinn".to_owned());
        after.engine = super::super::Engine::Spark;
        let changed = |sections: &[&str]| changed_keys(&before, &after, sections);
        assert_eq!(changed(&["serve", "engine"]), ["engine", "serve.max_queries"]);
        assert_eq!(changed(&["time"]), ["time.zone"]);
        assert_eq!(changed_keys(&before, &before, &["serve", "time"]), [""; 0]);
    }
}
