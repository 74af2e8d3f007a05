//! The keys `counts`, `keys`, `sums`, `linked` and `largest` of a header.

use std::fmt;

use crate::config::Areas;

/// What a view counts, and what an outsider knows about its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publication {
    /// The columns with numbers; `None` without the key `counts`, and empty with `counts: none`.
    pub counts: Option<Vec<Measure>>,
    pub keys: Option<Keys>,
    /// Counts whose sums are published or follow.
    pub sums: Vec<Link>,
    /// Counts that others contain.
    pub linked: Vec<Link>,
    /// For each sum to which devices add, the rows of single users that it adds up, so that the largest
    /// contribution of a device is known.
    pub largest: Vec<Link>,
}

/// The columns that identify or describe the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    pub columns: Vec<String>,
    /// Every key has a row, so that a count may be zero; else rows exist only where there are devices.
    pub are_complete: bool,
}

/// A column with numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    pub column: String,
    pub basis: Basis,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// It counts devices.
    Devices,
    /// It is computed from a count of devices.
    From(Column),
    /// It is a sum to which each of some devices adds.
    Over(Column),
}

/// A column of the same view or of another one, by its SQL name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub view: Option<String>,
    pub column: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The counts add up to the other number.
    Equal,
    /// The counts have no device in common, and the other number contains all of them.
    Within,
    /// The other number contains each count.
    In,
    /// The same, and each device of the other number is in one of the counts at least.
    SeenIn,
}

/// A relation between counts of a view and a count of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub counts: Vec<String>,
    pub relation: Relation,
    pub to: Column,
    /// The row of the other number: its keys, and where their values come from.
    pub by: Vec<KeyPair>,
    /// Keys that divide the counts of a row of the other number.
    pub each: Vec<String>,
    pub condition: Option<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    pub ours: KeyValue,
    pub theirs: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyValue {
    Column(String),
    /// The period that a column lies in.
    Period(Period, String),
    /// The area that holds the one in a column. No header names it: it relates a view and a coarser form of it.
    Area(Areas, String),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Date,
    Week,
    Month,
    /// The window whose anchors apply to a date.
    AnchorWindow,
    /// The month that holds a whole week, if one does.
    MonthOfWeek,
    /// The week that holds both dates of a night, if one does.
    WeekOfNight,
    /// The month that holds both dates of a night, if one does.
    MonthOfNight,
}

impl Period {
    pub const ALL: [Period; 7] = [
        Period::Date,
        Period::Week,
        Period::Month,
        Period::AnchorWindow,
        Period::MonthOfWeek,
        Period::WeekOfNight,
        Period::MonthOfNight,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Period::Date => "date",
            Period::Week => "week",
            Period::Month => "month",
            Period::AnchorWindow => "anchor_window",
            Period::MonthOfWeek => "month_of_week",
            Period::WeekOfNight => "week_of_night",
            Period::MonthOfNight => "month_of_night",
        }
    }
}

/// Which rows a relation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub column: String,
    pub equals: KeyValue,
}

impl Publication {
    /// The text with `to` in place of `from` in all values, for snapshot views.
    pub fn replace(&self, from: &str, to: &str) -> Publication {
        let mut replaced = self.clone();
        let text = |value: &mut KeyValue| {
            if let KeyValue::Text(text) = value {
                *text = text.replace(from, to);
            }
        };
        for link in replaced.sums.iter_mut().chain(&mut replaced.linked) {
            link.by.iter_mut().for_each(|pair| text(&mut pair.ours));
            if let Some(condition) = &mut link.condition {
                text(&mut condition.equals);
            }
        }
        replaced
    }
}

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
            Basis::From(column) => write!(f, "{} from {column}", self.column),
            Basis::Over(column) => write!(f, "{} over {column}", self.column),
        }
    }
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyValue::Column(column) => f.write_str(column),
            KeyValue::Period(period, column) => write!(f, "{}({column})", period.name()),
            KeyValue::Area(areas, column) => write!(f, "{}({column})", areas.name()),
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

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relation = match self.relation {
            Relation::Equal => "=",
            Relation::Within => "<=",
            Relation::In => "in",
            Relation::SeenIn => "seen in",
        };
        let by: Vec<String> = self.by.iter().map(KeyPair::to_string).collect();
        write!(f, "{} {relation} {}", self.counts.join(" + "), self.to)?;
        if !by.is_empty() {
            write!(f, " by {}", by.join(", "))?;
        }
        if !self.each.is_empty() {
            write!(f, " each {}", self.each.join(", "))?;
        }
        match &self.condition {
            Some(condition) => write!(f, " where {} = {}", condition.column, condition.equals),
            None => Ok(()),
        }
    }
}
