//! Which engine does the heavy steps, and how Apache Spark is reached.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Value;

/// What does the steps that touch every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// This program, on this machine
    #[default]
    Native,
    /// Apache Spark, on the cluster of spark.master
    Spark,
}

impl Engine {
    /// The word in config and flags.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Native => "native",
            Engine::Spark => "spark",
        }
    }
}

/// How Apache Spark is reached.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spark {
    /// The program that runs a file of SQL, and arguments that come before ours.
    #[serde(deserialize_with = "super::load::one_or_many")]
    pub submit: Vec<String>,
    /// The cluster; without it Spark's own settings say.
    pub master: Option<String>,
    /// Spark's properties by name.
    #[serde(deserialize_with = "properties")]
    pub conf: BTreeMap<String, String>,
}

impl Default for Spark {
    fn default() -> Self {
        Spark { submit: vec!["spark-sql".into()], master: None, conf: BTreeMap::new() }
    }
}

impl Spark {
    pub(super) fn check(&self) -> Result<()> {
        if self.submit.first().is_none_or(String::is_empty) {
            bail!("spark.submit is empty: name the program, such as \"spark-sql\"");
        }
        if let Some(name) = self.conf.keys().find(|name| !name.starts_with("spark.")) {
            bail!("spark.conf: {name} is no property of Spark; their names begin with \"spark.\"");
        }
        // they are handed on as arguments, which every user of the machine can list
        let secret = |name: &&String| {
            let name = name.to_lowercase();
            ["secret", "password", "token", "access.key"].iter().any(|word| name.contains(word))
        };
        if let Some(name) = self.conf.keys().find(secret) {
            bail!(
                "spark.conf: {name} would show in the list of processes; keep it in Spark's own \
                 spark-defaults.conf or in the environment"
            );
        }
        Ok(())
    }
}

/// Properties with their names in quotes, or as the sections that TOML makes of the dots.
fn properties<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let mut all = BTreeMap::new();
    flatten("", Value::Table(toml::Table::deserialize(deserializer)?), &mut all)
        .map_err(D::Error::custom)?;
    Ok(all)
}

fn flatten(name: &str, value: Value, all: &mut BTreeMap<String, String>) -> Result<(), String> {
    let text = match value {
        Value::Table(table) => {
            for (key, value) in table {
                let name = if name.is_empty() { key } else { format!("{name}.{key}") };
                flatten(&name, value, all)?;
            }
            return Ok(());
        }
        Value::String(text) => text,
        Value::Array(_) => return Err(format!("{name}: write one text, not a list")),
        other => other.to_string(),
    };
    all.insert(name.to_owned(), text);
    Ok(())
}
