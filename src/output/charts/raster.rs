//! Charts as PNG and PDF. Their text is drawn with a font that is part of the program, so that every
//! machine draws the same.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use epaint_default_fonts::UBUNTU_LIGHT;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

/// Pixels of a PNG for each unit of the SVG.
const SCALE: f32 = 2.0;
const FAMILY: &str = "Ubuntu";

/// A PNG with two pixels for each unit of the SVG.
///
/// # Errors
/// An SVG that cannot be read, or is too large.
pub fn png(svg: &str) -> Result<Vec<u8>> {
    let tree = tree(svg)?;
    let size = tree.size().to_int_size();
    let size = size.scale_by(SCALE).context("the chart has no size")?;
    let mut pixels = Pixmap::new(size.width(), size.height())
        .with_context(|| format!("{} x {} pixels are too many", size.width(), size.height()))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().context("the picture cannot be encoded")
}

/// A PDF of one page of the size of the SVG, with its text as text.
///
/// # Errors
/// An SVG that cannot be read or has no PDF.
pub fn pdf(svg: &str) -> Result<Vec<u8>> {
    let (conversion, page) = Default::default();
    svg2pdf::to_pdf(&tree(svg)?, conversion, page).map_err(|e| anyhow!("the chart has no PDF: {e}"))
}

fn tree(svg: &str) -> Result<Tree> {
    let mut fonts = Database::new();
    fonts.load_font_data(UBUNTU_LIGHT.to_vec());
    fonts.set_sans_serif_family(FAMILY);
    let options =
        Options { font_family: FAMILY.to_owned(), fontdb: Arc::new(fonts), ..Options::default() };
    Tree::from_str(svg, &options).context("the chart cannot be read")
}
