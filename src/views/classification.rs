//! Decides for each view whether its rows belong to single users, and whether it can be computed by period.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use super::known_views::{Analysis, KnownView, KnownViews};
use super::registry::{Registry, Sources};
use super::single_users::{Planner, Reason};
use super::view::View;

impl Registry {
    /// Completes the views when all are known by name.
    ///
    /// # Errors
    /// A header that contradicts the plan; columns or windows of a header that the view does not have.
    pub(super) fn classify(&mut self, sources: &Sources, known: &KnownViews) -> Result<()> {
        let mut analyses = self.known_analyses(sources, known);
        self.known = analyses.keys().cloned().collect();
        self.plan_others(sources, &mut analyses)?;
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

    /// The analyses of the views that are known together with all that they read, by SQL name.
    fn known_analyses(&self, sources: &Sources, known: &KnownViews) -> BTreeMap<String, Analysis> {
        let mut found = BTreeMap::new();
        for view in self.without_cycles() {
            let known = sources.get(&view.view).and_then(|source| known.find(&source.text));
            // names of the user's views may occur in the SQL as those of columns
            let reads_known =
                |view: &KnownView| view.reads.iter().all(|name| found.contains_key(name));
            if let Some(known) = known.filter(|known| reads_known(known)) {
                found.insert(view.view.clone(), known.analysis.clone());
            }
        }
        found
    }

    /// Adds the analyses of all other views that do not depend on themselves. They are planned, together with
    /// the views that they read.
    fn plan_others(
        &self,
        sources: &Sources,
        analyses: &mut BTreeMap<String, Analysis>,
    ) -> Result<()> {
        let order = self.without_cycles();
        let others: Vec<&View> =
            order.iter().filter(|view| !analyses.contains_key(&view.view)).copied().collect();
        if others.is_empty() {
            return Ok(());
        }
        let needed = self.with_sources(others);
        let planner = Planner::new()?;
        for view in order.into_iter().filter(|view| needed.contains(view.view.as_str())) {
            let declared = sources.get(&view.view).and_then(|source| source.declared);
            let reason = planner.view(&view.view, &view.sql, declared == Some(true));
            if declared == Some(false)
                && let Some(reason) = &reason
            {
                bail!(
                    "view file {}: the header has single_users: no, but {reason}; remove the key, \
                     or change the SQL",
                    view.file.display()
                );
            }
            let analysis = Analysis { single_users: reason, columns: planner.columns(&view.view) };
            analyses.entry(view.view.clone()).or_insert(analysis);
        }
        Ok(())
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
