//! Inputs: the files and objects that the configuration names.

mod file;
mod folder_date;
mod list;

pub use file::{FileVersion, InputFile, ensure_unchanged, fingerprint};
pub use folder_date::folder_date;
pub use list::list;
