//! Rows as Arrow arrays, for the table of raw events.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, StringViewBuilder, TimestampMicrosecondArray};
use arrow::error::ArrowError;

use super::records::Records;
use crate::domain::time::text::{EpochUnit, number_us};
use crate::formats::csv::not_utf8;

/// Bytes of the fields in a batch. A few long fields must not take the memory of many short ones.
const MAX_BATCH_BYTES: usize = 8 << 20;

/// Batches of user id, cell id and time stamp.
pub struct RecordBatches {
    records: Records,
    unit: Option<EpochUnit>,
    batch_rows: usize,
    ended: bool,
}

impl RecordBatches {
    pub(super) fn new(records: Records, unit: Option<EpochUnit>, batch_rows: usize) -> Self {
        RecordBatches { records, unit, batch_rows, ended: false }
    }

    fn next_batch(&mut self) -> Result<Option<[ArrayRef; 3]>> {
        let [mut users, mut cells, mut texts] = [(); 3].map(|()| StringViewBuilder::new());
        let mut numbers: Vec<Option<i64>> = Vec::new();
        let (mut rows, mut bytes) = (0, 0);
        while rows < self.batch_rows && bytes < MAX_BATCH_BYTES {
            let row = self.records.rows();
            let Some([user, cell, time]) = self.records.next_row()? else {
                self.ended = true;
                break;
            };
            let text = |bytes| -> Result<Option<&str>> {
                let text = std::str::from_utf8(bytes).with_context(|| not_utf8(row, None))?;
                Ok(Some(text).filter(|text| !text.is_empty()))
            };
            users.append_option(text(user)?);
            cells.append_option(text(cell)?);
            match self.unit {
                // as when events are counted, bytes that are not UTF-8 are an unreadable time
                None => texts.append_option(
                    Some(String::from_utf8_lossy(time)).filter(|text| !text.is_empty()),
                ),
                Some(unit) => numbers.push(number_us(time, unit)),
            }
            rows += 1;
            bytes += user.len() + cell.len() + time.len();
        }
        let times: ArrayRef = match self.unit {
            None => Arc::new(texts.finish()),
            Some(_) => Arc::new(TimestampMicrosecondArray::from(numbers)),
        };
        Ok((rows > 0)
            .then(|| [Arc::new(users.finish()) as _, Arc::new(cells.finish()) as _, times]))
    }
}

impl Iterator for RecordBatches {
    type Item = Result<[ArrayRef; 3], ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = self.next_batch();
        self.ended |= batch.is_err();
        batch.map_err(|e| ArrowError::CsvError(format!("{e:#}"))).transpose()
    }
}
