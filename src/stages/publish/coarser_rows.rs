//! The SQL for coarser forms of views.

use std::collections::BTreeSet;
use std::fmt::Write;

use chrono::NaiveDate;

use super::nuts::Nuts;
use crate::config::{Areas, ReleasePeriod};
use crate::domain::tables::quoted;
use crate::views::coarser::{Level, Source, UserRows, is_area, unit};
use crate::views::publication::{Basis, Measure};

/// Dates whose weeks and months all engines know.
const TRUNCATED: &str = "BETWEEN DATE '1678-01-01' AND DATE '2261-12-31'";
const DATE: &str = "date";
const LAU_NAME: &str = "lau_name";

/// What is counted.
pub struct Counting<'a> {
    pub source: Source,
    /// SQL name of the view in its finest form, and its keys.
    pub of: &'a str,
    pub keys: &'a [String],
    pub level: Level,
    /// The numbers, in their order.
    pub measures: &'a [Measure],
    /// All areas have a row in each period.
    pub every: bool,
}

/// Where numbers come from.
pub struct Origin<'a> {
    pub nuts: &'a Nuts,
    /// First clock hour of the day, and of the night.
    pub day: (u32, u32),
    /// The dates that are read, for rows by date.
    pub dates: &'a BTreeSet<NaiveDate>,
}

/// How a number follows from rows of single users.
enum How {
    /// A device counts once.
    Devices,
    /// What devices add.
    Sum,
    Computed(&'static str),
}

/// The columns with the number of devices that add to a sum, and with what the device with the most adds.
pub fn behind(sum: &str) -> [String; 2] {
    [format!("{sum}_devices"), format!("{sum}_largest")]
}

impl Counting<'_> {
    /// The sums of which the SELECT tells how much one device adds.
    pub fn sums(&self) -> Vec<&str> {
        let Source::Users(rows) = self.source else { return Vec::new() };
        let names = self.measures.iter().filter(|m| matches!(how(m, &rows), How::Sum));
        names.map(|measure| measure.column.as_str()).collect()
    }

    /// The SELECT, with the columns in the order of the keys, then of the numbers, and then those behind sums.
    pub fn sql(&self, origin: &Origin) -> String {
        let areas = areas_of(self.level.areas, origin.nuts);
        let mut with = vec![format!("areas (lau_id, area) AS ({areas})")];
        // expression and name of each key but the name of a LAU
        let mut keys: Vec<(String, String)> = Vec::new();
        let mut joins = String::new();
        let has_areas = matches!(
            self.source,
            Source::Users(UserRows { has_areas: true, .. }) | Source::Counted(_)
        );
        for (number, key) in self.keys().filter(|key| *key != LAU_NAME).enumerate() {
            let expression = match key {
                key if is_area(key) && !has_areas => {
                    // writing to a string cannot fail
                    let _ = write!(
                        joins,
                        " LEFT JOIN areas area_{number} ON area_{number}.lau_id = g.{}",
                        quoted(key)
                    );
                    format!("area_{number}.area")
                }
                DATE => truncated(self.level.period),
                key => format!("g.{}", quoted(key)),
            };
            keys.push((expression, quoted(&self.level.key(key))));
        }
        let list = |text: &dyn Fn(&(String, String)) -> String| {
            keys.iter().map(text).collect::<Vec<_>>().join(", ")
        };
        let named = list(&|(expression, name)| format!("{expression} AS {name}"));
        let expressions = list(&|(expression, _)| expression.clone());
        let names = list(&|(_, name)| name.clone());
        let range = self.range(origin);
        match self.source {
            Source::Users(rows) => {
                let (of_device, counted) = self.columns_of_devices(&rows);
                with.push(format!("given AS (\n{})", given(rows.sql, origin)));
                with.push(format!(
                    "by_device AS (SELECT g.user_id, {named}, {of_device} FROM given g{joins}{range} GROUP BY \
                     g.user_id, {expressions})"
                ));
                with.push(format!(
                    "counted AS (SELECT {names}, {counted} FROM by_device GROUP BY {names})"
                ));
            }
            Source::Counted(_) | Source::Disjoint => {
                let from = match self.source {
                    Source::Counted(sql) => {
                        with.push(format!("given AS (\n{})", given(sql, origin)));
                        "given"
                    }
                    _ => self.of,
                };
                let sums = self.measures.iter().map(|measure| {
                    let count = quoted(&measure.column);
                    format!("CAST(SUM(g.{count}) AS BIGINT) AS {count}")
                });
                let sums = sums.collect::<Vec<_>>().join(", ");
                with.push(format!(
                    "counted AS (SELECT {named}, {sums} FROM {from} g{joins}{range} GROUP BY {expressions})"
                ));
            }
        }
        let is_filled = self.every && matches!(self.source, Source::Users(_));
        let select = match is_filled {
            true => self.with_every_key(origin, &mut with),
            false => self.with_names(),
        };
        format!("WITH {}\n{select}", with.join(",\n"))
    }

    /// The numbers of a device, and those of all devices.
    fn columns_of_devices(&self, rows: &UserRows) -> (String, String) {
        let (mut of_device, mut counted) = (Vec::new(), Vec::new());
        for measure in self.measures {
            let name = quoted(&measure.column);
            let function = match how(measure, rows) {
                How::Devices => "MAX",
                How::Sum => "SUM",
                How::Computed(_) => continue,
            };
            of_device.push(format!("{function}(g.{name}) AS {name}"));
            counted.push(format!("CAST(SUM({name}) AS BIGINT) AS {name}"));
            if let How::Sum = how(measure, rows) {
                let [devices, largest] = behind(&measure.column).map(|name| quoted(&name));
                counted.push(format!("COUNT(CASE WHEN {name} > 0 THEN 1 END) AS {devices}"));
                counted.push(format!("CAST(MAX({name}) AS BIGINT) AS {largest}"));
            }
        }
        for name in rows.sums.iter().map(|name| quoted(name)) {
            of_device.push(format!("SUM(g.{name}) AS {name}"));
            counted.push(format!("SUM({name}) AS {name}"));
        }
        (of_device.join(", "), counted.join(", "))
    }

