//! Rows of single users on their way out, which the audit log records.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::formats::Rows;
use super::query::order_text;
use crate::progress::audit_log::{Access, AuditLog, Outcome};
use crate::progress::log::Log;
use crate::warehouse::{Relation, Select};

/// Stands for a value that may be the id of a user.
const REDACTED: &str = "***";

/// The filters, order and limits of a selection, as the audit log records them.
pub fn recorded(select: &Select) -> Map<String, Value> {
    let mut filters = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        filters.extend(value.map(|value| (name.to_owned(), value)));
    };
    let day = |day: Option<NaiveDate>| day.map(|day| Value::from(day.to_string()));
    if select.from == select.to {
        add("date", day(select.from));
    } else {
        add("from", day(select.from));
        add("to", day(select.to));
    }
    let is_place = matches!(select.relation, Relation::Table(_));
    let lau = select.lau.as_deref();
    add("lau", lau.map(|id| Value::from(if is_place { id } else { REDACTED })));
    let order: Vec<String> = select.order.iter().map(order_text).collect();
    add("order_by", (!order.is_empty()).then(|| order.join(",").into()));
    add("limit", select.limit.map(Value::from));
    add("offset", (select.offset > 0).then(|| select.offset.into()));
    filters
}

/// A recorded access. It counts as aborted unless [`AuditedAccess::complete`] is called.
pub struct AuditedAccess<'a> {
    audit: &'a AuditLog,
    log: &'a Log,
    access: &'a Access,
    rows: Arc<AtomicU64>,
    is_open: bool,
}

impl<'a> AuditedAccess<'a> {
    /// Records that the rows are about to go out.
    ///
    /// # Errors
    /// An audit log that cannot be written: no row may go out.
    pub fn begin(audit: &'a AuditLog, access: &'a Access, log: &'a Log) -> Result<Self> {
        audit.granted(access)?;
        Ok(AuditedAccess { audit, log, access, rows: Arc::default(), is_open: true })
    }

    /// The same rows, counted while they are read.
    pub fn count(&self, rows: Rows) -> Rows {
        Box::new(CountedRows { rows, count: Arc::clone(&self.rows) })
    }

    /// Records that all rows have gone out.
    ///
    /// # Errors
    /// An audit log that cannot be written.
    pub fn complete(mut self) -> Result<()> {
        self.is_open = false;
        self.audit.ended(self.access, self.rows.load(Ordering::Relaxed), Outcome::Complete)
    }
}

impl Drop for AuditedAccess<'_> {
    fn drop(&mut self) {
        if self.is_open {
            let rows = self.rows.load(Ordering::Relaxed);
            if let Err(error) = self.audit.ended(self.access, rows, Outcome::Aborted) {
                self.log.error(None, &format!("{error:#}"));
            }
        }
    }
}

struct CountedRows {
    rows: Rows,
    count: Arc<AtomicU64>,
}

impl Iterator for CountedRows {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.rows.next();
        if let Some(Ok(batch)) = &next {
            self.count.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        }
        next
    }
}

impl RecordBatchReader for CountedRows {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}
