//! Inputs: the files and objects that the configuration names.

mod file;
mod folder_date;
mod glob;
mod list;
mod resolved_paths;
mod table_format;
mod walk;
mod wanted;

pub use file::{FileVersion, InputFile, ensure_unchanged, fingerprint};
pub use folder_date::folder_date;
pub use list::{Listed, list, list_all};
pub use table_format::refuse_tables_of_objects;
pub use wanted::{Wanted, is_hidden, is_hidden_match, may_hold_data};