    /// The keys of the view that it has at the level.
    fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str).filter(|key| self.level.has_key(key))
    }

    fn range(&self, origin: &Origin) -> String {
        let is_dated = self.keys().any(|key| key == DATE);
        let mut conditions = Vec::new();
        if let (true, Some(first), Some(last)) =
            (is_dated, origin.dates.first(), origin.dates.last())
        {
            conditions.push(format!("g.date >= DATE '{first}' AND g.date <= DATE '{last}'"));
            if self.level.period != ReleasePeriod::Day {
                conditions.push(format!("g.date {TRUNCATED}"));
            }
        }
        match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        }
    }

    /// The columns of a row: keys, numbers, and what is behind sums.
    fn columns(&self, key: &dyn Fn(&str) -> String, count: &dyn Fn(&str) -> String) -> String {
        let keys = self.keys().map(|name| match name {
            LAU_NAME => "l.lau_name".to_owned(),
            name => key(&self.level.key(name)),
        });
        let number = |measure: &Measure| match self.source {
            Source::Users(rows) => match how(measure, &rows) {
                How::Computed(expression) => {
                    format!("{expression} AS {}", quoted(&measure.column))
                }
                _ => count(&measure.column),
            },
            Source::Counted(_) | Source::Disjoint => count(&measure.column),
        };
        let numbers = self.measures.iter().map(number);
        let behind = self.sums().into_iter().flat_map(behind).map(|name| count(&name));
        keys.chain(numbers).chain(behind).collect::<Vec<_>>().join(", ")
    }

    fn has_names(&self) -> bool {
        self.level.areas == Areas::Lau && self.keys.iter().any(|key| key == LAU_NAME)
    }

    fn with_names(&self) -> String {
        let of_row = |name: &str| format!("c.{}", quoted(name));
        let columns = self.columns(&of_row, &of_row);
        let join = match self.has_names() {
            true => " LEFT JOIN lau l ON l.lau_id = c.lau_id",
            false => "",
        };
        format!("SELECT {columns} FROM counted c{join}")
    }

    /// Areas without devices have a row as well.
    fn with_every_key(&self, origin: &Origin, with: &mut Vec<String>) -> String {
        let unit = unit(self.level.period);
        let starts: BTreeSet<NaiveDate> =
            origin.dates.iter().map(|date| unit.start_of(*date)).collect();
        let starts: Vec<String> = starts.iter().map(|date| format!("(DATE '{date}')")).collect();
        with.push(format!("periods (period) AS (VALUES {})", starts.join(", ")));
        let area = quoted(&self.level.key("lau_id"));
        let period = quoted(&self.level.key(DATE));
        let key = |name: &str| match quoted(name) == area {
            true => format!("a.area AS {area}"),
            false => format!("p.period AS {period}"),
        };
        let count = |name: &str| format!("COALESCE(c.{0}, 0) AS {0}", quoted(name));
        let columns = self.columns(&key, &count);
        let join = match self.has_names() {
            true => " LEFT JOIN lau l ON l.lau_id = a.area",
            false => "",
        };
        format!(
            "SELECT {columns} FROM periods p CROSS JOIN (SELECT DISTINCT area FROM areas) AS a LEFT JOIN counted c ON \
             c.{period} = p.period AND c.{area} = a.area{join}"
        )
    }
}

fn how(measure: &Measure, rows: &UserRows) -> How {
    match (rows.expression(&measure.column), &measure.basis) {
        (Some(expression), _) => How::Computed(expression),
        (None, Basis::Devices) => How::Devices,
        (None, _) => How::Sum,
    }
}

/// The SELECT of rows of single users with settings filled in.
fn given(sql: &str, origin: &Origin) -> String {
    let (day_start, day_end) = origin.day;
    let sql =
        sql.replace(":day_start", &day_start.to_string()).replace(":day_end", &day_end.to_string());
    let first = origin.dates.first().copied().unwrap_or_default();
    let last = origin.dates.last().copied().unwrap_or_default();
    let before = first.pred_opt().unwrap_or(first);
    let after = last.succ_opt().unwrap_or(last);
    let mut filled = sql;
    for (name, date) in [
        (":first_date", first),
        (":last_date", last),
        (":day_before", before),
        (":day_after", after),
    ] {
        filled = filled.replace(name, &format!("DATE '{date}'"));
    }
    filled
}

/// Each LAU with its area.
pub fn areas_of(areas: Areas, nuts: &Nuts) -> String {
    if areas == Areas::Lau {
        return "SELECT lau_id, lau_id AS area FROM lau".to_owned();
    }
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let pairs = nuts.areas(areas);
    let rows = pairs.iter().map(|(lau, area)| format!("({}, {})", text(lau), text(area)));
    format!("VALUES {}", rows.collect::<Vec<_>>().join(", "))
}

/// The first date of the period of a date.
pub fn truncated(period: ReleasePeriod) -> String {
    match period {
        ReleasePeriod::Day => "g.date".to_owned(),
        period => format!(
            "CAST(date_trunc('{}', CAST(CASE WHEN g.date {TRUNCATED} THEN g.date END AS TIMESTAMP)) AS DATE)",
            period.name()
        ),
    }
}
