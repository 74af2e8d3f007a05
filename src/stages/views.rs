//! `views`: deploys all views to the warehouse and computes their results.

use std::time::Instant;

use anyhow::Result;

use crate::progress::Progress;
use crate::progress::StageReport;
use crate::views::Registry;
use crate::warehouse::{Deployed, Warehouse};

/// Runs the stage; also returns the rows and the duration of each view. Files that replace built-in views
/// are named unless there was nothing to do.
///
/// # Errors
/// A view that the engine rejects; the error names file, line and reason.
pub fn run(
    warehouse: &dyn Warehouse,
    registry: &Registry,
    progress: &Progress,
    refresh: bool,
) -> Result<(StageReport, Vec<Deployed>)> {
    let started = Instant::now();
    let rows_in = warehouse.loaded()?.map_or(0, |l| l.rows.values().sum());
    let deployed = warehouse.deploy(refresh, progress)?;
    let report = StageReport {
        stage: "views",
        rows_in,
        rows_out: deployed.iter().map(|d| d.rows).sum(),
        bytes_in: 0,
        elapsed: started.elapsed(),
        skipped: deployed.iter().all(|d| d.fresh),
        notes: Vec::new(),
        standing_notes: Vec::new(),
    };
    if !report.skipped {
        registry.remarks().iter().for_each(|remark| progress.note(&format!("views: {remark}")));
    }
    Ok((report, deployed))
}
