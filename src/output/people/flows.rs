//! Devices from one LAU to another: from home to work, and from home to where the night is spent.

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::output::query_columns::Columns;
use crate::warehouse::Warehouse;

/// Lines that a map shows, the widest first.
pub const MAX_LINES: usize = 2_000;

/// A view of counts by two LAUs, and the view of estimates beside it.
#[derive(Debug, Clone, Copy)]
pub struct Flows {
    view: &'static str,
    estimate: &'static str,
    /// The column with the date of a row.
    period: &'static str,
    from: &'static str,
    to: &'static str,
}

pub const COMMUTERS: Flows = Flows {
    view: "commuters",
    estimate: "commuters_estimate",
    period: "window_start",
    from: "home_lau_id",
    to: "work_lau_id",
};

pub const OVERNIGHT: Flows = Flows {
    view: "overnight_stays",
    estimate: "overnight_estimate",
    period: "night",
    from: "home_lau_id",
    to: "night_lau_id",
};

/// Devices that a LAU has from elsewhere, elsewhere, at home, and without a known home.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    arriving: i64,
    leaving: i64,
    within: i64,
    unknown: i64,
}

/// Which rows a document has.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// Those between different LAUs, and the sums of every LAU.
    BetweenLaus,
    /// Those of one LAU, also within it, and where the other end is unknown.
    OfLau(&'a str),
    /// All of them, and the sums of every LAU.
    All,
}

impl Flows {
    /// The widest rows, at most `max_lines` of them.
    ///
    /// # Errors
    /// A warehouse that cannot be read.
    pub fn document(
        self,
        warehouse: &dyn Warehouse,
        day: NaiveDate,
        which: Which,
        max_lines: usize,
    ) -> Result<Value> {
        let Flows { from, to, period, .. } = self;
        let (lau, condition) = match which {
            Which::BetweenLaus => (None, format!("{period} = DATE '{day}' AND {from} <> {to}")),
            Which::OfLau(lau) => {
                (Some(lau), format!("{period} = DATE '{day}' AND ({from} = $1 OR {to} = $1)"))
            }
            Which::All => (None, format!("{period} = DATE '{day}'")),
        };
        let texts = lau.as_slice();
        let lines = self.lines(warehouse, day, (&condition, texts), max_lines)?;
        let pairs = match lines.len() < max_lines {
            true => lines.len() as i64,
            false => self.pairs(warehouse, &condition, texts)?,
        };
        let sums = lau.is_none().then(|| self.sums(warehouse, day)).transpose()?;
        Ok(json!({ "day": day, "lau": lau, "pairs": pairs, "lines": lines, "sums": sums }))
    }

    /// `[from, to, devices, estimate, lower, upper, coverage]`, most devices first. The condition has the texts as
    /// parameters.
    fn lines(
        self,
        warehouse: &dyn Warehouse,
        day: NaiveDate,
        (condition, texts): (&str, &[&str]),
        limit: usize,
    ) -> Result<Vec<Value>> {
        let Flows { view, estimate, period, from, to } = self;
        let sql = format!(
            "SELECT f.{from} AS from_lau, f.{to} AS to_lau, f.devices, e.estimate, e.lower, e.upper, e.coverage \
             FROM (SELECT {from}, {to}, devices FROM {view} WHERE {condition}) AS f \
             LEFT JOIN (SELECT {from}, {to}, estimate, lower, upper, coverage FROM {estimate} \
               WHERE {period} = DATE '{day}') AS e \
             ON e.{from} = f.{from} AND COALESCE(e.{to}, '') = COALESCE(f.{to}, '') \
             ORDER BY f.devices DESC, f.{from}, f.{to} LIMIT {limit}"
        );
        let rows = Columns::read(warehouse.sql_with(&sql, texts)?)?;
        let (starts, ends) = (rows.texts("from_lau")?, rows.texts("to_lau")?);
        let devices = rows.counts("devices")?;
        let numbers = ["estimate", "lower", "upper", "coverage"].map(|name| rows.numbers(name));
        let [estimates, lower, upper, coverage] = numbers;
        let (estimates, lower, upper, coverage) = (estimates?, lower?, upper?, coverage?);
        let line = |i: usize| {
            json!([starts[i], ends[i], devices[i], estimates[i], lower[i], upper[i], coverage[i]])
        };
        Ok((0..rows.num_rows()).map(line).collect())
    }

    fn pairs(self, warehouse: &dyn Warehouse, condition: &str, texts: &[&str]) -> Result<i64> {
        let sql = format!("SELECT COUNT(*) AS pairs FROM {} WHERE {condition}", self.view);
        let rows = Columns::read(warehouse.sql_with(&sql, texts)?)?;
        Ok(rows.counts("pairs")?.first().copied().unwrap_or(0))
    }

    /// `[lau_id, arriving, leaving, within, unknown]` of every LAU that has any.
    fn sums(self, warehouse: &dyn Warehouse, day: NaiveDate) -> Result<Vec<Value>> {
        let Flows { view, period, from, to, .. } = self;
        let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
        let sum = |condition: String| {
            format!("CAST(SUM(CASE WHEN {condition} THEN devices ELSE 0 END) AS BIGINT)")
        };
        let rows = Columns::read(warehouse.sql(&format!(
            "SELECT {to} AS lau, {} AS arriving, {} AS within, {} AS without_home FROM {view} \
             WHERE {period} = DATE '{day}' AND {to} IS NOT NULL GROUP BY {to}",
            sum(format!("{from} <> {to}")),
            sum(format!("{from} = {to}")),
            sum(format!("{from} IS NULL")),
        ))?)?;
        let (arriving, within) = (rows.counts("arriving")?, rows.counts("within")?);
        let unknown = rows.counts("without_home")?;
        for (i, lau) in rows.texts("lau")?.into_iter().enumerate() {
            let (arriving, within, unknown) = (arriving[i], within[i], unknown[i]);
            let lau = lau.unwrap_or_default();
            sums.insert(lau, Sums { arriving, within, unknown, leaving: 0 });
        }
        let rows = Columns::read(warehouse.sql(&format!(
            "SELECT {from} AS lau, {} AS leaving FROM {view} \
             WHERE {period} = DATE '{day}' AND {from} IS NOT NULL GROUP BY {from}",
            sum(format!("{to} IS NULL OR {from} <> {to}")),
        ))?)?;
        for (lau, leaving) in rows.texts("lau")?.into_iter().zip(rows.counts("leaving")?) {
            sums.entry(lau.unwrap_or_default()).or_default().leaving = leaving;
        }
        let row =
            |(lau, s): (String, Sums)| json!([lau, s.arriving, s.leaving, s.within, s.unknown]);
        Ok(sums.into_iter().map(row).collect())
    }
}
