//! The engine of compute-intensive stages, and the connection to Apache Spark.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Value;

use super::{Data, shown_location, without_secrets};

/// Where jobs work below outputs in an object store. Readers of data sets skip the name.
const STAGING: &str = "_spark";

/// The engine of stages that process every event.
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
    /// The name in configuration and flags.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Native => "native",
            Engine::Spark => "spark",
        }
    }
}

/// The connection to Apache Spark.
#[derive(Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spark {
    /// The program that runs a file of SQL, followed by arguments that precede those of a job.
    #[serde(deserialize_with = "super::values::one_or_many")]
    pub submit: Vec<String>,
    /// URL of the cluster; without it, the configuration of Spark itself applies.
    pub master: Option<String>,
    /// Prefix in an object store for the tables of a job, for a cluster that does not see `data.processed`.
    pub staging: Option<String>,
    /// Spark properties by name.
    #[serde(deserialize_with = "properties")]
    pub conf: BTreeMap<String, String>,
}

/// Arguments and properties may contain secrets, so only the names of properties are displayed.
impl fmt::Debug for Spark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spark")
            .field("submit", &self.submit.first())
            .field("master", &self.master.as_deref().map(without_secrets))
            .field("staging", &self.staging.as_deref().map(shown_location))
            .field("conf", &self.conf.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl Default for Spark {
    fn default() -> Self {
        Spark {
            submit: vec!["spark-sql".into()],
            master: None,
            staging: None,
            conf: BTreeMap::new(),
        }
    }
}

impl Spark {
    /// The prefix in an object store below which jobs work; `None` if they work beside the outputs on this
    /// machine.
    pub fn staging(&self, data: &Data) -> Option<String> {
        let of_outputs =
            || data.store.as_ref().map(|s| format!("{}/{STAGING}", s.trim_end_matches('/')));
        self.staging.clone().or_else(of_outputs)
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.submit.first().is_none_or(String::is_empty) {
            bail!("spark.submit is empty: name the program, such as \"spark-sql\"");
        }
        if let Some(staging) = &self.staging
            && (!staging.contains("://") || staging.starts_with("http"))
        {
            bail!(
                "spark.staging = \"{}\": expected a prefix in an object store, such as \
                 s3://bucket/staging",
                shown_location(staging)
            );
        }
        if let Some(name) = self.conf.keys().find(|name| !name.starts_with("spark.")) {
            bail!("spark.conf: {name} is not a Spark property; their names start with \"spark.\"");
        }
        // properties are passed as arguments, which every user of the machine can see
        let secret = |name: &&String| {
            let name = name.to_lowercase();
            ["secret", "password", "token", "access.key"].iter().any(|word| name.contains(word))
        };
        if let Some(name) = self.conf.keys().find(secret) {
            bail!(
                "spark.conf: {name} would be visible in the list of processes; set it in \
                 spark-defaults.conf or in the environment instead"
            );
        }
        Ok(())
    }
}

/// Properties with quoted names, or nested tables where TOML splits unquoted names at the dots.
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
        Value::Array(_) => return Err(format!("{name}: expected a single value, not a list")),
        other => other.to_string(),
    };
    all.insert(name.to_owned(), text);
    Ok(())
}
