//! From a URL in the config to the objects behind it.

use anyhow::{Context, Result};
use glob::{MatchOptions, Pattern};
use object_store::ObjectMeta;
use object_store::path::Path;

use super::object::{below, describe, listed};
use super::runtime::wait;
use super::url::ObjectUrl;
use crate::storage::inputs::InputFile;

/// A star stands for part of one folder's name, as it does for local files.
const AS_FOLDERS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Objects behind a URL: one object, all with the right ending below a prefix, or those that match a
/// pattern. Names that start with `.` or `_` below the prefix are passed over.
///
/// # Errors
/// A store that cannot be reached or gives no access, a bucket or an object that is not there.
pub fn list(url: &ObjectUrl, extensions: &[&str]) -> Result<Vec<InputFile>> {
    let url = url.clone();
    let endings: Vec<String> = extensions.iter().map(|e| format!(".{e}")).collect();
    wait(async move {
        if url.is_http() {
            return Ok(vec![describe(url).await?]);
        }
        let key = url.key()?;
        let right = |name: &str| endings.iter().any(|end| name.to_lowercase().ends_with(end));
        if key.as_ref().contains(['*', '?', '[']) {
            return matching(&url, &key, right).await;
        }
        if right(key.as_ref())
            && let Ok(one) = describe(url.clone()).await
        {
            return Ok(vec![one]);
        }
        let found = below(&url).await?;
        if found.is_empty() && !key.as_ref().is_empty() {
            // an object of another ending, or an error that says what is not there
            return Ok(vec![describe(url).await.with_context(|| NOTHING)?]);
        }
        let parts = key.parts().count();
        let seen = |meta: &&ObjectMeta| {
            let hidden = |part: object_store::path::PathPart| part.as_ref().starts_with(['.', '_']);
            right(meta.location.as_ref()) && !meta.location.parts().skip(parts).any(hidden)
        };
        Ok(found
            .iter()
            .filter(seen)
            .map(|meta| listed(url.with_key(&meta.location), meta))
            .collect())
    })
}

const NOTHING: &str = "neither an object nor a prefix of objects";

/// The objects that match, and those with the right ending in folders that match.
async fn matching(
    url: &ObjectUrl,
    key: &Path,
    right: impl Fn(&str) -> bool,
) -> Result<Vec<InputFile>> {
    let pattern =
        Pattern::new(key.as_ref()).with_context(|| format!("{url} is not a valid glob"))?;
    let plain = |part: &object_store::path::PathPart| !part.as_ref().contains(['*', '?', '[']);
    let prefix: Path = key.parts().take_while(plain).collect();
    let fits = |meta: &&ObjectMeta| {
        let name = meta.location.as_ref();
        let folders = name.match_indices('/').map(|(at, _)| &name[..at]);
        pattern.matches_with(name, AS_FOLDERS)
            || right(name) && folders.into_iter().any(|f| pattern.matches_with(f, AS_FOLDERS))
    };
    let found = below(&url.with_key(&prefix)).await?;
    Ok(found.iter().filter(fits).map(|meta| listed(url.with_key(&meta.location), meta)).collect())
}
