//! What the program did: a record of every run that does work, kept beside the processed files and
//! shown as the table `runs`.

mod file;
mod record;

pub use file::{append, mark, read};
pub use record::{Inputs, Run, StageRun, Status, new_id, rows};
