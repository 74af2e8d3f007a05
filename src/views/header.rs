//! The comment header of a view file.

use anyhow::{Result, bail};

use super::growth::{Growth, Unit};
use super::publication::{self, Publication};
use super::split::Split;
use crate::errors::nearest;

/// A column to order by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderBy {
    pub column: String,
    pub descending: bool,
}

/// The kind of chart that draws a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChartKind {
    Line,
    Bar,
    /// Choropleth over `lau_id`.
    Map,
    #[default]
    Table,
}

/// Chart kind and columns: for lines and bars the axis first, then the values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chart {
    pub kind: ChartKind,
    pub columns: Vec<String>,
}

/// The keys of a header as written in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    pub name: Option<String>,
    pub view: Option<String>,
    pub aliases: Vec<String>,
    pub title: Option<String>,
    pub description: Option<String>,
    pub order: Vec<OrderBy>,
    pub chart: Chart,
    pub single_users: Option<bool>,
    /// The dates that the rows of a period depend on; `None` if they may depend on all dates.
    pub growth: Option<Growth>,
    /// The column with the first date of the period. Without the key it has the name of the unit, except
    /// with a plain `by: date`, which needs none.
    pub period: Option<String>,
    /// The column that holds a sum over all dates.
    pub accumulate: Option<String>,
    /// How other views see the rows of a view that is computed as a whole, which then has no growth.
    pub split: Option<Split>,
    /// The view that names the windows whose rows are read.
    pub windows: Option<String>,
    /// What the numbers are, and what is known about them.
    pub publication: Publication,
}

const KEYS: [&str; 21] = [
    "name",
    "view",
    "aliases",
    "title",
    "description",
    "order",
    "chart",
    "single_users",
    "by",
    "period",
    "accumulate",
    "computed",
    "windows",
    "counts",
    "keys",
    "totals",
    "sums",
    "linked",
    "follows",
    "needs",
    "largest",
];

/// Reads the `-- key: value` lines at the top of a view file. Comment lines without a colon after
/// their first word are plain comments.
///
/// # Errors
/// An unknown key or a value of the wrong form, with its line.
pub fn parse(text: &str) -> Result<Header> {
    let mut header = Header::default();
    let mut is_whole = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let Some(comment) = line.strip_prefix("--") else { break };
        let Some((key, value)) = comment.trim().split_once(':') else { continue };
        let (key, value) = (key.trim(), value.trim());
        if key.contains(char::is_whitespace) {
            continue;
        }
        match (key, value) {
            ("computed", "whole") => is_whole = true,
            _ => set(&mut header, key, value)
                .map_err(|e| e.context(format!("line {}", number + 1)))?,
        }
    }
    complete(&mut header)?;
    if is_whole {
        split(&mut header)?;
    }
    Ok(header)
}

/// Checks the keys that depend on each other, and fills in the name of the column of periods.
fn complete(header: &mut Header) -> Result<()> {
    let Some(growth) = header.growth else {
        let alone = [
            ("period", &header.period),
            ("accumulate", &header.accumulate),
            ("windows", &header.windows),
        ];
        if let Some((key, _)) = alone.into_iter().find(|(_, value)| value.is_some()) {
            bail!("{key} needs the key by as well, for example by: date");
        }
        return Ok(());
    };
    if header.accumulate.is_some() && (growth != Growth::BY_DATE || header.period.is_some()) {
        bail!("accumulate needs by: date, without neighbours and without the key period");
    }
    if header.period.is_none() && (growth.unit != Unit::Date || growth.has_neighbours()) {
        header.period = Some(growth.unit.column().to_owned());
    }
    Ok(())
}

/// Takes the periods of a view for those in which others see its rows, and has it computed as a whole.
fn split(header: &mut Header) -> Result<()> {
    let growth = header.growth.take();
    let Some(growth) = growth.filter(|growth| *growth == Growth::by(growth.unit)) else {
        bail!("computed: whole needs the key by as well, without neighbours, for example by: date");
    };
    if header.accumulate.is_some() || header.windows.is_some() {
        bail!("computed: whole cannot be combined with accumulate or windows");
    }
    let column = header.period.take().unwrap_or_else(|| growth.unit.column().to_owned());
    header.split = Some(Split { unit: growth.unit, column });
    Ok(())
}

fn set(header: &mut Header, key: &str, value: &str) -> Result<()> {
    let list = || value.split(',').map(str::trim).filter(|v| !v.is_empty());
    match key {
        "name" => header.name = Some(value.to_owned()),
        "view" => header.view = Some(value.to_owned()),
        "aliases" => header.aliases = list().map(str::to_owned).collect(),
        "title" => header.title = Some(value.to_owned()),
        "description" => header.description = Some(value.to_owned()),
        "order" => header.order = list().map(order_by).collect::<Result<_>>()?,
        "chart" => header.chart = chart(value)?,
        "single_users" => {
            header.single_users = Some(match value {
                "yes" | "true" => true,
                "no" | "false" => false,
                other => bail!("single_users is {other:?}; expected yes or no"),
            });
        }
        "by" => header.growth = Some(Growth::parse(value)?),
        "period" => header.period = Some(column(key, value)?),
        "accumulate" => header.accumulate = Some(column(key, value)?),
        "computed" => bail!("computed is {value:?}; expected whole"),
        "windows" => header.windows = Some(column(key, value)?),
        "counts" => header.publication.counts = Some(publication::counts(value)?),
        "keys" => header.publication.keys = Some(publication::keys(value)?),
        "sums" => header.publication.sums = publication::links("sums", value)?,
        "linked" => header.publication.linked = publication::links("linked", value)?,
        "follows" => header.publication.follows = publication::links("sums", value)?,
        "totals" => header.publication.totals = publication::totals(value)?,
        "needs" => header.publication.needs = publication::needs(value)?,
        "largest" => header.publication.largest = publication::largest(value)?,
        other => {
            let hint = nearest(other, KEYS).map(|k| format!("did you mean {k:?}?"));
            bail!(
                "unknown header key {other:?}; {}",
                hint.unwrap_or_else(|| format!("the keys are {}", KEYS.join(", ")))
            );
        }
    }
    Ok(())
}

