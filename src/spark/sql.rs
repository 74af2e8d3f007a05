//! Pieces of Spark SQL: literals, names, templates with their gaps filled.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// A text literal.
pub fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A name, whatever is in it.
pub fn name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A number that stays the very same one.
pub fn double(number: f64) -> String {
    format!("{number:e}D")
}

pub fn boolean(on: bool) -> String {
    if on { "TRUE" } else { "FALSE" }.to_owned()
}

/// The whole path, as Spark has it too. Links stay as they are, because they can lead elsewhere on other
/// machines; but Spark would take `..` off as mere text, which behind a link is another place.
///
/// # Errors
/// A path with `..` that does not exist.
pub fn whole(path: &Path) -> Result<PathBuf> {
    let up = path.components().any(|part| part == Component::ParentDir);
    let whole = if up { path.canonicalize() } else { std::path::absolute(path) };
    whole.with_context(|| format!("{} cannot be found", path.display()))
}

/// A path of this machine as a text literal.
///
/// # Errors
/// A path that is not UTF-8.
pub fn path(path: &Path) -> Result<String> {
    match path.to_str() {
        Some(path) => Ok(text(path)),
        None => bail!("{}: Spark takes no path that is not UTF-8", path.display()),
    }
}

/// One path that stands for several files.
///
/// # Errors
/// A path that is not absolute, or not UTF-8.
pub fn all_of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<String> {
    let mut below_root = Vec::new();
    for path in paths {
        let Some(relative) = path.to_str().and_then(|path| path.strip_prefix('/')) else {
            bail!("{}: Spark takes no path that is not UTF-8, or not absolute", path.display());
        };
        let mut escaped = String::new();
        for c in relative.chars() {
            if "\\*?[]{},^".contains(c) {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        below_root.push(escaped);
    }
    Ok(match below_root.as_slice() {
        [one] => format!("/{one}"),
        several => format!("/{{{}}}", several.join(",")),
    })
}

/// The template without its comments, each `{{name}}` in it replaced by what stands for the name.
///
/// # Errors
/// A gap that nothing fills.
pub fn fill(template: &str, values: &[(&str, String)]) -> Result<String> {
    let lines = template.lines().filter(|line| !line.trim_start().starts_with("--"));
    let mut sql = lines.collect::<Vec<_>>().join("\n");
    for (name, value) in values {
        sql = sql.replace(&format!("{{{{{name}}}}}"), value);
    }
    ensure!(!sql.contains("{{"), "a gap in the SQL for Spark was not filled: {sql}");
    Ok(sql.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_end_where_they_should() {
        assert_eq!(text(r"it's a \ "), r"'it\'s a \\ '");
        assert_eq!(name("a`b"), "`a``b`");
        assert_eq!(double(0.1), "1e-1D");
        assert_eq!(double(12_742_017.6), "1.27420176e7D");
    }

    #[test]
    fn paths_with_signs_of_patterns_stand_for_themselves() {
        let paths = ["/a/b{1},2.parquet", "/c/*.parquet"].map(Path::new);
        let all = all_of(paths).unwrap();
        assert_eq!(all, r"/{a/b\{1\}\,2.parquet,c/\*.parquet}");
        assert_eq!(all_of([Path::new("/x y")]).unwrap(), "/x y");
        assert!(all_of([Path::new("x")]).is_err());
    }

    #[test]
    fn a_path_that_leads_up_is_followed_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(folder.join("a/b")).unwrap();
        std::os::unix::fs::symlink(folder.join("a/b"), folder.join("link")).unwrap();
        assert_eq!(whole(&folder.join("link/..")).unwrap(), folder.join("a"));
        assert_eq!(whole(&folder.join("link/./x")).unwrap(), folder.join("link/x"));
        assert!(whole(&folder.join("no/../such")).is_err());
    }

    #[test]
    fn a_gap_that_nothing_fills_is_an_error() {
        let filled = fill("-- said\nSELECT {{a}}", &[("a", "1".to_owned())]).unwrap();
        assert_eq!(filled, "SELECT 1");
        assert!(fill("SELECT {{b}}", &[("a", "1".to_owned())]).is_err());
    }
}
