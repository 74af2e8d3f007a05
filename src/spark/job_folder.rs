//! The folder of a job: here, and if the machines of the cluster do not see it, in an object store.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::file_path::SparkPath;
use crate::storage::StagingFolder;
use crate::storage::atomic::{AtomicFolder, create_folder};

/// Name of the folder of a job.
const NAME: &str = "spark";

/// Small tables that Spark reads, and tables that it writes. Everything is removed with it.
pub struct JobFolder {
    local: AtomicFolder,
    path: PathBuf,
    staging: Option<StagingFolder>,
    shared: SparkPath,
}

impl JobFolder {
    /// A folder in `parent`, and one below the prefix `staging`, if there is one.
    ///
    /// # Errors
    /// A folder that cannot be written; a store that cannot be reached or denies access.
    pub fn create(parent: &Path, staging: Option<&str>) -> Result<Self> {
        let local = AtomicFolder::create(&parent.join(NAME))?;
        let path = super::file_path::absolute(local.path())?;
        let staging = staging.map(|prefix| StagingFolder::create(prefix, NAME)).transpose();
        let staging = staging.context("the folder for the jobs of Spark")?;
        let shared = match &staging {
            Some(staging) => SparkPath::remote(staging.url())?,
            None => SparkPath::local(&path)?,
        };
        Ok(JobFolder { local, path, staging, shared })
    }

    /// The folder on this machine.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder as Spark names it.
    pub fn shared(&self) -> &SparkPath {
        &self.shared
    }

    /// True if the folder that Spark sees is in an object store.
    pub fn is_in_store(&self) -> bool {
        self.staging.is_some()
    }

    /// Makes files of this folder visible to Spark.
    ///
    /// # Errors
    /// A store that cannot be reached or denies access.
    pub fn share(&self, names: Vec<String>) -> Result<()> {
        match &self.staging {
            Some(staging) => staging.upload(self.local.path(), names),
            None => Ok(()),
        }
    }

    /// The folder on this machine with a table that Spark wrote.
    ///
    /// # Errors
    /// A folder that is not writable; a store that cannot be reached or denies access.
    pub fn fetch(&self, table: &str) -> Result<PathBuf> {
        let folder = self.path.join(table);
        if let Some(staging) = &self.staging {
            // also for a table without files
            create_folder(&folder)?;
            let files = format!("{table}/");
            staging.download(&self.path, |name| {
                let inside = name.strip_prefix(&files).unwrap_or("_");
                let is_hidden = inside.split('/').any(|part| part.starts_with(['_', '.']));
                // some clients of stores write objects for folders
                !is_hidden && inside.ends_with(".parquet")
            })?;
        }
        Ok(folder)
    }
}
