//! The view files that are built into the program, so that the binary works on its own.

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "sql/views/"]
struct ViewFiles;

/// Name and text of every file in `sql/views`, ordered by name.
pub fn files() -> Vec<(String, String)> {
    let mut names: Vec<String> = ViewFiles::iter().map(|name| name.into_owned()).collect();
    names.sort();
    let text = |name: &str| {
        ViewFiles::get(name).map(|file| String::from_utf8_lossy(&file.data).into_owned())
    };
    names.into_iter().filter_map(|name| text(&name).map(|text| (name, text))).collect()
}
