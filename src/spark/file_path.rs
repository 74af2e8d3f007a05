//! Where Spark finds a file: at a path that all machines see, or in an object store.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::sql;
use crate::storage::Location;
use crate::storage::object_store::ObjectUrl;

/// The scheme of local files. Without one, Spark would look for paths in the default file system of the
/// cluster.
const LOCAL: &str = "file:";

/// A file or folder as Spark names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SparkPath {
    /// `file:`, or scheme and bucket.
    root: String,
    /// From the slash behind the root.
    path: String,
}

impl SparkPath {
    /// # Errors
    /// A path that is not UTF-8 or does not exist; a web server, which Spark cannot read from.
    pub fn of(location: &Location) -> Result<Self> {
        match location {
            Location::Local(path) => SparkPath::local(path),
            Location::Remote(url) => SparkPath::remote(url),
        }
    }

    /// # Errors
    /// A path that is not UTF-8; a path with `..` that does not exist.
    pub fn local(path: &Path) -> Result<Self> {
        let path = absolute(path)?;
        match path.to_str() {
            Some(path) => Ok(SparkPath { root: LOCAL.to_owned(), path: path.to_owned() }),
            None => bail!("{}: Spark only accepts paths in UTF-8", path.display()),
        }
    }

    /// # Errors
    /// A web server; a container without the name of its account.
    pub fn remote(url: &ObjectUrl) -> Result<Self> {
        let whole = url.reveal();
        let bucket = whole.host_str().unwrap_or_default();
        let root = match whole.scheme() {
            "s3" | "s3a" => format!("s3a://{bucket}"),
            "gs" => format!("gs://{bucket}"),
            "http" | "https" => bail!(
                "{url}: Spark cannot read Parquet from web servers; copy the file into a folder or an \
                 object store, or use --engine native"
            ),
            _ if !whole.username().is_empty() => format!("abfss://{}@{bucket}", whole.username()),
            _ => {
                let account = std::env::var("AZURE_STORAGE_ACCOUNT_NAME").with_context(|| {
                    format!("{url}: AZURE_STORAGE_ACCOUNT_NAME has to name the account for Spark")
                })?;
                format!("abfss://{bucket}@{account}.dfs.core.windows.net")
            }
        };
        Ok(SparkPath { root, path: format!("/{}", url.key()?) })
    }

    /// A file below this folder.
    pub fn join(&self, name: &str) -> Self {
        let folder = self.path.trim_end_matches('/');
        SparkPath { root: self.root.clone(), path: format!("{folder}/{name}") }
    }

    /// `file:`, or scheme and bucket.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The path as a string literal.
    pub fn literal(&self) -> String {
        sql::text(&self.to_string())
    }

    /// The path as Spark writes it in `_metadata.file_path`: characters that a URL must not contain are
    /// percent-encoded, but letters of other alphabets are not.
    pub fn in_metadata(&self) -> String {
        let mut url = self.root.clone();
        for c in self.path.chars() {
            let plain = c.is_ascii_alphanumeric() || "_-!.~'()*,;:$&+=/@".contains(c);
            if plain || (!c.is_ascii() && !c.is_whitespace() && !c.is_control()) {
                url.push(c);
            } else {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    url.push_str(&format!("%{byte:02X}"));
                }
            }
        }
        url
    }

    /// A glob pattern that matches exactly the given files, which have the same root.
    pub fn glob_of(paths: &[SparkPath]) -> String {
        let escaped = |path: &SparkPath| {
            let mut escaped = String::new();
            for c in path.path.trim_start_matches('/').chars() {
                if "\\*?[]{},^".contains(c) {
                    escaped.push('\\');
                }
                escaped.push(c);
            }
            escaped
        };
        let root = paths.first().map_or(LOCAL, SparkPath::root);
        match paths {
            [one] => format!("{root}/{}", escaped(one)),
            several => {
                let all: Vec<String> = several.iter().map(escaped).collect();
                format!("{root}/{{{}}}", all.join(","))
            }
        }
    }
}

impl fmt::Display for SparkPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.root, self.path)
    }
}

/// The absolute path for Spark. Symbolic links are not resolved, because their targets can differ
/// between machines. Only a path with `..` is resolved, because Spark removes `..` textually, which is
/// wrong after a link.
///
/// # Errors
/// A path with `..` that does not exist.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    let has_parent = path.components().any(|part| part == Component::ParentDir);
    let absolute = if has_parent { path.canonicalize() } else { std::path::absolute(path) };
    absolute.with_context(|| format!("cannot find {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(path: &str) -> SparkPath {
        SparkPath::local(Path::new(path)).unwrap()
    }

    fn remote(url: &str) -> Result<SparkPath> {
        SparkPath::remote(&ObjectUrl::parse(url).unwrap())
    }

    #[test]
    fn glob_characters_in_paths_are_escaped() {
        let glob = SparkPath::glob_of(&[local("/a/b{1},2.parquet"), local("/c/*.parquet")]);
        assert_eq!(glob, r"file:/{a/b\{1\}\,2.parquet,c/\*.parquet}");
        assert_eq!(SparkPath::glob_of(&[local("/x y")]), "file:/x y");
        let object = remote("s3://b/x%5B1%5D.parquet").unwrap();
        assert_eq!(SparkPath::glob_of(&[object]), r"s3a://b/x\[1\].parquet");
    }

    #[test]
    fn only_paths_with_parent_components_are_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(folder.join("a/b")).unwrap();
        std::os::unix::fs::symlink(folder.join("a/b"), folder.join("link")).unwrap();
        assert_eq!(absolute(&folder.join("link/..")).unwrap(), folder.join("a"));
        assert_eq!(absolute(&folder.join("link/./x")).unwrap(), folder.join("link/x"));
        assert!(absolute(&folder.join("no/../such")).is_err());
    }

    #[test]
    fn paths_are_encoded_as_spark_encodes_them() {
        let path = local("/a b/c%d=1/é#{x}.parquet");
        assert_eq!(path.in_metadata(), "file:/a%20b/c%25d=1/é%23%7Bx%7D.parquet");
        assert_eq!(path.join("y").to_string(), "file:/a b/c%d=1/é#{x}.parquet/y");
    }

    #[test]
    fn urls_get_the_schemes_of_the_connectors() {
        let shown = |url: &str| remote(url).unwrap().to_string();
        assert_eq!(
            shown("s3://bucket/a/date=2024-10-01/x y.parquet"),
            "s3a://bucket/a/date=2024-10-01/x y.parquet"
        );
        assert_eq!(shown("gs://bucket/a"), "gs://bucket/a");
        assert_eq!(
            shown("abfss://box@account.dfs.core.windows.net/a"),
            "abfss://box@account.dfs.core.windows.net/a"
        );
        let error = remote("https://me:s3cret@host/a.parquet?sig=s3cret").unwrap_err().to_string();
        assert!(error.contains("--engine native") && !error.contains("s3cret"), "{error}");
    }
}
