//! The quality report as a page: of the server, or as one file.

mod page;

use anyhow::{Context, Result};

use super::assets::Assets;
use super::page::Pages;
use crate::quality::report::Report;
use page::{Around, context};

/// The report as a page that needs no server.
///
/// # Errors
/// None in practice: templates and styles are part of the program.
pub fn file(report: &Report) -> Result<String> {
    let text = |name: &str| Assets::text(name).with_context(|| format!("no asset {name}"));
    let around = Around {
        layout: "file.html",
        styles: format!("{}\n{}", text("mobility.css")?, text("pages.css")?),
        script: text("theme.js")?,
        ..Around::default()
    };
    Pages::new()?.fill("quality.html", context(report, around)?)
}
