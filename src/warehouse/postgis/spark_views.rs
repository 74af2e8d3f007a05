//! Has Spark compute views in place of the server, from the processed files that the tables were loaded from.
//!
//! One job computes all views of which anything has to be stored, each over all dates; what is stored of them are
//! the periods that are missing. Views that are current are read as they are stored.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use arrow::datatypes::SchemaRef;

use super::cursor_rows::CursorRows;
use super::inputs::Inputs;
use super::server::Server;
use super::spark_rows::SparkRows;
use crate::config::Spark;
use crate::domain::numbers::counted;
use crate::progress::{Progress, StageBar};
use crate::storage::atomic::create_folder;
use crate::views::{Registry, View};
use crate::warehouse::embedded::parquet_files::ResultFile;
use crate::warehouse::spark_job::{ViewsJob, can_be_read, note_left_views};

/// What computes the views that Spark does not.
pub const OTHERS: &str = "the server and this program";

/// Computes views with Spark.
pub struct SparkViews<'a> {
    pub spark: &'a Spark,
    pub server: &'a Server,
    pub views: &'a Registry,
    /// The folder for the job, which the machines of the cluster have to reach.
    pub folder: &'a Path,
    pub progress: &'a Progress,
}

impl SparkViews<'_> {
    /// Computes the outdated views that Spark can compute and whose SQL is that of the registry, as `is_same`
    /// tells; `None` if there are none, or if the files are not those that were loaded.
    ///
    /// # Errors
    /// Errors of Spark, with the view and what Spark logged; damaged files; errors of the server.
    pub fn rows(
        &self,
        inputs: &Inputs,
        outdated: &BTreeSet<String>,
        is_same: &dyn Fn(&View) -> Result<bool>,
        bar: &StageBar,
    ) -> Result<Option<SparkRows>> {
        let all = self.views.in_dependency_order()?;
        let mut possible: BTreeSet<&str> = BTreeSet::new();
        let mut left = Vec::new();
        for view in all.iter().copied().filter(|view| outdated.contains(&view.view)) {
            if !can_be_read(self.views, view)? {
                left.push(view);
                continue;
            }
            let is_there = |source: &&View| {
                possible.contains(&*source.view)
                    || !outdated.contains(&source.view) && inputs.view(&source.view).is_some()
            };
            // SQL that the native engine cannot plan has functions of the server
            let can_be_computed = view.columns.is_some()
                && self.views.sources(view).iter().all(is_there)
                && is_same(view)?;
            if can_be_computed {
                possible.insert(&view.view);
            }
        }
        note_left_views(&left, OTHERS, self.progress);
        let computed: Vec<&View> = all
            .iter()
            .copied()
            .filter(|view| possible.contains(&*view.view) && can_be_split(self.views, view))
            .collect();
        if computed.is_empty() {
            return Ok(None);
        }
        let Some(tables) = inputs.spark_tables()? else {
            self.progress.note(&format!(
                "views: computed by {OTHERS} and not by Spark, since the processed files are not here, are being \
                 changed, or are not those that were loaded"
            ));
            return Ok(None);
        };
        let mut job = ViewsJob::over(tables, self.folder)?;
        let mut needed: BTreeSet<&str> = computed.iter().map(|view| &*view.view).collect();
        // a view comes after those that it reads
        for view in all.iter().rev().filter(|view| possible.contains(&*view.view)) {
            if needed.contains(&*view.view) {
                needed.extend(self.views.sources(view).iter().map(|source| &*source.view));
            }
        }
        for view in all.into_iter().filter(|view| needed.contains(&*view.view)) {
            if possible.contains(&*view.view) {
                job.compute(view);
            } else {
                let file = self.stored_rows(view, job.folder())?;
                job.read(view, &[file])?;
            }
        }
        job.run(self.spark, self.progress, bar)?;
        let number = counted(computed.len() as u64, "view");
        self.progress.detail(&format!("views: {number} computed by Spark"));
        let views = computed.into_iter().map(|view| view.view.clone()).collect();
        Ok(Some(SparkRows { job, views }))
    }

    /// Writes the stored rows of a view into a file. They are not changed before the job has ended, so that any
    /// connection sees them.
    fn stored_rows(&self, view: &View, folder: &Path) -> Result<PathBuf> {
        let folder = folder.join("stored");
        create_folder(&folder)?;
        let path = folder.join(format!("{}.parquet", view.view));
        let select = format!("SELECT * FROM {}", self.server.schema.relation(&view.view));
        let rows = CursorRows::open(self.server.connection()?, &self.server.schema, &select, &[]);
        let mut file = ResultFile::create(&path)?;
        file.add(Box::new(rows.map_err(|error| view.placed(error))?), None)?;
        file.finish(&path)?;
        Ok(path)
    }
}

/// True if the rows of a view over all dates can be stored: as a whole, or because a column tells the period of
/// each. With a plain `by: date` that is known of the views of the program alone.
fn can_be_split(views: &Registry, view: &View) -> bool {
    let has_day = |columns: &SchemaRef| {
        ["date", "hour"].iter().any(|name| columns.field_with_name(name).is_ok())
    };
    view.growth.is_none()
        || view.period.is_some()
        || view.accumulate.is_some()
        || views.is_shipped(view) && view.columns.as_ref().is_some_and(has_day)
}
