//! The rows of views that this program or Spark computes in place of the server.

use anyhow::Result;
use chrono::NaiveDate;

use super::inputs::{Inputs, Reads};
use super::local_files::{LoadedRows, LocalFiles};
use crate::domain::tables::Table;
use crate::warehouse::Rows;
use crate::warehouse::spark_job::SparkTables;

impl Inputs {
    /// The rows of a view over all dates that Spark has computed; `None` if it has not.
    ///
    /// # Errors
    /// A view without output of Spark.
    pub fn rows_of_spark(&self, view: &str) -> Result<Option<Rows>> {
        match &self.spark {
            Some(spark) => spark.of(view, self.columns(view)),
            None => Ok(None),
        }
    }

    /// The files of all tables that Spark reads; `None` if they may not be read, or are not those that were
    /// loaded.
    ///
    /// # Errors
    /// Damaged files.
    pub fn spark_tables(&self) -> Result<Option<SparkTables>> {
        let Some(files) = &self.files else { return Ok(None) };
        let dates = self.dates.iter().map(|(date, p)| (*date, p.fingerprint.as_str())).collect();
        let loaded = self.loaded(&[Table::CellPlan, Table::Lau], dates);
        files.all(&loaded, &self.movement, &self.small)
    }

    fn loaded<'a>(
        &'a self,
        tables: &'a [Table],
        dates: Vec<(NaiveDate, &'a str)>,
    ) -> LoadedRows<'a> {
        LoadedRows { tables, dates, cell_plan: &self.plan, lau: &self.lau }
    }

    /// The rows of a view over partitions with their dates, computed from files; `None` if the server has to
    /// compute them. `period` is the first date of the period that they are for, if it is one.
    ///
    /// # Errors
    /// Damaged files.
    pub fn rows_of_files(
        &self,
        sql: &str,
        period: Option<NaiveDate>,
        partitions: &[(NaiveDate, i64)],
    ) -> Result<Option<Rows>> {
        let Some(files) = self.files.as_ref().filter(|files| files.is_shipped(sql)) else {
            return Ok(None);
        };
        let Some(reads) = self.reads("", sql).filter(Reads::events) else { return Ok(None) };
        let of_period = period.filter(|_| self.are_shipped(files, &reads.views));
        if of_period.is_none() && !reads.views.is_empty() {
            return Ok(None);
        }
        let mut dates = Vec::with_capacity(partitions.len());
        for (date, number) in partitions {
            match self.dates.get(date).filter(|partition| partition.number == *number) {
                Some(partition) => dates.push((*date, partition.fingerprint.as_str())),
                // one that was replaced since
                None => return Ok(None),
            }
        }
        let loaded = self.loaded(&reads.tables, dates);
        if let Some(start) = of_period
            && let Some(rows) = files.rows_of_users(sql, &loaded, start)?
        {
            return Ok(Some(rows));
        }
        if reads.views.is_empty() { files.rows(sql, &loaded) } else { Ok(None) }
    }

    /// True if the program ships this SQL.
    pub fn is_shipped(&self, sql: &str) -> bool {
        self.files.as_ref().is_some_and(|files| files.is_shipped(sql))
    }

    /// True if the views, and all that they read, are stored with the SQL that the program ships.
    fn are_shipped(&self, files: &LocalFiles, views: &[String]) -> bool {
        views.iter().all(|name| {
            self.view(name).is_some_and(|view| {
                let reads = self.reads(name, &view.sql);
                files.is_shipped(&view.sql)
                    && reads.is_some_and(|reads| self.are_shipped(files, &reads.views))
            })
        })
    }
}
