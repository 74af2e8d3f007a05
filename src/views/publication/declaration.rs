//! The keys `counts`, `keys`, `totals`, `sums`, `linked`, `follows`, `needs` and `largest` of a header.

use super::contribution::Contribution;

use crate::config::Areas;

/// What a view counts, and what an outsider knows about its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publication {
    /// The columns with numbers; `None` without the key `counts`, and empty with `counts: none`.
    pub counts: Option<Vec<Measure>>,
    pub keys: Option<Keys>,
    /// Sums of numbers of the view that nobody publishes, and that other views refer to by the name of a column.
    pub totals: Vec<Link>,
    /// Counts whose sums are published or follow.
    pub sums: Vec<Link>,
    /// Counts that others contain.
    pub linked: Vec<Link>,
    /// Relations that follow from those of other views, which may not be released with this one.
    pub follows: Vec<Link>,
    /// Counts from which all numbers of a row are computed too.
    pub needs: Vec<Need>,
    /// For each sum to which devices add, how much a device adds.
    pub largest: Vec<Contribution>,
}

/// The columns that identify or describe the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    pub columns: Vec<String>,
    pub rows: RowsOf,
}

/// Which keys have a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsOf {
    /// Every key, so that a count may be zero. A withheld number is null.
    EveryKey,
    /// Keys with devices. A row of which any number is shown is there, and the others are null.
    AnyNumber,
    /// Keys with devices. Rows with withheld numbers are left out.
    Devices,
}

impl Keys {
    /// True if every key has a row.
    pub fn are_complete(&self) -> bool {
        self.rows == RowsOf::EveryKey
    }

    /// True if withheld numbers are null; else their rows are left out.
    pub fn have_nulls(&self) -> bool {
        self.rows != RowsOf::Devices
    }
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
    /// It is computed from counts of devices, or from sums over devices.
    From(Vec<Column>),
    /// It is a sum to which each of some devices adds.
    Over(Column),
    /// The same, of devices that no view counts: the users of the rows of single users that it adds up.
    OverUsers,
}

impl Basis {
    /// True for a number that is computed from others.
    pub fn is_computed(&self) -> bool {
        matches!(self, Basis::From(_))
    }

    /// True for a sum to which devices add.
    pub fn is_sum(&self) -> bool {
        matches!(self, Basis::Over(_) | Basis::OverUsers)
    }
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
    /// The key whose values begin with the number by which the counts are multiplied.
    pub times: Option<String>,
    pub relation: Relation,
    /// It holds nearly always: an outsider may rely on it, and where the numbers contradict it, they do.
    pub is_near: bool,
    pub to: Column,
    /// The row of the other number: its keys, and where their values come from.
    pub by: Vec<KeyPair>,
    /// Keys that divide the counts of a row of the other number.
    pub each: Vec<String>,
    /// A count of a third view that the other number contains as well, and that has no device in common with these.
    pub beside: Option<Need>,
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
    /// The week or month that holds the period that a column lies in. No header names it either.
    Longer(Period, Period, String),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Date,
    Week,
    Month,
    /// The window whose anchors apply to a date.
    AnchorWindow,
    /// The month that holds all dates with events of a week, if one does.
    MonthOfWeek,
    /// The week that holds all dates with events of a month, if one does.
    WeekOfMonth,
    /// The month that holds all dates with events of a window from its first date, if one does.
    MonthOfWindow,
    /// The week that holds all dates with events of a window from its first date, if one does.
    WeekOfWindow,
    /// The week that holds both dates of a night, if one does.
    WeekOfNight,
    /// The month that holds both dates of a night, if one does.
    MonthOfNight,
    /// The night that holds a clock hour, if one does, by its first date.
    Night,
    /// The clock hour after a clock hour. The first of two equal ones is followed by the second.
    NextHour,
    /// The date of a full hour. Who is present then is seen in the clock hour before or after, which is nearly always on
    /// that date.
    DateOfHours,
    /// The same if both clock hours are by day.
    DateByDay,
    /// The same if both clock hours are by night.
    DateByNight,
    /// The night that holds both clock hours, if one does, by its first date.
    NightOfHours,
}

impl Period {
    pub const ALL: [Period; 16] = [
        Period::Date,
        Period::Week,
        Period::Month,
        Period::AnchorWindow,
        Period::MonthOfWeek,
        Period::WeekOfMonth,
        Period::MonthOfWindow,
        Period::WeekOfWindow,
        Period::WeekOfNight,
        Period::MonthOfNight,
        Period::Night,
        Period::NextHour,
        Period::DateOfHours,
        Period::DateByDay,
        Period::DateByNight,
        Period::NightOfHours,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Period::Date => "date",
            Period::Week => "week",
            Period::Month => "month",
            Period::AnchorWindow => "anchor_window",
            Period::MonthOfWeek => "month_of_week",
            Period::WeekOfMonth => "week_of_month",
            Period::MonthOfWindow => "month_of_window",
            Period::WeekOfWindow => "week_of_window",
            Period::WeekOfNight => "week_of_night",
            Period::MonthOfNight => "month_of_night",
            Period::Night => "night",
            Period::NextHour => "next_hour",
            Period::DateOfHours => "date_of_hours",
            Period::DateByDay => "date_by_day",
            Period::DateByNight => "date_by_night",
            Period::NightOfHours => "night_of_hours",
        }
    }
}

/// Which rows a relation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub column: String,
    /// Rows with another value are meant.
    pub is_negated: bool,
    /// For an area, the one that holds the place in `column` is compared.
    pub equals: KeyValue,
}

/// A count in the row of another view, such as one from which numbers are computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    pub of: Column,
    pub by: Vec<KeyPair>,
}

impl Publication {
    /// All relations of numbers of the view.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.stated_links().chain(&self.follows)
    }

    /// The same without those that follow from others.
    pub fn stated_links(&self) -> impl Iterator<Item = &Link> {
        self.totals.iter().chain(&self.sums).chain(&self.linked)
    }

    /// Where values of keys of other views come from.
    pub fn key_values(&self) -> impl Iterator<Item = &KeyValue> {
        let of_links = self.links().flat_map(|link| {
            let of_condition = link.condition.iter().map(|condition| &condition.equals);
            link.by.iter().map(|pair| &pair.ours).chain(of_condition)
        });
        of_links.chain(self.needs.iter().flat_map(|need| need.by.iter().map(|pair| &pair.ours)))
    }

    /// The text with `to` in place of `from` in all values, for snapshot views.
    pub fn replace(&self, from: &str, to: &str) -> Publication {
        let mut replaced = self.clone();
        let text = |value: &mut KeyValue| {
            if let KeyValue::Text(text) = value {
                *text = text.replace(from, to);
            }
        };
        let links = replaced.totals.iter_mut().chain(&mut replaced.sums);
        for link in links.chain(&mut replaced.linked) {
            link.by.iter_mut().for_each(|pair| text(&mut pair.ours));
            if let Some(condition) = &mut link.condition {
                text(&mut condition.equals);
            }
        }
        replaced
    }
}
