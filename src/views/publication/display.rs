//! Headers as they are written.

use std::fmt;

use super::USER_ID;
use super::declaration::{
    Basis, Column, Condition, KeyPair, KeyValue, Link, Measure, Need, Relation,
};

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.view {
            Some(view) => write!(f, "{view}.{}", self.column),
            None => f.write_str(&self.column),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.basis {
            Basis::Devices => f.write_str(&self.column),
            Basis::From(columns) => {
                let columns: Vec<String> = columns.iter().map(Column::to_string).collect();
                write!(f, "{} from {}", self.column, columns.join(" + "))
            }
            Basis::Over(column) => write!(f, "{} over {column}", self.column),
            Basis::OverUsers => write!(f, "{} over {USER_ID}", self.column),
        }
    }
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyValue::Column(column) => f.write_str(column),
            KeyValue::Period(period, column) => write!(f, "{}({column})", period.name()),
            KeyValue::Area(areas, column) => write!(f, "{}({column})", areas.name()),
            KeyValue::Longer(longer, period, column) => {
                write!(f, "{}({}({column}))", longer.name(), period.name())
            }
            KeyValue::Text(text) => write!(f, "'{text}'"),
        }
    }
}

impl fmt::Display for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ours {
            KeyValue::Column(column) if *column == self.theirs => f.write_str(column),
            ours => write!(f, "{ours} as {}", self.theirs),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Relation::Equal => "=",
            Relation::Within => "<=",
            Relation::In => "in",
            Relation::SeenIn => "seen in",
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negated { "<>" } else { "=" };
        write!(f, "{} {sign} {}", self.column, self.equals)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.counts.join(" + "))?;
        if let Some(times) = &self.times {
            write!(f, " times {times}")?;
        }
        if self.is_near {
            f.write_str(" nearly")?;
        }
        write!(f, " {} {}", self.relation, self.to)?;
        by(f, &self.by)?;
        if !self.each.is_empty() {
            write!(f, " each {}", self.each.join(", "))?;
        }
        if let Some(beside) = &self.beside {
            write!(f, " beside {beside}")?;
        }
        match &self.condition {
            Some(condition) => write!(f, " where {condition}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.of)?;
        by(f, &self.by)
    }
}

fn by(f: &mut fmt::Formatter<'_>, pairs: &[KeyPair]) -> fmt::Result {
    match pairs.is_empty() {
        true => Ok(()),
        false => write!(f, " by {}", list(pairs)),
    }
}

/// Values with commas between them.
fn list<T: fmt::Display>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
