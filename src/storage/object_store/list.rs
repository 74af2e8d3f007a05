//! From a URL of the configuration to the objects behind it.

use anyhow::{Context, Result, bail};
use glob::{MatchOptions, Pattern};
use object_store::ObjectMeta;
use object_store::path::Path;

use super::object::{head, input_file, list_prefix};
use super::runtime::block_on;
use super::url::ObjectUrl;
use crate::storage::inputs::{
    InputFile, Wanted, is_hidden, is_hidden_match, may_hold_data, refuse_tables_of_objects,
};
use crate::storage::location::Location;

/// A star matches within one path segment, as it does for local files.
const WITHIN_SEGMENTS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// What was found behind a URL.
#[derive(Debug, Default)]
pub struct ListedObjects {
    pub files: Vec<InputFile>,
    /// Other objects that may hold data.
    pub passed_over: Vec<Location>,
}

/// Lists the objects behind a URL: a single object, all wanted objects below a prefix, or all that match a
/// glob. Names below the prefix that start with `.` or `_` are skipped.
///
/// # Errors
/// A store that cannot be reached or denies access; a bucket or an object that does not exist.
pub fn list(url: &ObjectUrl, wanted: &Wanted) -> Result<ListedObjects> {
    let url = url.clone();
    let endings: Vec<String> = wanted.extensions.iter().map(|&e| e.to_owned()).collect();
    block_on(async move {
        let endings: Vec<&str> = endings.iter().map(String::as_str).collect();
        let wanted = Wanted { extensions: &endings };
        if url.is_http() {
            return Ok(ListedObjects::one(head(url).await?));
        }
        let key = url.key()?;
        if !key.as_ref().contains('*')
            && wanted.names(key.as_ref().as_ref())
            && let Ok(object) = head(url.clone()).await
        {
            return Ok(ListedObjects::one(object));
        }
        // brackets in the name of a folder are no wildcards, as in local paths
        let is_literal = !url.has_wildcards()
            || !key.as_ref().contains('*') && !list_prefix(&url).await?.is_empty();
        if !is_literal {
            return list_matches(&url, wanted).await;
        }
        let found = list_prefix(&url).await?;
        if found.is_empty() && !key.as_ref().is_empty() {
            // an object with another extension, or an error that says what does not exist
            let object = head(url).await;
            return Ok(ListedObjects::one(
                object.context("neither an object nor a prefix of objects")?,
            ));
        }
        let segments = key.parts().count();
        let is_visible = |meta: &&ObjectMeta| {
            !meta.location.parts().skip(segments).any(|part| is_hidden(part.as_ref().as_ref()))
        };
        let is_wanted = |meta: &&ObjectMeta| wanted.names(name(meta));
        let (objects, others) = found.iter().filter(is_visible).partition(is_wanted);
        selected(&url, &found, objects, others)
    })
}

/// The objects that match the glob, and the wanted ones in folders that match.
async fn list_matches(url: &ObjectUrl, wanted: Wanted<'_>) -> Result<ListedObjects> {
    let glob = url.glob();
    let pattern = Pattern::new(&glob).with_context(|| {
        format!("{url} is not a valid glob; write %5B for a bracket that is part of a name")
    })?;
    let is_literal = |part: &&str| !part.contains(['*', '?', '[']);
    let parts: Vec<&str> = glob.split('/').take_while(is_literal).collect();
    let prefix = Path::parse(parts.join("/"))?;
    let glob = std::path::Path::new(&glob);
    let found = list_prefix(&url.with_key(&prefix)).await?;
    let (mut objects, mut others) = (Vec::new(), Vec::new());
    for meta in &found {
        let text = meta.location.as_ref();
        let mut folders = text.match_indices('/').map(|(at, _)| &text[..at]);
        let is_match = pattern.matches_with(text, WITHIN_SEGMENTS);
        let is_inside = folders.any(|folder| pattern.matches_with(folder, WITHIN_SEGMENTS));
        // consoles of object stores create empty objects in place of folders
        let is_folder = meta.size == 0 && name(meta).extension().is_none();
        if is_folder || !is_match && !is_inside || is_hidden_match(glob, name(meta)) {
            continue;
        }
        match is_match && wanted.is_match(glob, name(meta)) || wanted.names(name(meta)) {
            true => objects.push(meta),
            false => others.push(meta),
        }
    }
    if objects.is_empty() && others.is_empty() && url.reveal().path().contains('[') {
        bail!(
            "{url}: no object matches; brackets enclose a set of characters, so write %5B and %5D for \
             brackets that are part of a name"
        );
    }
    selected(url, &found, objects, others)
}

fn name(meta: &ObjectMeta) -> &std::path::Path {
    std::path::Path::new(meta.location.as_ref())
}

/// The selected ones of the objects that were listed, and the others beside them that may hold data.
///
/// # Errors
/// An object that belongs to a table format.
fn selected(
    url: &ObjectUrl,
    listed: &[ObjectMeta],
    selected: Vec<&ObjectMeta>,
    others: Vec<&ObjectMeta>,
) -> Result<ListedObjects> {
    let names: Vec<&str> = selected.iter().map(|meta| meta.location.as_ref()).collect();
    refuse_tables_of_objects(listed.iter().map(|meta| meta.location.as_ref()), &names)?;
    let files = selected.into_iter().map(|meta| input_file(url.with_key(&meta.location), meta));
    let passed_over = others.into_iter().filter(|meta| meta.size > 0 && may_hold_data(name(meta)));
    let passed_over = passed_over.map(|meta| Location::Remote(url.with_key(&meta.location)));
    Ok(ListedObjects { files: files.collect(), passed_over: passed_over.collect() })
}

impl ListedObjects {
    fn one(file: InputFile) -> Self {
        ListedObjects { files: vec![file], passed_over: Vec::new() }
    }
}

/// The size of an object; `None` if there is none, or if that cannot be found out.
pub fn size(url: &ObjectUrl) -> Option<u64> {
    let url = url.clone();
    block_on(async move { head(url).await }).ok().map(|object| object.bytes)
}
