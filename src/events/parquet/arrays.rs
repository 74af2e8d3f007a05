//! The three columns of a row group as Arrow arrays, for every type and encoding.

use std::sync::Arc;

use anyhow::{Result, bail};
use arrow::array::{Array, ArrayRef, AsArray, NullArray, RecordBatch, make_array};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, UInt64Type};
use arrow::error::ArrowError;

use super::columns::{EventColumn, is_whole};
use crate::domain::id_slot::IdSlot;
use crate::domain::ids::user_key_of_text;
use crate::domain::null_words::NullWords;
use crate::domain::time::columns::Times;
use crate::events::batch::{EventBatch, IdEncoder};
use crate::formats::parquet::ParquetBatches;

/// Batches of some columns, such as user id, cell id and time stamp.
pub struct ArrayBatches<const N: usize> {
    batches: ParquetBatches,
    columns: [EventColumn; N],
}

impl<const N: usize> ArrayBatches<N> {
    pub(super) fn new(batches: ParquetBatches, columns: [EventColumn; N]) -> Self {
        ArrayBatches { batches, columns }
    }
}

impl<const N: usize> Iterator for ArrayBatches<N> {
    type Item = Result<[ArrayRef; N], ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.batches.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(error)),
        };
        let mut arrays = [(); N].map(|()| Arc::new(NullArray::new(0)) as ArrayRef);
        for (column, into) in self.columns.iter().zip(&mut arrays) {
            match column_at(&batch, &column.path).and_then(|array| column.converted(array)) {
                Ok(array) => *into = array,
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok(arrays))
    }
}

/// The column at a path. A value is null where the struct that contains it is null.
fn column_at(batch: &RecordBatch, path: &[String]) -> Result<ArrayRef, ArrowError> {
    let missing = || ArrowError::SchemaError(format!("no column {:?}", path.join(".")));
    let (first, rest) = path.split_first().ok_or_else(missing)?;
    let mut column = Arc::clone(batch.column_by_name(first).ok_or_else(missing)?);
    for name in rest {
        let outer = column.as_struct_opt().ok_or_else(missing)?;
        let inner = outer.column_by_name(name).ok_or_else(missing)?;
        let nulls = NullBuffer::union(outer.nulls(), inner.nulls());
        column = make_array(inner.to_data().into_builder().nulls(nulls).build()?);
    }
    Ok(column)
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
        nulls: &NullWords,
        ids: &mut impl IdEncoder,
        times: &mut Times,
        batch: &mut EventBatch,
    ) -> Result<()> {
        let [user, cell, time] = arrays;
        self.convert_users(user, nulls, ids, &mut batch.users)?;
        convert_cells(cell, nulls, ids, &mut batch.cells)?;
        times.convert(time, &mut batch.times)
    }

    fn convert_users(
        &mut self,
        users: &ArrayRef,
        nulls: &NullWords,
        encoder: &mut impl IdEncoder,
        out: &mut Vec<IdSlot>,
    ) -> Result<()> {
        match users.data_type() {
            DataType::FixedSizeBinary(_) => {
                let ids = users.as_fixed_size_binary();
                encoder.users(ids.len(), |i| ids.is_valid(i).then(|| ids.value(i)), out);
            }
            DataType::BinaryView => {
                let ids = users.as_binary_view();
                encoder.users(ids.len(), |i| ids.is_valid(i).then(|| ids.value(i)), out);
            }
            // when the file was opened, all other types but text and numbers were rejected
            _ => {
                let text = cast(users, &DataType::Utf8View)?;
                out.extend(text.as_string_view().iter().map(|id| match id {
                    Some(id) if !nulls.is_missing(id.as_bytes()) => {
                        encoder.user(user_key_of_text(id, &mut self.scratch))
                    }
                    _ => IdSlot::MISSING,
                }));
            }
        }
        Ok(())
    }
}

fn convert_cells(
    cells: &ArrayRef,
    nulls: &NullWords,
    encoder: &mut impl IdEncoder,
    out: &mut Vec<IdSlot>,
) -> Result<()> {
    match cells.data_type() {
        DataType::Utf8View => {
            out.extend(cells.as_string_view().iter().map(|id| match id {
                Some(id) if !nulls.is_missing(id.as_bytes()) => encoder.cell(id),
                _ => IdSlot::MISSING,
            }));
        }
        t if is_whole(t) => {
            let text = cast(cells, &DataType::Utf8)?;
            let ids = text.as_string::<i32>().iter();
            out.extend(ids.map(|id| match id {
                Some(id) if !nulls.is_missing(id.as_bytes()) => encoder.cell(id),
                _ => IdSlot::MISSING,
            }));
        }
        DataType::UInt64 => {
            let ids = cells.as_primitive::<UInt64Type>().iter();
            out.extend(ids.map(|id| match id.map(|id| (id, i64::try_from(id))) {
                None => IdSlot::MISSING,
                Some((_, Ok(id))) if nulls.is_missing_number(id) => IdSlot::MISSING,
                Some((_, Ok(id))) => encoder.cell_number(id),
                Some((id, Err(_))) => encoder.cell(&id.to_string()),
            }));
        }
        t if t.is_integer() => {
            let wide = cast(cells, &DataType::Int64)?;
            let ids = wide.as_primitive::<Int64Type>();
            let mut number = |id| match nulls.is_missing_number(id) {
                true => IdSlot::MISSING,
                false => encoder.cell_number(id),
            };
            if ids.null_count() == 0 {
                out.extend(ids.values().iter().map(|&id| number(id)));
            } else {
                out.extend(ids.iter().map(|id| id.map_or(IdSlot::MISSING, &mut number)));
            }
        }
        other => bail!("cell ids of type {other} cannot be read"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, Int32Array, Int64Array, StringViewArray, UInt64Array};

    use super::*;
    use crate::events::batch::tests::Ids;

    #[test]
    fn cell_ids_of_every_type_keep_all_digits() {
        let mut ids = Ids::default();
        let (mut numbers, nulls) = (Vec::new(), NullWords::default());
        let big = 9_007_199_254_740_993; // 2^53 + 1
        let decimal = DataType::Decimal128(38, 0);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(big), None, Some(7)])),
            Arc::new(StringViewArray::from(vec![Some("9007199254740993"), Some(""), Some("007")])),
            Arc::new(Int32Array::from(vec![7])),
            Arc::new(Decimal128Array::from(vec![i128::from(big)]).with_data_type(decimal)),
            Arc::new(UInt64Array::from(vec![u64::MAX, 7])),
        ];
        for column in &columns {
            convert_cells(column, &nulls, &mut ids, &mut numbers).unwrap();
        }
        let numbers: Vec<_> = numbers.into_iter().map(IdSlot::number).collect();
        let expected =
            [Some(0), None, Some(1), Some(0), None, Some(2), Some(1), Some(0), Some(3), Some(1)];
        assert_eq!(numbers, expected);
        assert_eq!(ids.cells, ["9007199254740993", "7", "007", "18446744073709551615"]);
    }
}