fn column(key: &str, value: &str) -> Result<String> {
    if value.is_empty() || value.contains(char::is_whitespace) {
        let what = if key == "windows" { "view" } else { "column" };
        bail!("{key} is {value:?}; expected the name of a {what}");
    }
    Ok(value.to_owned())
}

fn order_by(text: &str) -> Result<OrderBy> {
    let mut words = text.split_whitespace();
    let column = words.next().unwrap_or_default().to_owned();
    let descending = match words.next().map(str::to_lowercase).as_deref() {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(other) => bail!("order {text:?}: {other:?} is neither asc nor desc"),
    };
    Ok(OrderBy { column, descending })
}

fn chart(text: &str) -> Result<Chart> {
    let mut words = text.split_whitespace();
    let kind = match words.next() {
        Some("line") => ChartKind::Line,
        Some("bar") => ChartKind::Bar,
        Some("map") => ChartKind::Map,
        Some("table") => ChartKind::Table,
        _ => bail!("chart {text:?}: the kinds are line, bar, map and table"),
    };
    Ok(Chart { kind, columns: words.map(str::to_owned).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_up_to_the_first_line_of_sql() {
        let text = "-- name: a-b\n-- just a comment\n-- order: x desc, y\n-- chart: line x y\nSELECT 1 -- view: no\n-- view: no";
        let header = parse(text).unwrap();
        assert_eq!(header.name.as_deref(), Some("a-b"));
        assert_eq!(header.view, None);
        assert_eq!(header.order[0], OrderBy { column: "x".into(), descending: true });
        assert!(!header.order[1].descending);
        assert_eq!(header.chart.columns, ["x", "y"]);
    }

    #[test]
    fn a_mistyped_key_is_reported_with_line_and_suggestion() {
        let error = format!("{:#}", parse("-- name: a\n-- oder: x").unwrap_err());
        assert!(error.contains("line 2") && error.contains("\"order\""), "{error}");
        assert!(format!("{:#}", parse("-- chart: pie").unwrap_err()).contains("line, bar, map"));
        assert!(
            format!("{:#}", parse("-- order: x up").unwrap_err()).contains("neither asc nor desc")
        );
        assert!(format!("{:#}", parse("-- by: day").unwrap_err()).contains("\"day\""));
    }

    #[test]
    fn periods_have_the_name_of_their_unit_unless_the_header_names_them() {
        let period = |by: &str| parse(by).unwrap().period;
        assert_eq!(period("-- by: date"), None);
        assert_eq!(period("-- by: date\n-- period: night").as_deref(), Some("night"));
        assert_eq!(period("-- by: date+1").as_deref(), Some("date"));
        assert_eq!(period("-- period: first\n-- by: week").as_deref(), Some("first"));
        assert_eq!(period("-- by: month").as_deref(), Some("month"));
    }

    #[test]
    fn keys_that_need_another_key_are_refused_without_it() {
        let error = |text: &str| format!("{:#}", parse(text).unwrap_err());
        for text in ["-- period: week", "-- accumulate: n"] {
            assert!(error(text).contains("needs the key by"), "{}", error(text));
        }
        for by in ["week", "date+1", "date\n-- period: date"] {
            let text = format!("-- accumulate: n\n-- by: {by}");
            assert!(error(&text).contains("accumulate needs by: date"), "{}", error(&text));
        }
        assert!(error("-- by: date\n-- period: a b").contains("the name of a column"));
        assert!(error("-- by: date\n-- windows:").contains("the name of a view"));
        assert!(error("-- windows: w").contains("windows needs the key by"));
    }

    #[test]
    fn view_that_is_computed_as_a_whole_has_a_column_of_periods_for_others() {
        let split = |text: &str| parse(text).unwrap().split.map(|split| split.column);
        assert_eq!(split("-- by: date\n-- computed: whole").as_deref(), Some("date"));
        assert_eq!(split("-- computed: whole\n-- by: window").as_deref(), Some("window_start"));
        assert_eq!(split("-- by: date\n-- period: d\n-- computed: whole").as_deref(), Some("d"));
        assert_eq!(parse("-- by: month\n-- computed: whole").unwrap().growth, None);
        for (text, words) in [
            ("-- computed: whole", "needs the key by"),
            ("-- by: date+1\n-- computed: whole", "without neighbours"),
            ("-- by: date\n-- accumulate: n\n-- computed: whole", "cannot be combined"),
            ("-- by: date\n-- computed: once", "expected whole"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
    }
}
