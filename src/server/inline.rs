//! The dashboard's page with its styles, scripts and data inside, so that it opens from a file.
//!
//! The rule: a tag of dashboard.html that names a file of `/assets/` stands alone on its line, and
//! a module imports others as `from "./NAME.js"`. Modules go into an import map as `data:` URLs
//! under their bare names, because a `data:` URL has no folder that `./` could mean.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a `data:` URL inside HTML inside JSON must not hold as it is.
const UNSAFE: &AsciiSet =
    &CONTROLS.add(b'%').add(b'#').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'`');

/// Nothing comes from elsewhere, whatever the data says.
const POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
    script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data:\">";

/// The page with everything inside. `asset` gives the text of a file of the assets folder, `data`
/// is the JSON that api.js finds under `report-data`.
///
/// # Errors
/// A file that the page or a module names and that is not there.
pub fn page(
    html: &str,
    asset: impl Fn(&str) -> Option<String>,
    data: &serde_json::Value,
) -> Result<String> {
    let text = |name: &str| asset(name).with_context(|| format!("no asset {name}"));
    let mut out = String::with_capacity(html.len());
    // writing into a string cannot fail
    for line in html.lines() {
        if line.starts_with("<meta charset") {
            let _ = write!(out, "{line}\n{POLICY}\n");
        } else if line.starts_with("<link rel=\"modulepreload\"") {
            // the import map holds the modules
        } else if let Some(name) = named(line, "<link rel=\"stylesheet\" href=\"/assets/") {
            let _ = write!(out, "<style>\n{}</style>\n", text(name)?);
        } else if let Some(name) = named(line, "<link rel=\"icon\" href=\"/assets/") {
            let icon = encoded("image/svg+xml", &text(name)?);
            let _ = writeln!(out, "<link rel=\"icon\" href=\"{icon}\">");
        } else if let Some(name) = named(line, "<script src=\"/assets/") {
            let _ = write!(out, "<script>\n{}</script>\n", text(name)?);
        } else if let Some(name) = named(line, "<script type=\"module\" src=\"/assets/") {
            let imports = serde_json::json!({ "imports": modules(name, &text)? });
            let _ = writeln!(out, "<script type=\"importmap\">{imports}</script>");
            let _ = writeln!(out, "<script type=\"module\">import \"{name}\";</script>");
        } else if line == "</body>" {
            // a text of the data must not end the script it stands in
            let data = data.to_string().replace('<', "\\u003c");
            let _ = writeln!(
                out,
                "<script type=\"application/json\" id=\"report-data\">{data}</script>\n</body>"
            );
        } else {
            let _ = writeln!(out, "{line}");
        }
    }
    Ok(out)
}

/// The file named in a tag that begins with `start`.
fn named<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.split('"').next()
}

fn encoded(media: &str, text: &str) -> String {
    format!("data:{media};charset=utf-8,{}", utf8_percent_encode(text, UNSAFE))
}

/// `data:` URLs of a module and all that it imports, by name.
fn modules(
    first: &str,
    text: &impl Fn(&str) -> Result<String>,
) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut open = vec![first.to_owned()];
    while let Some(name) = open.pop() {
        if found.contains_key(&name) {
            continue;
        }
        let source = text(&name)?;
        let imports = source.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next());
        open.extend(imports.map(str::to_owned));
        let bare = source.replace("from \"./", "from \"");
        found.insert(name, encoded("text/javascript", &bare));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_find_each_other_and_data_cannot_break_out() {
        let asset = |name: &str| {
            Some(match name {
                "main.js" => "import { a } from \"./a.js\";\n".to_owned(),
                "a.js" => "export const a = \"#\";\n".to_owned(),
                "s.css" => "b {}\n".to_owned(),
                _ => return None,
            })
        };
        let html = "<meta charset=\"utf-8\">\n<link rel=\"stylesheet\" href=\"/assets/s.css\">\n\
                    <script type=\"module\" src=\"/assets/main.js\"></script>\n</body>\n";
        let page = page(html, asset, &serde_json::json!({ "x": "</script>" })).unwrap();
        assert!(page.contains("<style>\nb {}\n</style>"), "{page}");
        assert!(page.contains("from %22a.js%22") && page.contains("%22%23%22"), "{page}");
        assert!(page.contains("{\"x\":\"\\u003c/script>\"}"), "{page}");
        let missing = "<script src=\"/assets/gone.js\"></script>\n";
        let error = super::page(missing, asset, &serde_json::json!({})).unwrap_err();
        assert!(error.to_string().contains("gone.js"), "{error}");
    }
}
