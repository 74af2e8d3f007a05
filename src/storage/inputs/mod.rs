//! Inputs: the files and objects that the configuration names.

mod file;
mod folder_date;
mod list;
mod table_format;
mod walk;

pub use file::{FileVersion, InputFile, ensure_unchanged, fingerprint};
pub use folder_date::folder_date;
pub use list::{list, passed_over};
pub use table_format::refuse_tables_of_objects;
