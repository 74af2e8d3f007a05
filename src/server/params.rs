//! Query parameters: those of `mobility query`, parsed strictly.

use arrow::datatypes::Schema;
use chrono::{Datelike, NaiveDate};
use url::form_urlencoded;

use super::negotiation::Representation;
use super::problem::Problem;
use crate::errors::nearest;
use crate::output::query::{order_text, parse_order};
use crate::views::OrderBy;
use crate::warehouse::{Relation, Select};

/// All parameters.
pub const NAMES: [&str; 10] =
    ["format", "date", "from", "to", "all_dates", "lau", "order_by", "limit", "offset", "safe"];
/// Upper bound of limit and offset, whose sum must not overflow in an engine.
const MAX_ROWS: u64 = 1_000_000_000_000;
/// Columns in `order_by`.
const MAX_ORDER_COLUMNS: usize = 16;

/// The parameters of a request for a view or table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    pub format: Option<String>,
    pub date: Option<NaiveDate>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// Maps have the rows of all dates, not only those of the newest one.
    pub all_dates: bool,
    pub lau: Option<String>,
    pub order: Vec<OrderBy>,
    pub limit: Option<u64>,
    pub offset: u64,
    /// CSV without cells that a spreadsheet takes for formulas.
    pub safe: bool,
}

impl Params {
    /// Parses a query string. Empty values, as forms send them, count as not given.
    ///
    /// # Errors
    /// 400 with the name of the parameter.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let mut params = Params::default();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let name = match &*name {
                "order-by" => "order_by".into(),
                "all-dates" => "all_dates".into(),
                _ => name,
            };
            if !NAMES.contains(&&*name) {
                return Err(unknown(&name));
            }
            if value.is_empty() {
                continue;
            }
            if name != "order_by" && seen.iter().any(|s| *s == name) {
                return Err(Problem::parameter(&name, format!("{name} is given twice")));
            }
            if value.contains('\0') {
                return Err(Problem::parameter(&name, format!("{name} contains a NUL character")));
            }
            params.set(&name, &value)?;
            seen.push(name.into_owned());
        }
        params.check()?;
        Ok(params)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        match name {
            "format" => self.format = Some(value.to_owned()),
            "date" => self.date = Some(day(name, value)?),
            "from" => self.from = Some(day(name, value)?),
            "to" => self.to = Some(day(name, value)?),
            "all_dates" => self.all_dates = flag(name, value)?,
            "lau" => self.lau = Some(value.to_owned()),
            "limit" => self.limit = Some(number(name, value)?),
            "offset" => self.offset = number(name, value)?,
            "safe" => self.safe = flag(name, value)?,
            _ => {
                for text in value.split(',').filter(|t| !t.is_empty()) {
                    let order = parse_order(text).map_err(|hint| {
                        Problem::parameter("order_by", format!("order_by={text}: {hint}"))
                    })?;
                    self.order.push(order);
                }
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Problem> {
        if self.date.is_some() && (self.from.is_some() || self.to.is_some()) {
            return Err(Problem::parameter("date", "give either date, or from and to"));
        }
        if self.all_dates && (self.date.or(self.from).or(self.to)).is_some() {
            let detail = "give either all_dates, or date, from and to";
            return Err(Problem::parameter("all_dates", detail));
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(Problem::parameter("from", format!("from={from} is after to={to}")));
        }
        if self.order.len() > MAX_ORDER_COLUMNS {
            let detail = format!("order_by takes at most {MAX_ORDER_COLUMNS} columns");
            return Err(Problem::parameter("order_by", detail));
        }
        Ok(())
    }

    /// Applies the default limit of the representation.
    ///
    /// # Errors
    /// 400 for a limit above the maximum of the representation.
    pub fn limited_for(mut self, representation: Representation) -> Result<Self, Problem> {
        if let Some((default, max)) = representation.limits() {
            let limit = self.limit.unwrap_or(default);
            if limit > max {
                let detail = format!(
                    "limit={limit}: {} returns at most {max} rows at a time; follow links.next, or \
                     use csv, ndjson, parquet or arrow, which return all rows",
                    representation.name()
                );
                return Err(Problem::parameter("limit", detail));
            }
            self.limit = Some(limit);
        }
        Ok(self)
    }

    pub fn select<'a>(&self, relation: Relation<'a>) -> Select<'a> {
        Select {
            relation,
            from: self.date.or(self.from),
            to: self.date.or(self.to),
            lau: self.lau.clone(),
            order: self.order.clone(),
            limit: self.limit,
            offset: self.offset,
        }
    }

    /// Checks that the relation has the columns of filters and order.
    ///
    /// # Errors
    /// 400 with the parameter that needs a missing column.
    pub fn check_columns(&self, relation: Relation, schema: &Schema) -> Result<(), Problem> {
        let select = self.select(relation);
        let error_of = |select: Select| select.resolve(schema).err().map(|e| format!("{e:#}"));
        let all_rows = || Select::all(relation);
        let day = [("date", self.date), ("from", self.from), ("to", self.to)]
            .into_iter()
            .find_map(|(name, day)| day.map(|_| name));
        let parts = [
            ("order_by", Select { order: select.order.clone(), ..all_rows() }),
            ("lau", Select { lau: select.lau.clone(), ..all_rows() }),
            (day.unwrap_or("date"), Select { from: select.from, to: select.to, ..all_rows() }),
        ];
        let error = parts.into_iter().find_map(|(name, select)| Some((name, error_of(select)?)));
        match error {
            Some((name, detail)) => Err(Problem::parameter(name, detail)),
            None => Ok(()),
        }
    }

    /// Filters and order as a canonical query string: `date=2024-10-01&order_by=a:desc`.
    fn filters(&self) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        for (name, day) in [("date", self.date), ("from", self.from), ("to", self.to)] {
            out.extend_pairs(day.map(|d| (name, d.to_string())));
        }
        if self.all_dates {
            out.append_pair("all_dates", "1");
        }
        out.extend_pairs(self.lau.iter().map(|id| ("lau", id)));
        out.extend_pairs(self.order.iter().map(|order| ("order_by", order_text(order))));
        out.finish()
    }

    /// All parameters except the format as a canonical query string.
    pub fn canonical(&self) -> String {
        let limit = self.limit.map(|n| format!("limit={n}"));
        let offset = (self.offset > 0).then(|| format!("offset={}", self.offset));
        let safe = self.safe.then(|| "safe=1".to_owned());
        let filters = Some(self.filters()).filter(|f| !f.is_empty());
        [filters, limit, offset, safe].into_iter().flatten().collect::<Vec<_>>().join("&")
    }
}

