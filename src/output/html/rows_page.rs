//! The page of a view or table: its rows with filters, links to other pages and formats.

use anyhow::Result;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::Templates;
use crate::datasets::published::SUPPRESSED;
use crate::domain::numbers::{grouped, grouped_decimal};
use crate::output::columns::{ColumnInfo, has_days, has_lau};
use crate::output::query::order_text;
use crate::output::relation::RelationInfo;
use crate::views::OrderBy;
use crate::warehouse::Select;

/// What the page shows.
pub struct RowsPage<'a> {
    pub info: RelationInfo<'a>,
    /// What links to routes begin with.
    pub root: &'a str,
    /// Leave out links to what only analysts see.
    pub is_public: bool,
    /// The link to the view or table.
    pub href: &'a str,
    pub select: &'a Select<'a>,
    /// The order of the relation itself, which holds unless `select` has one.
    pub default_order: &'a [OrderBy],
    pub columns: &'a [ColumnInfo],
    pub rows: Vec<Vec<Option<String>>>,
    /// Rows that pass the filters.
    pub total: u64,
    /// Why there are no rows, if the reason is known.
    pub note: Option<String>,
    pub formats: Vec<FormatLink>,
    pub previous: Option<String>,
    pub next: Option<String>,
    /// The address of the same rows in another order.
    pub sorted: &'a dyn Fn(OrderBy) -> String,
}

/// A link to the rows in another format.
#[derive(Debug, Clone, Serialize)]
pub struct FormatLink {
    pub name: &'static str,
    pub href: String,
    /// The browser saves it as a file.
    pub is_download: bool,
}

#[derive(Serialize)]
struct Heading<'a> {
    name: &'a str,
    text: String,
    is_number: bool,
    sort: &'static str,
    href: String,
}

#[derive(Serialize)]
struct Cell {
    text: Option<String>,
    class: &'static str,
}

impl RowsPage<'_> {
    /// # Errors
    /// Those of the template engine.
    pub fn render(&self, templates: &Templates) -> Result<String> {
        let select = self.select;
        let rows: Vec<Vec<Cell>> = self
            .rows
            .iter()
            .map(|row| row.iter().zip(self.columns).map(|(text, c)| cell(text, c)).collect())
            .collect();
        let order: Vec<String> = select.order.iter().map(order_text).collect();
        let is_filtered = select.lau.is_some() || select.from.is_some() || select.to.is_some();
        templates.render(
            "view.html",
            context! {
                title => self.info.title,
                description => self.info.description,
                name => self.info.name,
                single_users => self.info.single_users,
                root => self.root,
                is_public => self.is_public,
                href => self.href,
                headings => Serde(self.headings()),
                rows => Serde(rows),
                total => grouped(self.total),
                note => self.note.as_deref(),
                first => grouped(select.offset + 1),
                last => grouped(select.offset + self.rows.len() as u64),
                is_empty => self.rows.is_empty(),
                is_beyond => self.rows.is_empty() && self.total > 0,
                formats => Serde(&self.formats),
                previous => self.previous.as_deref(),
                next => self.next.as_deref(),
                has_days => has_days(self.columns),
                has_lau => has_lau(self.columns),
                is_filtered,
                from => select.from.map(|d| d.to_string()),
                to => select.to.map(|d| d.to_string()),
                lau => select.lau.as_deref(),
                order => order.join(","),
                limit => select.limit.unwrap_or_default(),
            },
        )
    }

    /// Column headings; a click sorts in ascending order, the next one in descending order.
    fn headings(&self) -> Vec<Heading<'_>> {
        let order =
            if self.select.order.is_empty() { self.default_order } else { &self.select.order };
        let first = order.first();
        let heading = |column: &ColumnInfo| {
            let sort = match first.filter(|o| o.column == column.name) {
                Some(o) if o.descending => "descending",
                Some(_) => "ascending",
                None => "none",
            };
            let next = OrderBy { column: column.name.clone(), descending: sort == "ascending" };
            (sort, (self.sorted)(next))
        };
        let headings = self.columns.iter().map(|column| {
            let (sort, href) = heading(column);
            let text = column.name.replace('_', " ");
            Heading { name: &column.name, text, is_number: column.is_number(), sort, href }
        });
        headings.collect()
    }
}

fn cell(text: &Option<String>, column: &ColumnInfo) -> Cell {
    let is_number = column.is_number();
    let text = text.as_ref().map(|t| if is_number { grouped_decimal(t) } else { t.clone() });
    let is_withheld = is_number && text.as_deref() == Some(SUPPRESSED);
    let class = match column.type_name {
        _ if is_withheld => "number withheld",
        "integer" | "number" => "number",
        "date" | "timestamp" | "geometry" => "whole",
        _ => "",
    };
    Cell { text, class }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tables::Table;
    use crate::warehouse::Relation;

    fn render(rows: Vec<Vec<Option<String>>>, limit: u64, offset: u64, total: u64) -> String {
        let column =
            |name: &str, type_name: &'static str| ColumnInfo { name: name.into(), type_name };
        let columns =
            [column("date", "date"), column("lau_id", "text"), column("user_count", "integer")];
        let info =
            RelationInfo { name: "v", title: "T", description: "D & E", single_users: false };
        let relation = Relation::Table(Table::Lau);
        let select = Select { limit: Some(limit), offset, ..Select::all(relation) };
        let page = RowsPage {
            info,
            root: "/",
            is_public: false,
            href: "/v",
            select: &select,
            default_order: &[OrderBy { column: "date".into(), descending: false }],
            columns: &columns,
            rows,
            total,
            note: None,
            formats: vec![FormatLink {
                name: "CSV",
                href: "/v?format=csv".into(),
                is_download: true,
            }],
            previous: None,
            next: Some("/v?limit=1&offset=2".into()),
            sorted: &|order| format!("/v?order_by={}", order_text(&order)),
        };
        page.render(&Templates::new().unwrap()).unwrap()
    }

    fn row(lau: &str, count: Option<&str>) -> Vec<Option<String>> {
        vec![Some("2024-10-01".into()), Some(lau.into()), count.map(str::to_owned)]
    }

    #[test]
    fn text_of_the_data_is_escaped() {
        let html = render(vec![row("<script>alert(1)</script>\"'&", None)], 100, 0, 1);
        assert!(!html.contains("<script>alert"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "{html}");
        assert!(html.contains("D &amp; E"), "{html}");
        assert!(html.contains('–'), "a null is a dash: {html}");
    }

    #[test]
    fn page_shows_the_number_of_rows_and_links_to_the_next_ones() {
        let html = render(vec![row("a", Some("1234567"))], 1, 1, 12_345);
        assert!(html.contains("1,234,567") && html.contains("12,345"), "{html}");
        assert!(html.contains("limit=1&amp;offset=2"), "{html}");
        assert!(html.contains("aria-sort=\"ascending\""), "{html}");
        assert!(html.contains("order_by=date:desc"), "{html}");
        assert!(html.contains("format=csv"), "{html}");
    }
}
