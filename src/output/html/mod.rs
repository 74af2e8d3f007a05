//! Pages: the dashboard, the rows of a view, the quality report, and their forms as one file.

pub mod assets;
pub mod quality_page;
pub mod report;
pub mod rows_page;
mod single_file;
mod templates;

use anyhow::Result;

use super::data_version::digest;
use crate::views::Registry;

pub use templates::{DASHBOARD, MOVEMENT, PEOPLE, Templates};

/// Changes with the views, templates, assets and the version of the program: with everything but
/// the data that determines an answer.
///
/// # Errors
/// A view that cannot be read.
pub fn fingerprint(registry: &Registry) -> Result<String> {
    let mut parts =
        vec![env!("CARGO_PKG_VERSION").to_owned(), templates::fingerprint(), assets::fingerprint()];
    for view in registry.views() {
        parts.push(registry.fingerprint(view)?);
        parts.push(format!("{view:?}"));
    }
    Ok(digest(&parts.iter().map(String::as_str).collect::<Vec<_>>()))
}
