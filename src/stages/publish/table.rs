//! The rows of a view as numbers with keys.

use std::collections::HashSet;

use anyhow::{Result, bail};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::util::display::array_value_to_string;
use chrono::NaiveDate;

use crate::views::publication::{Keys, Measure, Publication};
use crate::views::{OrderBy, View};

/// Values of key columns as text; `None` for null.
pub type KeyValues = Vec<Option<String>>;

/// A view with its rows.
#[derive(Debug, Clone)]
pub struct Table {
    /// SQL name.
    pub view: String,
    pub publication: Publication,
    pub keys: Keys,
    pub measures: Vec<Measure>,
    /// The keys, by their number, that tell the rows apart. The others describe them.
    pub identity: Vec<usize>,
    /// For each key whether it is a date or a time.
    pub is_time: Vec<bool>,
    /// For each measure whether it is an amount such as hours, of which a device may add any part. Its numbers are
    /// hundredths.
    pub is_amount: Vec<bool>,
    /// The measure is a total that nobody publishes.
    pub is_total: bool,
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub keys: KeyValues,
    /// First and last date.
    pub period: Option<(NaiveDate, NaiveDate)>,
    pub role: Role,
    /// By measure: counts and sums. `None` where there is none, for measures that are computed from others, and for
    /// an outsider where the number is withheld.
    pub numbers: Vec<Option<u64>>,
}

/// What a row is in a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Released,
    /// Its counts are judged as if they were released, because numbers that are released are computed from them.
    Judged,
    /// It is known to outsiders as far as an earlier release has shown it.
    Context,
    /// It is published nowhere, and outsiders compute it from what is.
    Total,
}

/// A number of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number {
    pub table: usize,
    pub row: usize,
    pub measure: usize,
}

impl Table {
    /// # Errors
    /// Columns that are missing or whose type does not fit; rows that their keys do not tell apart.
    pub fn new(
        view: &View,
        publication: &Publication,
        rows: &RecordBatch,
        row: impl Fn(usize) -> (Option<(NaiveDate, NaiveDate)>, Role),
    ) -> Result<Self> {
        let (Some(keys), Some(measures)) = (&publication.keys, &publication.counts) else {
            bail!("{}: the header does not say what it counts", view.place());
        };
        let columns = keys.columns.iter().map(|name| column(view, rows, name));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let is_time = columns.iter().map(|column| {
            matches!(column.data_type(), DataType::Date32 | DataType::Timestamp(_, _))
        });
        let numbers = measures.iter().map(|measure| numbers(view, rows, measure));
        let numbers = numbers.collect::<Result<Vec<_>>>()?;
        let is_amount = measures.iter().map(|measure| {
            let of_type = |column: &ArrayRef| *column.data_type() == DataType::Float64;
            measure.basis.is_sum() && rows.column_by_name(&measure.column).is_some_and(of_type)
        });
        let mut all = Vec::with_capacity(rows.num_rows());
        for number in 0..rows.num_rows() {
            let mut values = Vec::with_capacity(columns.len());
            for column in &columns {
                values.push(match column.is_null(number) {
                    true => None,
                    false => Some(array_value_to_string(column, number)?),
                });
            }
            let (period, role) = row(number);
            let numbers = numbers.iter().map(|numbers| numbers[number]).collect();
            all.push(Row { keys: values, period, role, numbers });
        }
        let table = Table {
            view: view.view.clone(),
            publication: publication.clone(),
            identity: identity(keys, &view.order),
            is_time: is_time.collect(),
            is_amount: is_amount.collect(),
            is_total: false,
            keys: keys.clone(),
            measures: measures.clone(),
            rows: all,
        };
        table.refuse_equal_keys(view)?;
        Ok(table)
    }

    fn refuse_equal_keys(&self, view: &View) -> Result<()> {
        let mut seen = HashSet::new();
        for row in &self.rows {
            if !seen.insert(self.identity_of(row)) {
                let names = self.identity.iter().map(|key| self.keys.columns[*key].as_str());
                bail!(
                    "{}: two rows have the same {} ({}), so that the numbers of releases cannot be compared; name \
                     the keys that tell rows apart in `-- order:`",
                    view.place(),
                    names.collect::<Vec<_>>().join(", "),
                    self.key_text(row)
                );
            }
        }
        Ok(())
    }

    /// The number of a measure by its column.
    pub fn measure(&self, column: &str) -> Option<usize> {
        self.measures.iter().position(|measure| measure.column == column)
    }

    /// True for counts and sums, which are compared with earlier releases; false for amounts.
    pub fn is_kept(&self, measure: usize) -> bool {
        !self.is_amount[measure]
    }

    /// The number of a key by its column.
    pub fn key(&self, column: &str) -> Option<usize> {
        self.keys.columns.iter().position(|key| key == column)
    }

    /// The values that identify a row.
    pub fn identity_of(&self, row: &Row) -> KeyValues {
        self.identity.iter().map(|key| row.keys[*key].clone()).collect()
    }

    /// The same for messages.
    pub fn key_text(&self, row: &Row) -> String {
        let values = self.identity.iter().map(|key| row.keys[*key].as_deref().unwrap_or("-"));
        values.collect::<Vec<_>>().join(", ")
    }

    /// The same as in the ledger: a JSON array of texts.
    pub fn ledger_key(&self, row: &Row) -> String {
        let values: Vec<Option<&str>> =
            self.identity.iter().map(|key| row.keys[*key].as_deref()).collect();
        serde_json::to_string(&values).unwrap_or_default()
    }
}

/// The keys by which a view orders its rows tell these apart; the others describe them, like names.
fn identity(keys: &Keys, order: &[OrderBy]) -> Vec<usize> {
    let ordered = |key: &String| order.iter().any(|order| order.column == *key);
    let named: Vec<usize> = keys
        .columns
        .iter()
        .enumerate()
        .filter(|(_, key)| ordered(key))
        .map(|(number, _)| number)
        .collect();
    if named.is_empty() { (0..keys.columns.len()).collect() } else { named }
}

fn column<'a>(view: &View, rows: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    match rows.column_by_name(name) {
        Some(column) => Ok(column),
        None => bail!("{}: there is no column {name}; run `mobility views`", view.place()),
    }
}

/// The values of a count or a sum; none of a measure that is computed from another.
fn numbers(view: &View, rows: &RecordBatch, measure: &Measure) -> Result<Vec<Option<u64>>> {
    let values = column(view, rows, &measure.column)?;
    if measure.basis.is_computed() {
        return Ok(vec![None; rows.num_rows()]);
    }
    if let (true, Some(values)) = (measure.basis.is_sum(), values.as_primitive_opt::<Float64Type>())
    {
        let hundredths = |value: f64| (value.max(0.0) * 100.0).round() as u64;
        return Ok(values.iter().map(|value| value.map(hundredths)).collect());
    }
    let Some(values) = values.as_primitive_opt::<Int64Type>() else {
        bail!(
            "{}: {} is no whole number; a count or a sum has to be one: use CAST(... AS BIGINT), or write `{} from` \
             and the count that it is computed from",
            view.place(),
            measure.column,
            measure.column
        );
    };
    let number = |value: Option<i64>| match value.map(u64::try_from) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(_)) => {
            bail!("{}: {} is less than 0 in a row", view.place(), measure.column)
        }
    };
    values.iter().map(number).collect()
}
