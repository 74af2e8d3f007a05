//! Computes views with Apache Spark and stores the results like those of the native engine.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::rows::contract_schema;
use super::versions::Version;
use super::view_results::Stored;
use super::{Embedded, session};
use crate::config::Spark;
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;
use crate::progress::{Progress, StageBar};
use crate::views::View;
use crate::warehouse::Rows;
use crate::warehouse::spark_job::{SparkTables, ViewsJob, can_be_read, note_left_views};

/// Tables that are a single file, which may be missing in a warehouse of an older version.
const FILES: [Table; 4] = [Table::CellPlan, Table::Lau, Table::QualityDaily, Table::QualityCodes];

impl Embedded {
    /// Computes the missing results, or all if `refresh` is set, and returns the names of their views.
    /// Views over raw events or runs are left to the native engine.
    ///
    /// # Errors
    /// Errors of Spark; damaged files; results that cannot be stored.
    pub(super) fn results_by_spark(
        &self,
        spark: &Spark,
        (version, refresh): (&Version, bool),
        progress: &Progress,
        bar: &StageBar,
    ) -> Result<BTreeSet<String>> {
        let mut computed = Vec::new();
        let mut left = Vec::new();
        let results = self.store.results();
        let mut job = ViewsJob::over(self.spark_tables(version)?, &results)?;
        for view in self.views.in_dependency_order()? {
            if !can_be_read(&self.views, view)? {
                left.push(view);
                continue;
            }
            let stored = self.stored(version, view)?.filter(|_| !refresh);
            if let Some(files) = stored.and_then(|stored| whole_files(&stored, view)) {
                job.read(view, &files)?;
                continue;
            }
            job.compute(view);
            computed.push(view);
        }
        note_left_views(&left, "the native engine", progress);
        if computed.is_empty() {
            return Ok(BTreeSet::new());
        }
        checksum::verify(job.dated_files())?;
        job.run(spark, progress, bar)?;
        for view in &computed {
            let rows = self.rows_from_spark(version, view, &job);
            self.store_whole(version, view, &results, rows.with_context(|| view.place())?)?;
        }
        Ok(computed.into_iter().map(|view| view.view.clone()).collect())
    }

    /// The files of a version.
    fn spark_tables(&self, version: &Version) -> Result<SparkTables> {
        let presence = self.presence_files(version, None)?;
        let presence = presence.into_iter().map(|(_, file)| file.path).collect();
        let mut tables = SparkTables { presence, ..SparkTables::default() };
        for table in Table::MOVEMENT {
            let files = self.movement_files(version, table, None)?;
            tables.movement.extend(files.into_iter().map(|file| (table, file.path)));
        }
        let files = self.table_files(version)?;
        for table in FILES {
            self.ensure_table(version, table)?;
            tables.single.extend(files.table(table).map(|file| (table, file.path.clone())));
        }
        Ok(tables)
    }

    /// The rows that Spark wrote, in the types of the native engine.
    fn rows_from_spark(&self, version: &Version, view: &View, job: &ViewsJob) -> Result<Rows> {
        let context = session::new(false);
        let frame = self.runtime.block_on(self.plan_view(&context, version, view, None))?;
        job.rows(&view.view, contract_schema(frame.schema().as_arrow()))
    }
}

/// The files of a stored result that consist of its rows alone.
fn whole_files(stored: &Stored, view: &View) -> Option<Vec<PathBuf>> {
    let results = &stored.results;
    let files = results.current_files();
    let rows: Option<u64> = files.iter().map(|name| Some(results.files.get(name)?.rows)).sum();
    let folder = stored.folder.join(&view.view);
    (rows == Some(results.rows())).then(|| files.iter().map(|name| folder.join(name)).collect())
}
