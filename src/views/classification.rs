//! Decides for each view whether its rows belong to single users, and whether it can be computed by period.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use super::known_views::{Analysis, KnownViews};
use super::registry::{Declared, Registry};
use super::single_users::{Planner, Reason};
use super::view::View;

impl Registry {
    /// Completes the views when all are known by name.
    ///
    /// # Errors
    /// A header that contradicts the plan; columns or windows of a header that the view does not have.
    pub(super) fn classify(&mut self, declared: &Declared, known: &KnownViews) -> Result<()> {
        let mut analyses = self.analyses(declared, known)?;
        let of_cycle = || Analysis {
            single_users: Some(Reason::Unknown("it depends on itself".to_owned())),
            columns: None,
        };
        for view in &mut self.views {
            let analysis = analyses.remove(&view.view).unwrap_or_else(of_cycle);
            (view.single_users, view.columns) = (analysis.single_users, analysis.columns);
            view.check_columns()?;
        }
        let by_period = self.computable_by_period();
        for view in self.views.iter_mut().filter(|view| !by_period.contains(&view.view)) {
            (view.growth, view.period, view.accumulate) = (None, None, None);
            view.windows = None;
        }
        self.views.iter().try_for_each(|view| self.check_windows(view))
    }

    /// The analyses of all views that do not depend on themselves, by SQL name. Those that are not known are
    /// planned, together with the views that they read.
    fn analyses(
        &self,
        declared: &Declared,
        known: &KnownViews,
    ) -> Result<BTreeMap<String, Analysis>> {
        let order = self.without_cycles();
        let header = |view: &View| declared.get(&view.view).copied().flatten();
        let mut found: BTreeMap<String, Analysis> = BTreeMap::new();
        for view in &order {
            let reads_known = self.sources(view).iter().all(|v| found.contains_key(&v.view));
            let analysis = known.find(view, header(view)).filter(|_| reads_known);
            found.extend(analysis.map(|analysis| (view.view.clone(), analysis.clone())));
        }
        let unknown: Vec<&View> =
            order.iter().filter(|view| !found.contains_key(&view.view)).copied().collect();
        if unknown.is_empty() {
            return Ok(found);
        }
        let needed = self.with_sources(unknown);
        let planner = Planner::new()?;
        for view in order.into_iter().filter(|view| needed.contains(view.view.as_str())) {
            let reason = planner.view(&view.view, &view.sql, header(view) == Some(true));
            if header(view) == Some(false)
                && let Some(reason) = &reason
            {
                bail!(
                    "view file {}: the header has single_users: no, but {reason}; remove the key, \
                     or change the SQL",
                    view.file.display()
                );
            }
            let analysis = Analysis { single_users: reason, columns: planner.columns(&view.view) };
            found.entry(view.view.clone()).or_insert(analysis);
        }
        Ok(found)
    }

    /// Why the rows of a query over tables and views count as rows of single users; `None` if they are
    /// aggregates over users.
    ///
    /// # Errors
    /// None in practice: a planner can always be made.
    pub fn single_users_in(&self, sql: &str) -> Result<Option<Reason>> {
        let planner = Planner::new()?;
        let needed = self.with_sources(self.named_in(sql));
        for view in self.without_cycles() {
            if needed.contains(view.view.as_str()) {
                planner.view(&view.view, &view.sql, view.single_users());
            }
        }
        Ok(planner.query(sql))
    }

    /// The SQL names of views and of all that they read.
    fn with_sources<'a>(&'a self, views: Vec<&'a View>) -> BTreeSet<&'a str> {
        let read = views.iter().flat_map(|view| self.dependencies(view).unwrap_or_default());
        read.chain(views.iter().copied()).map(|view| view.view.as_str()).collect()
    }
}
