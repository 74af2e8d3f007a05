//! From a URL of the configuration to the objects behind it.

use anyhow::{Context, Result};
use glob::{MatchOptions, Pattern};
use object_store::ObjectMeta;
use object_store::path::{Path, PathPart};

use super::object::{head, input_file, list_prefix};
use super::runtime::block_on;
use super::url::ObjectUrl;
use crate::storage::inputs::{InputFile, refuse_tables_of_objects};

/// A star matches within one path segment, as it does for local files.
const WITHIN_SEGMENTS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Lists the objects behind a URL: a single object, all objects below a prefix that have one of the
/// `extensions`, or all that match a glob. Names below the prefix that start with `.` or `_` are
/// skipped.
///
/// # Errors
/// A store that cannot be reached or denies access; a bucket or an object that does not exist.
pub fn list(url: &ObjectUrl, extensions: &[&str]) -> Result<Vec<InputFile>> {
    let url = url.clone();
    let endings: Vec<String> = extensions.iter().map(|e| format!(".{e}")).collect();
    block_on(async move {
        if url.is_http() {
            return Ok(vec![head(url).await?]);
        }
        let key = url.key()?;
        let has_extension =
            |name: &str| endings.iter().any(|end| name.to_lowercase().ends_with(end));
        if key.as_ref().contains(['*', '?', '[']) {
            return list_matches(&url, &key, has_extension).await;
        }
        if has_extension(key.as_ref())
            && let Ok(object) = head(url.clone()).await
        {
            return Ok(vec![object]);
        }
        let found = list_prefix(&url).await?;
        if found.is_empty() && !key.as_ref().is_empty() {
            // an object with another extension, or an error that says what does not exist
            let object = head(url).await;
            return Ok(vec![object.context("neither an object nor a prefix of objects")?]);
        }
        let segments = key.parts().count();
        let is_hidden = |part: PathPart| part.as_ref().starts_with(['.', '_']);
        let objects = found.iter().filter(|meta| {
            has_extension(meta.location.as_ref())
                && !meta.location.parts().skip(segments).any(is_hidden)
        });
        selected(&url, &found, objects)
    })
}

/// The objects that match the glob, and those with an extension in folders that match.
async fn list_matches(
    url: &ObjectUrl,
    key: &Path,
    has_extension: impl Fn(&str) -> bool,
) -> Result<Vec<InputFile>> {
    let pattern =
        Pattern::new(key.as_ref()).with_context(|| format!("{url} is not a valid glob"))?;
    let is_literal = |part: &PathPart| !part.as_ref().contains(['*', '?', '[']);
    let prefix: Path = key.parts().take_while(is_literal).collect();
    let is_match = |meta: &&ObjectMeta| {
        let name = meta.location.as_ref();
        let mut folders = name.match_indices('/').map(|(at, _)| &name[..at]);
        pattern.matches_with(name, WITHIN_SEGMENTS)
            || has_extension(name) && folders.any(|f| pattern.matches_with(f, WITHIN_SEGMENTS))
    };
    let found = list_prefix(&url.with_key(&prefix)).await?;
    selected(url, &found, found.iter().filter(is_match))
}

/// The selected ones of the objects that were listed.
///
/// # Errors
/// An object that belongs to a table format.
fn selected<'a>(
    url: &ObjectUrl,
    listed: &'a [ObjectMeta],
    selected: impl Iterator<Item = &'a ObjectMeta>,
) -> Result<Vec<InputFile>> {
    let selected: Vec<&ObjectMeta> = selected.collect();
    let names: Vec<&str> = selected.iter().map(|meta| meta.location.as_ref()).collect();
    refuse_tables_of_objects(listed.iter().map(|meta| meta.location.as_ref()), &names)?;
    Ok(selected.into_iter().map(|meta| input_file(url.with_key(&meta.location), meta)).collect())
}
