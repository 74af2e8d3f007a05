//! The relations that a view reads. They determine the order in which views are computed, and whether
//! a stored result is still valid.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use anyhow::{Result, bail};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use sha2::{Digest, Sha256};

use super::registry::Registry;
use super::view::View;
use crate::domain::ids::hex;
use crate::domain::tables::Table;

/// Identifiers and keywords of the SQL in lower case, without string literals and comments. They are asked for
/// again and again while dependencies are followed.
fn words(sql: &str) -> Arc<BTreeSet<String>> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<BTreeSet<String>>>>> =
        LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(words) = known.get(sql) {
        return Arc::clone(words);
    }
    // SQL that cannot be tokenized is refused by the engine, with line and column
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().unwrap_or_default();
    let word = |token| match token {
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    };
    let words: Arc<BTreeSet<String>> = Arc::new(tokens.into_iter().filter_map(word).collect());
    known.insert(sql.to_owned(), Arc::clone(&words));
    words
}

impl Registry {
    /// The views that the SQL of `view` names.
    pub fn sources(&self, view: &View) -> Vec<&View> {
        self.named_in(&view.sql)
    }

    /// The views whose names occur in a SELECT. A column with the name of a view counts as well, which only
    /// affects the order of computation.
    pub(super) fn named_in(&self, sql: &str) -> Vec<&View> {
        let mut found: Vec<&View> =
            words(sql).iter().filter_map(|word| self.by_sql_name(word)).collect();
        found.sort_by_key(|v| &v.view);
        found.dedup_by_key(|v| &v.view);
        found
    }

    /// True if the SQL of the view names the table.
    pub fn names(&self, view: &View, table: Table) -> bool {
        words(&view.sql).contains(table.name())
    }

    /// All views, each after the views that it reads.
    ///
    /// # Errors
    /// A view that depends on itself, directly or through others.
    pub fn in_dependency_order(&self) -> Result<Vec<&View>> {
        let mut order = Vec::new();
        for view in self.views() {
            visit(view, self, &mut Vec::new(), &mut order)?;
        }
        Ok(order)
    }

    /// The views that do not depend on themselves, each after the views that it reads.
    pub fn without_cycles(&self) -> Vec<&View> {
        let mut order: Vec<&View> = Vec::new();
        for view in self.views() {
            // a view over a cycle has an error as well
            for needed in self.with_dependencies(view).into_iter().flatten() {
                if order.iter().all(|v| v.view != needed.view) {
                    order.push(needed);
                }
            }
        }
        order
    }

    /// All views that `view` reads directly or indirectly, followed by `view` itself.
    fn with_dependencies<'a>(&'a self, view: &'a View) -> Result<Vec<&'a View>> {
        let mut order = Vec::new();
        visit(view, self, &mut Vec::new(), &mut order)?;
        Ok(order)
    }

    /// All views that `view` reads directly or indirectly, each after those that it reads.
    ///
    /// # Errors
    /// A view that depends on itself.
    pub fn dependencies<'a>(&'a self, view: &'a View) -> Result<Vec<&'a View>> {
        let mut order = self.with_dependencies(view)?;
        order.pop();
        Ok(order)
    }

    /// A hash of the SQL of the view and of those that it reads, and of the version of the program: 16
    /// hexadecimal digits.
    ///
    /// # Errors
    /// A view that depends on itself.
    pub fn fingerprint(&self, view: &View) -> Result<String> {
        let mut hash = Sha256::new();
        hash.update(env!("CARGO_PKG_VERSION"));
        for part in self.with_dependencies(view)? {
            hash.update(&part.sql);
            hash.update(format!("{:?}", part.order));
            hash.update(format!("{:?} {:?} {:?}", part.growth, part.period, part.accumulate));
            hash.update(format!("{:?} {:?}", part.split, part.windows));
        }
        Ok(hex(&hash.finalize()[..8]))
    }

    /// True if the view, or one that it reads, reads the table of that name.
    ///
    /// # Errors
    /// A view that depends on itself.
    pub fn reads(&self, view: &View, table: &str) -> Result<bool> {
        Ok(self.with_dependencies(view)?.iter().any(|v| words(&v.sql).contains(table)))
    }
}

fn visit<'a>(
    view: &'a View,
    registry: &'a Registry,
    path: &mut Vec<&'a str>,
    order: &mut Vec<&'a View>,
) -> Result<()> {
    if order.iter().any(|v| v.view == view.view) {
        return Ok(());
    }
    if path.contains(&view.view.as_str()) {
        bail!("{}: depends on itself through {}", view.place(), path.join(", "));
    }
    path.push(&view.view);
    for needed in registry.sources(view) {
        visit(needed, registry, path, order)?;
    }
    path.pop();
    order.push(view);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_view_comes_after_the_views_it_reads() {
        let registry = Registry::read((&Config::default()).into()).unwrap();
        let order: Vec<&str> =
            registry.in_dependency_order().unwrap().iter().map(|v| v.view.as_str()).collect();
        let at = |name: &str| order.iter().position(|n| *n == name).unwrap();
        assert_eq!(order.len(), registry.views().len());
        assert!(at("agg_users_per_lau_per_day") < at("unique_users_per_lau_2024_10_01"));
        assert!(at("agg_cell_count_per_user_per_day") < at("unique_locations_per_user_per_day"));
        let view = |name: &str| registry.find(name).unwrap();
        assert!(registry.reads(view("unique-users-per-lau-per-day"), "cell_plan").unwrap());
        assert!(!registry.reads(view("number-of-events-per-hour"), "cell_plan").unwrap());
        let names = ["users-per-lau", "unique-users-per-lau-per-day"];
        let fingerprints = names.map(|name| registry.fingerprint(view(name)).unwrap());
        assert_ne!(fingerprints[0], fingerprints[1]);
    }
}
