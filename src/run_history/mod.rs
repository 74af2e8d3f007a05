//! What the program did: a record of every run that does work, kept beside the processed files and
//! shown as the table `runs`.

mod file;
mod find;
mod list;
mod record;
mod recorder;
mod show;

pub use file::{append, mark, read};
pub use find::find;
pub use list::{newest_first, overview};
pub use record::{Inputs, Run, Status, rows};
pub use recorder::Recorder;
pub use show::{stages_table, text};
