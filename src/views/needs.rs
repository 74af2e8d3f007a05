//! Which relations a view reads: for the order in which views are computed, and for telling whether
//! a result is still right.

use anyhow::{Result, bail};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use sha2::{Digest, Sha256};

use super::registry::{Registry, View};
use crate::domain::ids::hex;

/// Words of the SQL, lower case. Text and comments do not count.
fn words(view: &View) -> Vec<String> {
    // SQL that cannot even be cut into words is refused by the engine, with its place
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, &view.sql).tokenize().unwrap_or_default();
    let word = |token| match token {
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    };
    tokens.into_iter().filter_map(word).collect()
}

/// The views whose names stand in the SQL of `view`. A column called like a view counts too, which
/// costs nothing but an order.
fn needs<'a>(view: &View, registry: &'a Registry) -> Vec<&'a View> {
    let mut found: Vec<&View> =
        words(view).iter().filter_map(|word| registry.by_sql_name(word)).collect();
    found.sort_by_key(|v| &v.view);
    found.dedup_by_key(|v| &v.view);
    found
}

impl Registry {
    /// All views, each behind the views that it reads.
    ///
    /// # Errors
    /// A view that reads itself, by way of others or not.
    pub fn in_order_of_need(&self) -> Result<Vec<&View>> {
        let mut order = Vec::new();
        for view in self.views() {
            place(view, self, &mut Vec::new(), &mut order)?;
        }
        Ok(order)
    }

    /// `view` behind the views that it reads, all of them.
    fn with_needs<'a>(&'a self, view: &'a View) -> Result<Vec<&'a View>> {
        let mut order = Vec::new();
        place(view, self, &mut Vec::new(), &mut order)?;
        Ok(order)
    }

    /// The views that `view` reads, all of them, each behind those that it reads.
    ///
    /// # Errors
    /// A view that reads itself.
    pub fn needed_by<'a>(&'a self, view: &'a View) -> Result<Vec<&'a View>> {
        let mut order = self.with_needs(view)?;
        order.pop();
        Ok(order)
    }

    /// Changes with the SQL of the view and of those that it reads, and with this program: 16
    /// hexadecimal digits.
    ///
    /// # Errors
    /// A view that reads itself.
    pub fn mark(&self, view: &View) -> Result<String> {
        let mut hash = Sha256::new();
        hash.update(env!("CARGO_PKG_VERSION"));
        for part in self.with_needs(view)? {
            hash.update(&part.sql);
            hash.update(format!("{:?}", part.order));
        }
        Ok(hex(&hash.finalize()[..8]))
    }

    /// True when the view, or one that it reads, reads the table of that name.
    ///
    /// # Errors
    /// A view that reads itself.
    pub fn reads(&self, view: &View, table: &str) -> Result<bool> {
        Ok(self.with_needs(view)?.iter().any(|v| words(v).iter().any(|w| w == table)))
    }
}

fn place<'a>(
    view: &'a View,
    registry: &'a Registry,
    above: &mut Vec<&'a str>,
    order: &mut Vec<&'a View>,
) -> Result<()> {
    if order.iter().any(|v| v.view == view.view) {
        return Ok(());
    }
    if above.contains(&view.view.as_str()) {
        bail!("{}: refers to itself by way of {}", view.place(), above.join(", "));
    }
    above.push(&view.view);
    for needed in needs(view, registry) {
        place(needed, registry, above, order)?;
    }
    above.pop();
    order.push(view);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_view_comes_behind_what_it_reads() {
        let registry = Registry::read(&Config::default()).unwrap();
        let order: Vec<&str> =
            registry.in_order_of_need().unwrap().iter().map(|v| v.view.as_str()).collect();
        let at = |name: &str| order.iter().position(|n| *n == name).unwrap();
        assert_eq!(order.len(), registry.views().len());
        assert!(at("agg_users_per_lau_per_day") < at("unique_users_per_lau_2024_10_01"));
        assert!(at("agg_cell_count_per_user_per_day") < at("unique_locations_per_user_per_day"));
        let view = |name: &str| registry.find(name).unwrap();
        assert!(registry.reads(view("unique-users-per-lau-per-day"), "cell_plan").unwrap());
        assert!(!registry.reads(view("number-of-events-per-hour"), "cell_plan").unwrap());
        let marks = ["users-per-lau", "unique-users-per-lau-per-day"];
        let marks = marks.map(|name| registry.mark(view(name)).unwrap());
        assert_ne!(marks[0], marks[1]);
    }
}
