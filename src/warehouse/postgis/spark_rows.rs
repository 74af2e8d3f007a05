//! The rows of views that a job of Spark has computed in place of the server.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::relations::ColumnTypes;
use crate::domain::tables::TIMESTAMP;
use crate::warehouse::Rows;
use crate::warehouse::spark_job::ViewsJob;

/// The rows of the views that a job has computed, each over all dates.
pub struct SparkRows {
    pub job: ViewsJob,
    pub views: BTreeSet<String>,
}

impl std::fmt::Debug for SparkRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SparkRows").field("views", &self.views).finish_non_exhaustive()
    }
}

impl SparkRows {
    /// The rows of a view over all dates with the columns of the server; `None` if Spark has not computed it, or
    /// if a column has a type whose values this program does not copy.
    ///
    /// # Errors
    /// A view without output of Spark.
    pub fn of(&self, view: &str, columns: &ColumnTypes) -> Result<Option<Rows>> {
        if !self.views.contains(view) {
            return Ok(None);
        }
        arrow_schema(columns).map(|schema| self.job.rows(view, schema)).transpose()
    }
}

/// The columns in the types of the contract.
fn arrow_schema(columns: &ColumnTypes) -> Option<SchemaRef> {
    let field = |(name, kind): &(String, String)| {
        let data_type = match kind.as_str() {
            "bigint" => DataType::Int64,
            "text" => DataType::Utf8,
            "date" => DataType::Date32,
            "timestamp without time zone" => TIMESTAMP,
            "double precision" => DataType::Float64,
            "boolean" => DataType::Boolean,
            _ => return None,
        };
        Some(Field::new(name, data_type, true))
    };
    let fields: Option<Vec<Field>> = columns.iter().map(field).collect();
    Some(Arc::new(Schema::new(fields?)))
}
