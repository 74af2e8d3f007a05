//! Pages: the rows of a view as a table, problems, the documentation. All text is escaped by the
//! template engine.

use anyhow::Result;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

use super::columns::{Column, has_place};
use super::edition::digest;
use super::links;
use super::links::Links;
use super::negotiate::Shape;
use super::params::Params;
use super::problem::Problem;
use super::produce::About;
use crate::domain::numbers::grouped;
use crate::output::formats::Format;
use crate::views::OrderBy;

const TEMPLATES: [(&str, &str); 7] = [
    ("base.html", include_str!("../output/html/templates/base.html")),
    ("view.html", include_str!("../output/html/templates/view.html")),
    ("problem.html", include_str!("../output/html/templates/problem.html")),
    ("docs.html", include_str!("../output/html/templates/docs.html")),
    ("grid.html", include_str!("../output/html/templates/grid.html")),
    ("warnings.html", include_str!("../output/html/templates/warnings.html")),
    ("quality.html", include_str!("../output/html/templates/quality.html")),
];

/// The templates, parsed.
pub struct Pages {
    templates: Environment<'static>,
}

/// What the page of a view shows.
pub struct Page<'a> {
    pub about: About<'a>,
    pub path: String,
    pub params: &'a Params,
    /// The relation's own order.
    pub order: Vec<OrderBy>,
    pub columns: &'a [Column],
    pub rows: Vec<Vec<Option<String>>>,
    /// Rows that pass the filters.
    pub total: u64,
}

#[derive(Serialize)]
struct Heading<'a> {
    name: &'a str,
    words: String,
    number: bool,
    sort: &'static str,
    href: String,
}

#[derive(Serialize)]
struct Cell {
    text: Option<String>,
    class: &'static str,
}

impl Pages {
    /// # Errors
    /// A template that cannot be parsed.
    pub fn new() -> Result<Self> {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        for (name, text) in TEMPLATES {
            templates.add_template(name, text)?;
        }
        Ok(Pages { templates })
    }

    /// Changes when a template does.
    pub fn mark() -> String {
        digest(&TEMPLATES.map(|(_, text)| text))
    }

    /// # Errors
    /// What the template engine says.
    pub fn view(&self, page: &Page) -> Result<String> {
        let limit = page.params.limit.unwrap_or_default();
        let links: Links = links::of(&page.path, Shape::Html, page.params, page.total);
        let whole = Params { limit: None, offset: 0, ..page.params.clone() };
        let place = has_place(page.columns);
        let formats: Vec<_> = Shape::ALL
            .into_iter()
            .filter(|s| *s != Shape::Html && (place || !s.is_map()))
            .map(|s| {
                let (name, file) = (label(s), s.extension().is_some());
                context! { name, file, href => links::to(&page.path, s, &whole) }
            })
            .collect();
        let first = page.params.offset + 1;
        let last = page.params.offset + page.rows.len() as u64;
        let is = |names: &[&str]| {
            let dated = |c: &&Column| matches!(c.kind, "date" | "timestamp");
            page.columns.iter().filter(dated).any(|c| names.contains(&c.name.as_str()))
        };
        let rows: Vec<Vec<Cell>> = page
            .rows
            .iter()
            .map(|row| row.iter().zip(page.columns).map(|(text, c)| cell(text, c)).collect())
            .collect();
        let order: Vec<String> = page.params.order.iter().map(spelled).collect();
        Ok(self.templates.get_template("view.html")?.render(context! {
            title => page.about.title,
            description => page.about.description,
            name => page.about.name,
            single_users => page.about.single_users,
            path => page.path.as_str(),
            headings => Serde(headings(page)),
            rows => Serde(rows),
            total => grouped(page.total),
            first => grouped(first),
            last => grouped(last),
            is_empty => page.rows.is_empty(),
            is_beyond => page.rows.is_empty() && page.total > 0,
            formats,
            links => Serde(links),
            has_days => is(&["date", "hour", "timestamp"]),
            has_lau => page.columns.iter().any(|c| c.name == "lau_id"),
            filtered => page.params.is_filtered(),
            from => page.params.date.or(page.params.from).map(|d| d.to_string()),
            to => page.params.date.or(page.params.to).map(|d| d.to_string()),
            lau => page.params.lau.as_deref(),
            order => order.join(","),
            limit,
        })?)
    }

    /// # Errors
    /// What the template engine says.
    pub fn problem(&self, problem: &Problem) -> Result<String> {
        Ok(self.templates.get_template("problem.html")?.render(context! {
            title => problem.title(),
            status => problem.status.as_u16(),
            detail => problem.detail.as_str(),
        })?)
    }

    /// # Errors
    /// What the template engine says.
    pub fn docs(&self, openapi: &serde_json::Value) -> Result<String> {
        Ok(self
            .templates
            .get_template("docs.html")?
            .render(context! { title => "REST API", api => Serde(openapi) })?)
    }
}

