//! The key `largest` of a header: how much one device adds to a sum.

use std::fmt;

/// How much one device adds to a sum at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// The sum.
    pub column: String,
    pub from: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Rows of single users that add up to the sum.
    Rows(UserRows),
    /// A device adds no more than so many hundredths, in rows where a key has a value.
    Limit { hundredths: u64, key: String, value: String },
}

/// Rows of single users that add up to a sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRows {
    /// A table, or the SQL name of a view.
    pub relation: String,
    /// The column that is added up; `None` where the rows are counted.
    pub column: Option<String>,
    /// The keys of the sum, each with the value that the rows have for it.
    pub by: Vec<(String, RowValue)>,
    pub condition: Option<Comparison>,
}

/// A value of a row of a single user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowValue {
    Column(String),
    /// The clock hour of a time.
    Hour(String),
}

/// Rows in which two columns are equal, or not. Empty values are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    pub left: String,
    pub are_equal: bool,
    pub right: String,
}

impl RowValue {
    pub fn column(&self) -> &String {
        match self {
            RowValue::Column(column) | RowValue::Hour(column) => column,
        }
    }
}

impl UserRows {
    /// The columns that the rows must have.
    pub fn columns(&self) -> impl Iterator<Item = &String> {
        let of_keys = self.by.iter().map(|(_, value)| value.column());
        let compared = self.condition.iter().flat_map(|c| [&c.left, &c.right]);
        of_keys.chain(&self.column).chain(compared)
    }
}

impl fmt::Display for RowValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RowValue::Column(column) => f.write_str(column),
            RowValue::Hour(column) => write!(f, "hour({column})"),
        }
    }
}

impl fmt::Display for Contribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Source::Limit { hundredths, key, value } => {
                let limit = *hundredths as f64 / 100.0;
                write!(f, "{} at most {limit} where {key} = '{value}'", self.column)
            }
            Source::Rows(UserRows { relation, column, by, condition }) => {
                write!(f, "{} in {relation}", self.column)?;
                if let Some(column) = column {
                    write!(f, ".{column}")?;
                }
                let pair = |(ours, theirs): &(String, RowValue)| match theirs {
                    RowValue::Column(column) if column == ours => ours.clone(),
                    theirs => format!("{ours} as {theirs}"),
                };
                write!(f, " by {}", by.iter().map(pair).collect::<Vec<_>>().join(", "))?;
                match condition {
                    Some(Comparison { left, are_equal, right }) => {
                        write!(f, " where {left} {} {right}", if *are_equal { "=" } else { "<>" })
                    }
                    None => Ok(()),
                }
            }
        }
    }
}
