//! Columns of computed rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, StringArray};

/// Users, who are named once for all of their rows.
#[derive(Debug, Default)]
pub struct Users {
    text: String,
    ends: Vec<usize>,
}

impl Users {
    /// Adds a user; returns the number by which rows refer to it.
    pub fn add(&mut self, user: &str) -> usize {
        self.text.push_str(user);
        self.ends.push(self.text.len());
        self.ends.len() - 1
    }

    fn name(&self, number: usize) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[number]]
    }

    /// The users of rows by their numbers.
    pub fn column(&self, numbers: impl Iterator<Item = usize>) -> ArrayRef {
        texts(numbers.map(|number| self.name(number)))
    }
}

pub fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

pub fn optional_texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

pub fn integers(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

/// A column that has the same day, since 1970, in all rows.
pub fn same_day(day: i32, rows: usize) -> ArrayRef {
    Arc::new(Date32Array::from_value(day, rows))
}
