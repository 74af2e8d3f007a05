//! The three columns of a row group as Arrow arrays, for every type and encoding.

use std::sync::Arc;

use anyhow::{Result, bail};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int64Type, UInt64Type};
use arrow::error::ArrowError;

use crate::domain::id_slot::IdSlot;
use crate::domain::ids::user_key_of_text;
use crate::domain::time::columns::Times;
use crate::events::batch::{EventBatch, IdEncoder};
use crate::formats::parquet::ParquetBatches;

/// Batches of user id, cell id and time stamp.
pub struct ArrayBatches {
    batches: ParquetBatches,
    /// Index of each column in a batch.
    positions: [usize; 3],
}

impl ArrayBatches {
    pub(super) fn new(batches: ParquetBatches, positions: [usize; 3]) -> Self {
        ArrayBatches { batches, positions }
    }
}

impl Iterator for ArrayBatches {
    type Item = Result<[ArrayRef; 3], ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.next()?;
        Some(batch.map(|b| self.positions.map(|i| Arc::clone(b.column(i)))))
    }
}

/// Converts arrays to event batches, with a reused buffer.
#[derive(Default)]
pub struct ArrayColumns {
    scratch: Vec<u8>,
}

impl ArrayColumns {
    /// Appends the events of arrays of user id, cell id and time stamp to the empty `batch`.
    ///
    /// # Errors
    /// A type that is not valid in event files.
    pub fn convert(
        &mut self,
        arrays: &[ArrayRef; 3],
        ids: &mut impl IdEncoder,
        times: &mut Times,
        batch: &mut EventBatch,
    ) -> Result<()> {
        let [user, cell, time] = arrays;
        self.convert_users(user, ids, &mut batch.users);
        convert_cells(cell, ids, &mut batch.cells)?;
        times.convert(time, &mut batch.times)
    }

    fn convert_users(
        &mut self,
        users: &ArrayRef,
        encoder: &mut impl IdEncoder,
        out: &mut Vec<IdSlot>,
    ) {
        match users.data_type() {
            DataType::FixedSizeBinary(_) => {
                let ids = users.as_fixed_size_binary();
                encoder.users(ids.len(), |i| ids.is_valid(i).then(|| ids.value(i)), out);
            }
            DataType::BinaryView => {
                let ids = users.as_binary_view();
                encoder.users(ids.len(), |i| ids.is_valid(i).then(|| ids.value(i)), out);
            }
            // when the file was opened, all other types but text were rejected
            _ => {
                let ids = users.as_string_view().iter();
                out.extend(ids.map(|id| match id {
                    None | Some("") => IdSlot::MISSING,
                    Some(id) => encoder.user(user_key_of_text(id, &mut self.scratch)),
                }));
            }
        }
    }
}

fn convert_cells(
    cells: &ArrayRef,
    encoder: &mut impl IdEncoder,
    out: &mut Vec<IdSlot>,
) -> Result<()> {
    match cells.data_type() {
        DataType::Utf8View => {
            out.extend(cells.as_string_view().iter().map(|id| match id {
                None | Some("") => IdSlot::MISSING,
                Some(id) => encoder.cell(id),
            }));
        }
        DataType::UInt64 => {
            let ids = cells.as_primitive::<UInt64Type>().iter();
            out.extend(ids.map(|id| match id.map(|id| (id, i64::try_from(id))) {
                None => IdSlot::MISSING,
                Some((_, Ok(id))) => encoder.cell_number(id),
                Some((id, Err(_))) => encoder.cell(&id.to_string()),
            }));
        }
        t if t.is_integer() => {
            let wide = arrow::compute::cast(cells, &DataType::Int64)?;
            let ids = wide.as_primitive::<Int64Type>();
            if ids.null_count() == 0 {
                out.extend(ids.values().iter().map(|&id| encoder.cell_number(id)));
            } else {
                out.extend(
                    ids.iter().map(|id| id.map_or(IdSlot::MISSING, |id| encoder.cell_number(id))),
                );
            }
        }
        other => bail!("cell ids of type {other} cannot be read"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, Int64Array, StringViewArray, UInt64Array};

    use super::*;
    use crate::events::batch::tests::Ids;

    #[test]
    fn cell_ids_of_every_type_keep_all_digits() {
        let mut ids = Ids::default();
        let mut numbers = Vec::new();
        let big = 9_007_199_254_740_993; // 2^53 + 1
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(big), None, Some(7)])),
            Arc::new(StringViewArray::from(vec![Some("9007199254740993"), Some(""), Some("007")])),
            Arc::new(Int32Array::from(vec![7])),
            Arc::new(UInt64Array::from(vec![u64::MAX, 7])),
        ];
        for column in &columns {
            convert_cells(column, &mut ids, &mut numbers).unwrap();
        }
        let numbers: Vec<_> = numbers.into_iter().map(IdSlot::number).collect();
        let expected = [Some(0), None, Some(1), Some(0), None, Some(2), Some(1), Some(3), Some(1)];
        assert_eq!(numbers, expected);
        assert_eq!(ids.cells, ["9007199254740993", "7", "007", "18446744073709551615"]);
    }
}
