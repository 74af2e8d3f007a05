//! The comment header of a view file.

use anyhow::{Result, bail};

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
    /// True if the rows of a day depend only on the events of that day.
    pub by_date: bool,
}

const KEYS: [&str; 9] =
    ["name", "view", "aliases", "title", "description", "order", "chart", "single_users", "by"];

/// Reads the `-- key: value` lines at the top of a view file. Comment lines without a colon after
/// their first word are plain comments.
///
/// # Errors
/// An unknown key or a value of the wrong form, with its line.
pub fn parse(text: &str) -> Result<Header> {
    let mut header = Header::default();
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
        set(&mut header, key, value).map_err(|e| e.context(format!("line {}", number + 1)))?;
    }
    Ok(header)
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
        "by" => match value {
            "date" => header.by_date = true,
            other => bail!("by is {other:?}; the only value is date"),
        },
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
        assert!(format!("{:#}", parse("-- by: week").unwrap_err()).contains("\"week\""));
    }
}
