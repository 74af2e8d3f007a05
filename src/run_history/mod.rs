//! The history of runs: one record per run that changes outputs, kept beside the processed files and
//! shown as the table `runs`.

mod file;
mod find;
mod list;
mod record;
mod recorder;

pub use file::{append, fingerprint, read};
pub use find::find;
pub use list::{newest_first, overview};
pub use record::{Inputs, Run, Status, rows};
pub use recorder::Recorder;

#[cfg(test)]
pub(crate) use record::tests::a_run;
