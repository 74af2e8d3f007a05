//! What a run writes to standard error: log lines, progress bars and reports of stages.

mod append_file;
pub mod audit_log;
mod bars;
pub mod log;
mod run_id;
mod stage_report;
mod stage_run;

pub use bars::{Progress, ProgressMode, StageBar};
pub use run_id::{new_id, now};
pub use stage_report::StageReport;
pub use stage_run::StageRun;