fn unknown(name: &str) -> Problem {
    let hint = match nearest(name, NAMES) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the parameters are {}", NAMES.join(", ")),
    };
    let shown: String = name.chars().take(100).collect();
    Problem::parameter(&shown, format!("the parameter {shown:?} does not exist; {hint}"))
}

/// The date that a parameter states.
///
/// # Errors
/// 400 with the name of the parameter.
pub fn day(name: &str, value: &str) -> Result<NaiveDate, Problem> {
    let day = NaiveDate::parse_from_str(value, "%Y-%m-%d").ok();
    day.filter(|d| value.len() == 10 && (1..=9999).contains(&d.year())).ok_or_else(|| {
        Problem::parameter(name, format!("{name}={value} is not a date; write {name}=2024-10-01"))
    })
}

fn number(name: &str, value: &str) -> Result<u64, Problem> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    let number = value.parse().ok().filter(|n| digits && *n <= MAX_ROWS);
    number.ok_or_else(|| {
        Problem::parameter(name, format!("{name}={value} is not a whole number up to {MAX_ROWS}"))
    })
}

fn flag(name: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(Problem::parameter(name, format!("{name}={value} is neither 1 nor 0"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tables::Table;

    fn rejected(query: &str) -> (String, String) {
        let problem = Params::parse(query).unwrap_err();
        (problem.parameter.unwrap(), problem.detail)
    }

    #[test]
    fn parameters_have_one_canonical_spelling() {
        let params = Params::parse(
            "order-by=b:desc,a&to=2024-10-02&from=2024-10-01&lau=EE%200%26&limit=5&offset=10&safe=true&format=csv",
        )
        .unwrap();
        assert_eq!(params.format.as_deref(), Some("csv"));
        assert_eq!(
            params.canonical(),
            "from=2024-10-01&to=2024-10-02&lau=EE+0%26&order_by=b%3Adesc&order_by=a&limit=5&offset=10&safe=1"
        );
        assert_eq!(Params::parse(&params.canonical()).unwrap().canonical(), params.canonical());
        assert_eq!(
            Params::parse("date=&lau=&from=2024-10-01").unwrap().canonical(),
            "from=2024-10-01"
        );
    }

    #[test]
    fn error_names_its_parameter() {
        for (query, name, words) in [
            ("limt=5", "limt", "did you mean limit?"),
            ("limit=-1", "limit", "whole number"),
            ("limit=%2B1", "limit", "whole number"),
            ("limit=99999999999999999999", "limit", "whole number"),
            ("offset=x", "offset", "whole number"),
            ("date=yesterday", "date", "2024-10-01"),
            ("date=%2B12024-10-01", "date", "2024-10-01"),
            ("date=2024-13-01", "date", "2024-10-01"),
            ("from=2024-10-02&to=2024-10-01", "from", "is after"),
            ("date=2024-10-01&to=2024-10-01", "date", "either"),
            ("order_by=a:up", "order_by", "a:desc"),
            ("lau=a&lau=b", "lau", "twice"),
            ("lau=%00", "lau", "NUL"),
            ("safe=yes", "safe", "neither 1 nor 0"),
        ] {
            let (parameter, detail) = rejected(query);
            assert_eq!(parameter, name, "{query}");
            assert!(detail.contains(words), "{query}: {detail}");
        }
    }

    #[test]
    fn filters_need_their_columns() {
        let relation = Relation::Table(Table::Lau);
        let parameter = |query: &str| {
            let params = Params::parse(query).unwrap();
            params.check_columns(relation, &Table::Lau.schema()).unwrap_err().parameter.unwrap()
        };
        assert_eq!(parameter("order_by=lau_nam"), "order_by");
        assert_eq!(parameter("from=2024-10-01"), "from");
        assert_eq!(parameter("date=2024-10-01&lau=x"), "date");
    }
}
