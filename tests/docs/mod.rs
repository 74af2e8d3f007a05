//! The documentation: its links, paths, names and commands are correct.

mod generated;
mod names;
mod page;
mod references;
mod snippets;

use page::{Page, pages};

/// Longest README.
const MAX_README_LINES: usize = 150;

#[test]
fn readme_is_short() {
    let lines = Page::read("README.md").text.lines().count();
    assert!(
        lines <= MAX_README_LINES,
        "README.md has {lines} lines instead of at most {MAX_README_LINES}; move details to docs/"
    );
}

#[test]
fn readme_links_to_every_page() {
    let readme = Page::read("README.md");
    for page in pages().iter().filter(|page| page.name.starts_with("docs/")) {
        let found = readme.links.iter().any(|link| link.split('#').next() == Some(&page.name));
        assert!(found, "README.md does not link to {}", page.name);
    }
}
