//! Which stored results a load has to compute anew, as far as that is known before any is computed.

use std::collections::BTreeSet;

use super::accumulated_results;
use super::inputs::{Inputs, Reads};
use super::merge_sums::Sums;
use super::period_results::{self, PeriodResult};
use super::stored_views::{Storage, StoredView};

/// The names of the stored views of which something has changed that they read, and of those that read these.
/// Some of the latter may turn out to be current, if the rows of the others are the same as before.
pub fn outdated(inputs: &mut Inputs) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for view in inputs.views.clone() {
        let reads = inputs.reads(&view.view, &view.sql);
        let is_current = reads.is_some_and(|reads| {
            reads.views.iter().all(|source| !all.contains(source))
                && is_current(inputs, &view, &reads)
        });
        if is_current {
            // as results of this load, which those of the views that read them have to know
            let load_no = inputs.load_no;
            inputs.set_view(StoredView { load_no, ..view });
        } else {
            all.insert(view.view);
        }
    }
    all
}

/// True if the stored result is that of what the view reads, as it is stored now.
fn is_current(inputs: &mut Inputs, view: &StoredView, reads: &Reads) -> bool {
    let has_periods = inputs.have_periods(reads);
    let stored = inputs.periods(&view.view).clone();
    match &view.storage {
        Storage::Whole | Storage::Split(_) => {
            let now = inputs.of_whole(view);
            now.is_some() && now == view.inputs
        }
        _ if !has_periods => false,
        Storage::Periods { growth, column, .. } => {
            let (growth, column) = (*growth, column.as_deref());
            let result = PeriodResult { view, growth, column, reads, columns: &[], refresh: false };
            period_results::current(inputs, &result) == stored
        }
        Storage::Sums { column } => {
            let sums = Sums { view, column, reads, columns: &[], refresh: false };
            accumulated_results::fingerprints(inputs, &sums) == stored
        }
    }
}