impl Pages {
    /// Fills one template.
    ///
    /// # Errors
    /// What the template engine says.
    pub fn fill(&self, template: &str, with: minijinja::Value) -> Result<String> {
        Ok(self.templates.get_template(template)?.render(with)?)
    }
}

fn label(shape: Shape) -> &'static str {
    match shape {
        Shape::Html => "HTML",
        Shape::Json => "JSON",
        Shape::Rows(Format::Csv) => "CSV",
        Shape::Rows(Format::Ndjson) => "NDJSON",
        Shape::Rows(Format::Geojson) => "GeoJSON",
        Shape::Rows(Format::Parquet) => "Parquet",
        Shape::Rows(Format::Arrow) => "Arrow",
        Shape::Rows(Format::Markdown) => "Markdown",
        Shape::Rows(Format::Json) => "JSON rows",
        Shape::Rows(Format::Table) => "Text",
    }
}

fn spelled(order: &OrderBy) -> String {
    format!("{}{}", order.column, if order.descending { ":desc" } else { "" })
}

/// A click sorts upwards, the next one downwards.
fn headings<'a>(page: &Page<'a>) -> Vec<Heading<'a>> {
    let order = if page.params.order.is_empty() { &page.order } else { &page.params.order };
    let first = order.first();
    let heading = |column: &'a Column| {
        let sorted = first.filter(|o| o.column == column.name);
        let sort = match sorted {
            Some(o) if o.descending => "descending",
            Some(_) => "ascending",
            None => "none",
        };
        let descending = sort == "ascending";
        let next = OrderBy { column: column.name.clone(), descending };
        let params = Params { order: vec![next], offset: 0, ..page.params.clone() };
        Heading {
            name: &column.name,
            words: column.name.replace('_', " "),
            number: is_number(column),
            sort,
            href: links::to(&page.path, Shape::Html, &params),
        }
    };
    page.columns.iter().map(heading).collect()
}

fn is_number(column: &Column) -> bool {
    matches!(column.kind, "integer" | "number")
}

fn cell(text: &Option<String>, column: &Column) -> Cell {
    let number = is_number(column);
    let text = text.as_ref().map(|t| if number { grouped_text(t) } else { t.clone() });
    let class = match column.kind {
        "integer" | "number" => "number",
        "date" | "timestamp" | "geometry" => "whole",
        _ => "",
    };
    Cell { text, class }
}

/// Digits before the point in groups of three; what is no plain number stays as it is.
fn grouped_text(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = rest.find('.').map_or((rest, ""), |point| rest.split_at(point));
    let is_plain = whole.bytes().all(|b| b.is_ascii_digit());
    match whole.parse::<u64>() {
        Ok(whole) if is_plain => format!("{sign}{}{fraction}", grouped(whole)),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(rows: Vec<Vec<Option<String>>>, params: &Params, total: u64) -> String {
        let columns = [
            Column { name: "date".into(), kind: "date" },
            Column { name: "lau_id".into(), kind: "text" },
            Column { name: "user_count".into(), kind: "integer" },
        ];
        let about = About { name: "v", title: "T", description: "D & E", single_users: false };
        let order = vec![OrderBy { column: "date".into(), descending: false }];
        let path = "/v".to_owned();
        let page = Page { about, path, params, order, columns: &columns, rows, total };
        Pages::new().unwrap().view(&page).unwrap()
    }

    fn row(lau: &str, count: Option<&str>) -> Vec<Option<String>> {
        vec![Some("2024-10-01".into()), Some(lau.into()), count.map(str::to_owned)]
    }

    #[test]
    fn whatever_data_holds_is_text_on_the_page() {
        let html = shown(vec![row("<script>alert(1)</script>\"'&", None)], &Params::default(), 1);
        assert!(!html.contains("<script>alert"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "{html}");
        assert!(html.contains("D &amp; E"), "{html}");
        assert!(html.contains('–'), "a null is a dash: {html}");
    }

    #[test]
    fn a_page_says_how_many_rows_there_are_and_leads_on() {
        let params = Params { limit: Some(1), offset: 1, ..Params::default() };
        let html = shown(vec![row("a", Some("1234567"))], &params, 12_345);
        assert!(html.contains("1,234,567") && html.contains("12,345"), "{html}");
        assert!(html.contains("limit=1&amp;offset=2"), "{html}");
        assert!(html.contains("aria-sort=\"ascending\""), "{html}");
        assert!(html.contains("order_by=date%3Adesc"), "{html}");
        assert!(html.contains("format=geojson") && html.contains("format=csv"), "{html}");
    }

    #[test]
    fn numbers_are_grouped_and_other_text_is_not() {
        for (text, grouped) in [
            ("1234567", "1,234,567"),
            ("-1234.5678", "-1,234.5678"),
            ("12", "12"),
            ("1e+15", "1e+15"),
            ("NaN", "NaN"),
        ] {
            assert_eq!(grouped_text(text), grouped);
        }
    }
}
