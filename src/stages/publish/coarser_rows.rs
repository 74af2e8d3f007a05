//! The SQL for coarser forms of views.

use std::collections::BTreeSet;
use std::fmt::Write;

use chrono::NaiveDate;

use super::nuts::Nuts;
use crate::config::{Areas, ReleasePeriod};
use crate::domain::tables::quoted;
use crate::views::coarser::{Level, Source, is_area, unit};

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
    pub counts: Vec<&'a str>,
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

impl Counting<'_> {
    /// The SELECT, with the columns in the order of the keys and then of the counts.
    pub fn sql(&self, origin: &Origin) -> String {
        let Level { areas, period } = self.level;
        let mut with = vec![format!("areas (lau_id, area) AS ({})", areas_of(areas, origin.nuts))];
        // expression and name of each key but the name of a LAU
        let mut keys: Vec<(String, String)> = Vec::new();
        let mut joins = String::new();
        for (number, key) in self.keys.iter().filter(|key| *key != LAU_NAME).enumerate() {
            let expression = match key.as_str() {
                key if is_area(key) => {
                    // writing to a string cannot fail
                    let _ = write!(
                        joins,
                        " LEFT JOIN areas area_{number} ON area_{number}.lau_id = g.{}",
                        quoted(key)
                    );
                    format!("area_{number}.area")
                }
                DATE => truncated(period),
                key => format!("g.{}", quoted(key)),
            };
            keys.push((expression, quoted(&self.level.key(key))));
        }
        let list = |text: &dyn Fn(&(String, String)) -> String| {
            keys.iter().map(text).collect::<Vec<_>>().join(", ")
        };
        let (named, expressions, names) = (
            list(&|(expression, name)| format!("{expression} AS {name}")),
            list(&|(expression, _)| expression.clone()),
            list(&|(_, name)| name.clone()),
        );
        let counts = |function: &str, of: &str| {
            let count = |count: &&str| format!("{function}({of}{0}) AS {0}", quoted(count));
            self.counts.iter().map(count).collect::<Vec<_>>().join(", ")
        };
        let range = self.range(origin);
        let sums = self.counts.iter().map(|count| {
            let count = quoted(count);
            format!("CAST(SUM({count}) AS BIGINT) AS {count}")
        });
        let sums = sums.collect::<Vec<_>>().join(", ");
        match self.source {
            Source::Users(sql) => {
                let (day_start, day_end) = origin.day;
                let sql = sql.replace(":day_start", &day_start.to_string());
                let sql = sql.replace(":day_end", &day_end.to_string());
                with.push(format!("given AS (\n{sql})"));
                with.push(format!(
                    "by_device AS (SELECT g.user_id, {named}, {} FROM given g{joins}{range} GROUP BY g.user_id, \
                     {expressions})",
                    counts("MAX", "g.")
                ));
                with.push(format!(
                    "counted AS (SELECT {names}, {sums} FROM by_device GROUP BY {names})"
                ));
            }
            Source::Disjoint => {
                let sums = self.counts.iter().map(|count| {
                    let count = quoted(count);
                    format!("CAST(SUM(g.{count}) AS BIGINT) AS {count}")
                });
                let sums = sums.collect::<Vec<_>>().join(", ");
                with.push(format!(
                    "counted AS (SELECT {named}, {sums} FROM {} g{joins}{range} GROUP BY {expressions})",
                    self.of
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

    fn range(&self, origin: &Origin) -> String {
        let is_dated = self.keys.iter().any(|key| key == DATE);
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

    /// The columns of a row: keys and counts.
    fn columns(&self, key: &dyn Fn(&str) -> String, count: &dyn Fn(&str) -> String) -> String {
        let keys =
            self.keys.iter().filter(|key| self.level.areas == Areas::Lau || *key != LAU_NAME);
        let keys = keys.map(|name| match name.as_str() {
            LAU_NAME => "l.lau_name".to_owned(),
            name => key(&self.level.key(name)),
        });
        keys.chain(self.counts.iter().map(|name| count(name))).collect::<Vec<_>>().join(", ")
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

/// Each LAU with its area.
fn areas_of(areas: Areas, nuts: &Nuts) -> String {
    if areas == Areas::Lau {
        return "SELECT lau_id, lau_id AS area FROM lau".to_owned();
    }
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let pairs = nuts.areas(areas);
    let rows = pairs.iter().map(|(lau, area)| format!("({}, {})", text(lau), text(area)));
    format!("VALUES {}", rows.collect::<Vec<_>>().join(", "))
}

/// The first date of the period of a date.
fn truncated(period: ReleasePeriod) -> String {
    match period {
        ReleasePeriod::Day => "g.date".to_owned(),
        period => format!(
            "CAST(date_trunc('{}', CAST(CASE WHEN g.date {TRUNCATED} THEN g.date END AS TIMESTAMP)) AS DATE)",
            period.name()
        ),
    }
}
