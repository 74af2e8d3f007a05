//! JSON documents of the API, from which the dashboard is drawn as well.

mod analysts_page;
mod period;
mod released_summary;
mod rows;
mod summary;
mod view_list;

use serde_json::Value;

use super::data_version::DataVersion;
use crate::views::Registry;
use crate::warehouse::Warehouse;

pub use analysts_page::analysts_page;
pub use period::Period;
pub use rows::{RowsHead, geometry_options};
pub use summary::summary;
pub use view_list::view_list;

/// One version of the loaded data with the views on it.
#[derive(Clone, Copy)]
pub struct LoadedData<'a> {
    pub registry: &'a Registry,
    pub version: &'a DataVersion,
    pub warehouse: &'a dyn Warehouse,
    /// Rows of single users may be shown.
    pub allow_user_rows: bool,
}

/// The document as text, which ends with a line feed.
pub fn text(document: &Value) -> String {
    format!("{document}\n")
}
