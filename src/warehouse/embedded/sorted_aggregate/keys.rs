//! Group columns in a form that is fast to compare and to hash.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// Maximum length of a text that a string view stores inline; the views of equal inline texts are equal.
const INLINE: u32 = 12;

/// A group column.
pub struct Key {
    values: Values,
    nulls: Option<NullBuffer>,
}

enum Values {
    Numbers(Vec<u64>),
    Texts(StringViewArray),
}

/// True for column types that [`Key`] supports.
pub fn comparable(column: &DataType) -> bool {
    match column {
        DataType::Utf8View => true,
        t => t.is_integer() || t.is_temporal() && matches!(t.primitive_width(), Some(4 | 8)),
    }
}

impl Key {
    /// # Errors
    /// A column that is not [`comparable`].
    pub fn new(column: &ArrayRef) -> Result<Self> {
        let values = match (column.data_type(), column.data_type().primitive_width()) {
            (DataType::Utf8View, _) => Values::Texts(column.as_string_view().clone()),
            (_, Some(1)) => numbers(column, |data| data.buffer::<u8>(0)),
            (_, Some(2)) => numbers(column, |data| data.buffer::<u16>(0)),
            (_, Some(4)) => numbers(column, |data| data.buffer::<u32>(0)),
            (_, Some(8)) => numbers(column, |data| data.buffer::<u64>(0)),
            (other, _) => {
                return datafusion::common::internal_err!("cannot group by {other}");
            }
        };
        Ok(Key { values, nulls: column.logical_nulls() })
    }

    /// True if two rows have the same value; null equals null.
    #[inline]
    pub fn same(&self, a: usize, b: usize) -> bool {
        if let Some(nulls) = &self.nulls {
            match (nulls.is_valid(a), nulls.is_valid(b)) {
                (true, true) => {}
                (a, b) => return a == b,
            }
        }
        match &self.values {
            Values::Numbers(numbers) => numbers[a] == numbers[b],
            Values::Texts(texts) => {
                let views = texts.views();
                // equal views also mean equal texts
                views[a] == views[b] || same_text(texts, a, b)
            }
        }
    }

    /// Combines the values of the column with the hashes of the rows.
    pub fn hash_into(&self, hashes: &mut [u64]) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let null = |row| self.nulls.as_ref().is_some_and(|n| n.is_null(row));
        let hasher = FixedState::default();
        for (row, hash) in hashes.iter_mut().enumerate() {
            let code = match &self.values {
                _ if null(row) => ODD,
                Values::Numbers(numbers) => numbers[row],
                Values::Texts(texts) => {
                    let view = texts.views()[row];
                    if view as u32 <= INLINE {
                        (view >> 64) as u64 ^ (view as u64).wrapping_mul(ODD)
                    } else {
                        hasher.hash_one(texts.value(row))
                    }
                }
            };
            let mixed = (*hash ^ code).wrapping_mul(ODD);
            *hash = mixed ^ mixed >> 32;
        }
    }
}

fn same_text(texts: &StringViewArray, a: usize, b: usize) -> bool {
    let views = texts.views();
    // the lower half of a view has the length and the first four bytes
    let alike = views[a] as u64 == views[b] as u64;
    alike && views[a] as u32 > INLINE && texts.value(a) == texts.value(b)
}

fn numbers<T: Copy + Into<u64>>(
    column: &ArrayRef,
    values: impl Fn(&datafusion::arrow::array::ArrayData) -> &[T],
) -> Values {
    let data = column.to_data();
    Values::Numbers(values(&data)[..column.len()].iter().map(|v| (*v).into()).collect())
}
