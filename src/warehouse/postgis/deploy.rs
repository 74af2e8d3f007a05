//! Computes and stores the results of all views that are not current, each in a transaction of its own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::inputs::Inputs;
use super::server_errors::{failed, with_hint};
use super::spark_views::OTHERS;
use super::stored_views::{Storage, StoredView};
use super::view_results::{self, Deployment};
use super::{Postgis, schema};
use crate::progress::Progress;
use crate::storage::lock;
use crate::views::View;
use crate::warehouse::Deployed;

/// A view as it is to be stored.
struct Wanted {
    fingerprint: String,
    storage: Storage,
}

impl Postgis {
    /// Computes and stores the results of all views; those that are current are kept unless `refresh` is set.
    ///
    /// # Errors
    /// A view that the server rejects, with file, line and reason; errors of Spark, before any result is stored.
    pub(super) fn deploy_views(&self, refresh: bool, progress: &Progress) -> Result<Vec<Deployed>> {
        let mut worker = self.server.exclusive_worker()?;
        let load = self.require_load(worker.client())?;
        let schema = &self.server.schema;
        schema::ensure(worker.client(), schema, progress)?;
        let bar = progress.spinner("views", "");
        let mut transaction = worker.client().transaction().map_err(failed)?;
        let mut inputs = Inputs::read(&mut transaction, schema)?;
        transaction.commit().map_err(failed)?;
        // while another run changes the files, the server computes all views
        let lock = lock::to_read(&self.files.processed).ok();
        inputs.files = lock.is_some().then(|| self.local_files());
        self.engine.note(OTHERS, progress);
        if let Some(spark) = self.spark_views(progress) {
            let mut outdated = BTreeSet::new();
            for view in self.views.views() {
                let wanted = self.wanted(&inputs, view)?;
                if refresh || current(&inputs, view, &wanted, load.load_no).is_none() {
                    outdated.insert(view.view.clone());
                }
            }
            inputs.spark = spark.rows(&inputs, &outdated, &|_| Ok(true), &bar)?;
        }
        // a result is on disk once the last transaction is, for which all before it are written
        worker.client().batch_execute("SET synchronous_commit = off").map_err(failed)?;
        let mut deployed = Vec::new();
        for (position, view) in self.views.in_dependency_order()?.into_iter().enumerate() {
            bar.message(&view.title);
            let started = Instant::now();
            let wanted = self.wanted(&inputs, view)?;
            let current = current(&inputs, view, &wanted, load.load_no);
            let current = current.filter(|_| !refresh).cloned();
            let fresh = current.is_some();
            let (rows, elapsed) = match current {
                // the time of the load that computed it
                Some(stored) if stored.storage.is_whole() => {
                    (stored.rows(), Duration::from_secs_f64(stored.seconds.max(0.0)))
                }
                Some(stored) => (stored.rows(), started.elapsed()),
                None => {
                    let mut transaction = worker.client().transaction().map_err(failed)?;
                    let deployment = Deployment {
                        view,
                        position,
                        fingerprint: &wanted.fingerprint,
                        load_no: load.load_no,
                        refresh,
                        storage: wanted.storage,
                    };
                    let rows =
                        view_results::deploy(&mut transaction, schema, &mut inputs, &deployment)
                            .map_err(|error| with_hint(error, &self.views))
                            .map_err(|error| view.placed(error))?;
                    transaction.commit().map_err(failed)?;
                    (rows, started.elapsed())
                }
            };
            deployed.push(Deployed { view: view.view.clone(), rows, elapsed, fresh });
        }
        worker.client().batch_execute("RESET synchronous_commit").map_err(failed)?;
        let mut transaction = worker.client().transaction().map_err(failed)?;
        if deployed.iter().any(|view| !view.fresh) {
            // a transaction that writes nothing is not waited for
            let write = schema.fill("UPDATE {schema}.mobility_load SET layout = layout");
            transaction.batch_execute(&write).map_err(failed)?;
        }
        let warnings = view_results::drop_removed(&mut transaction, schema, &self.views)?;
        transaction.commit().map_err(failed)?;
        bar.finish();
        warnings.iter().for_each(|warning| progress.warn(&format!("views: {warning}")));
        // they were computed in order of dependency, but are listed in the order of the registry
        let listed = |d: &Deployed| self.views.views().iter().position(|v| v.view == d.view);
        deployed.sort_by_key(listed);
        Ok(deployed)
    }

    fn wanted(&self, inputs: &Inputs, view: &View) -> Result<Wanted> {
        let fingerprint = self.views.fingerprint(view)?;
        Ok(Wanted { fingerprint, storage: view_results::storage(inputs, view) })
    }
}

/// The stored result of a view, if it is that of the latest load.
fn current<'a>(
    inputs: &'a Inputs,
    view: &View,
    wanted: &Wanted,
    load_no: i64,
) -> Option<&'a StoredView> {
    inputs.view(&view.view).filter(|stored| {
        stored.storage == wanted.storage
            && stored.fingerprint == wanted.fingerprint
            && stored.load_no == load_no
    })
}
