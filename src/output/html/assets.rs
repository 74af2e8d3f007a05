//! Scripts and styles that are compiled into the program.

use std::borrow::Cow;

use anyhow::{Context, Result};
use rust_embed::RustEmbed;

use crate::domain::ids::hex;
use crate::output::data_version::digest;

#[derive(RustEmbed)]
#[folder = "src/output/html/assets/"]
struct Files;

/// One file.
pub struct Asset {
    pub name: Cow<'static, str>,
    pub bytes: Cow<'static, [u8]>,
    pub media_type: &'static str,
    /// 32 hexadecimal digits of the SHA-256 of the bytes.
    pub hash: String,
}

/// All files.
pub fn all() -> impl Iterator<Item = Asset> {
    Files::iter().filter_map(|name| {
        let file = Files::get(&name)?;
        let media_type = media_type(&name, file.metadata.mimetype());
        let hash = hex(&file.metadata.sha256_hash()[..16]);
        Some(Asset { name, bytes: file.data, media_type, hash })
    })
}

/// The text of a file.
///
/// # Errors
/// A file that does not exist, or is not UTF-8.
pub fn text(name: &str) -> Result<String> {
    let file = Files::get(name)
        .with_context(|| format!("the asset {name} is missing from the program"))?;
    String::from_utf8(file.data.into_owned()).with_context(|| format!("the asset {name}"))
}

/// Changes when a file does.
pub fn fingerprint() -> String {
    let mut hashes: Vec<String> =
        all().map(|asset| format!("{} {}", asset.name, asset.hash)).collect();
    hashes.sort();
    digest(&[&hashes.join("\n")])
}

/// The media type with its character set, which a browser would have to guess otherwise.
fn media_type(name: &str, guessed: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ if guessed.starts_with("text/") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_styles_are_compiled_in() {
        for name in ["main.js", "pages.css", "mobility.css"] {
            assert!(text(name).is_ok_and(|text| !text.is_empty()), "{name}");
        }
        assert_eq!(media_type("a.b.js", ""), "text/javascript; charset=utf-8");
    }
}
