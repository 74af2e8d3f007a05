//! Scripts, styles and pages that are part of the program.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::HeaderValue;
use rust_embed::RustEmbed;

use super::answer::{Answer, CachePolicy};
use super::edition::digest;
use crate::domain::ids::hex;

#[derive(RustEmbed)]
#[folder = "src/output/html/assets/"]
struct Files;

/// All of them, ready to be sent.
pub struct Assets {
    by_name: BTreeMap<String, Arc<Answer>>,
    mark: String,
}

impl Assets {
    pub fn new() -> Self {
        let mut by_name = BTreeMap::new();
        let mut hashes = Vec::new();
        for name in Files::iter() {
            let Some(file) = Files::get(&name) else { continue };
            let hash = hex(&file.metadata.sha256_hash()[..16]);
            let etag = HeaderValue::from_str(&format!("W/\"{hash}\"")).ok();
            let media = media_type(&name, file.metadata.mimetype());
            let policy = match name.ends_with(".html") {
                true => CachePolicy::Revalidate,
                false => CachePolicy::Asset,
            };
            let answer = Answer::new(media, file.data.into_owned(), etag, policy).packed();
            hashes.push(format!("{name} {hash}"));
            by_name.insert(name.into_owned(), Arc::new(answer));
        }
        hashes.sort();
        Assets { by_name, mark: digest(&[&hashes.join("\n")]) }
    }

    pub fn get(&self, name: &str) -> Option<Arc<Answer>> {
        self.by_name.get(name).map(Arc::clone)
    }

    /// The text of a file.
    pub fn text(name: &str) -> Option<String> {
        String::from_utf8(Files::get(name)?.data.into_owned()).ok()
    }

    /// Changes when a file does.
    pub fn mark(&self) -> String {
        self.mark.clone()
    }
}

impl Default for Assets {
    fn default() -> Self {
        Assets::new()
    }
}

/// The media type with its character set, which a browser would otherwise guess.
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
    fn the_pages_find_their_styles() {
        let assets = Assets::new();
        for name in ["dashboard.html", "pages.css", "mobility.css"] {
            assert!(assets.get(name).is_some(), "{name}");
        }
        assert_eq!(media_type("a.b.js", ""), "text/javascript; charset=utf-8");
    }
}
