//! The dashboard with its styles, scripts and data inlined, so that it opens from a file.
//!
//! This relies on two conventions: a tag of a page that refers to a file of `assets/` has a line
//! of its own, and a module imports others as `from "./NAME.js"`. Modules become `data:` URLs
//! in an import map under their bare names, because `./` cannot be resolved against a `data:` URL.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Characters that must be encoded in a `data:` URL inside JSON inside HTML.
const UNSAFE: &AsciiSet =
    &CONTROLS.add(b'%').add(b'#').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'`');

/// The page loads nothing from other sources, even if the data contains markup.
const POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
    script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data:\">";

/// The page with everything inlined. `asset` returns the text of a file of the assets folder;
/// `data` is the JSON that api.js reads from the element `report-data`.
///
/// # Errors
/// A file that the page or a module refers to and that does not exist.
pub fn inline(
    html: &str,
    asset: impl Fn(&str) -> Result<String>,
    data: &serde_json::Value,
) -> Result<String> {
    let mut out = String::with_capacity(html.len());
    // writing into a string cannot fail
    for line in html.lines() {
        if line.starts_with("<meta charset") {
            let _ = write!(out, "{line}\n{POLICY}\n");
        } else if line.starts_with("<link rel=\"modulepreload\"") {
            // the modules are in the import map
        } else if let Some(name) = file_in_tag(line, "<link rel=\"stylesheet\" href=\"assets/") {
            let _ = write!(out, "<style>\n{}</style>\n", asset(name)?);
        } else if let Some(name) = file_in_tag(line, "<link rel=\"icon\" href=\"assets/") {
            let icon = data_url("image/svg+xml", &asset(name)?);
            let _ = writeln!(out, "<link rel=\"icon\" href=\"{icon}\">");
        } else if let Some(name) = file_in_tag(line, "<script src=\"assets/") {
            let _ = write!(out, "<script>\n{}</script>\n", asset(name)?);
        } else if let Some(name) = file_in_tag(line, "<script type=\"module\" src=\"assets/") {
            let imports = serde_json::json!({ "imports": modules(name, &asset)? });
            let _ = writeln!(out, "<script type=\"importmap\">{imports}</script>");
            let _ = writeln!(out, "<script type=\"module\">import \"{name}\";</script>");
        } else if line == "</body>" {
            // no text in the data may end the script element
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

/// The file that a tag refers to, when the line begins with `start`.
fn file_in_tag<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.split('"').next()
}

fn data_url(media: &str, text: &str) -> String {
    format!("data:{media};charset=utf-8,{}", utf8_percent_encode(text, UNSAFE))
}

/// `data:` URLs of a module and of all that it imports, directly or not, by name.
fn modules(
    first: &str,
    asset: &impl Fn(&str) -> Result<String>,
) -> Result<BTreeMap<String, String>> {
    let mut modules = BTreeMap::new();
    let mut pending = vec![first.to_owned()];
    while let Some(name) = pending.pop() {
        if modules.contains_key(&name) {
            continue;
        }
        let source = asset(&name)?;
        let imports = source.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next());
        pending.extend(imports.map(str::to_owned));
        let bare = source.replace("from \"./", "from \"");
        modules.insert(name, data_url("text/javascript", &bare));
    }
    Ok(modules)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn modules_resolve_each_other_and_data_cannot_end_the_script() {
        let asset = |name: &str| {
            Ok(match name {
                "main.js" => "import { a } from \"./a.js\";\n".to_owned(),
                "a.js" => "export const a = \"#\";\n".to_owned(),
                "s.css" => "b {}\n".to_owned(),
                _ => bail!("the asset {name} is missing from the program"),
            })
        };
        let html = "<meta charset=\"utf-8\">\n<link rel=\"stylesheet\" href=\"assets/s.css\">\n\
                    <script type=\"module\" src=\"assets/main.js\"></script>\n</body>\n";
        let page = inline(html, asset, &serde_json::json!({ "x": "</script>" })).unwrap();
        assert!(page.contains("<style>\nb {}\n</style>"), "{page}");
        assert!(page.contains("from %22a.js%22") && page.contains("%22%23%22"), "{page}");
        assert!(page.contains("{\"x\":\"\\u003c/script>\"}"), "{page}");
        let missing = "<script src=\"assets/gone.js\"></script>\n";
        let error = inline(missing, asset, &serde_json::json!({})).unwrap_err();
        assert!(error.to_string().contains("gone.js"), "{error}");
    }
}
