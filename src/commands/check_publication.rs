//! `mobility check --publication`: what is known about the numbers of each view.

use std::fmt::Write;

use crate::views::publication::{RowsOf, total_text};
use crate::views::{Registry, View, classify};

/// For each view what it counts, its keys and its links, or why it cannot be published and what to write in
/// its header.
pub fn text(registry: &Registry) -> String {
    let mut text = String::new();
    for view in registry.views() {
        let _ = writeln!(text, "\n{}", view.name);
        for line in lines(view, registry) {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn lines(view: &View, registry: &Registry) -> Vec<String> {
    let publication = match classify(view, registry) {
        Ok(publication) => publication,
        Err(error) => return vec![format!("cannot be published: {error}")],
    };
    let counts = publication.counts.iter().flatten().map(ToString::to_string).collect::<Vec<_>>();
    let mut lines = vec![match counts.is_empty() {
        true => "counts no devices".to_owned(),
        false => format!("counts {}", counts.join(", ")),
    }];
    if let Some(keys) = &publication.keys {
        let rows = match keys.rows {
            RowsOf::EveryKey => "every key has a row",
            RowsOf::AnyNumber => "rows exist where any number is shown",
            RowsOf::Devices => "rows exist only where there are devices",
        };
        lines.push(format!("keys {}; {rows}", keys.columns.join(", ")));
    }
    lines.extend(publication.totals.iter().map(|total| format!("total {}", total_text(total))));
    lines.extend(publication.needs.iter().map(|need| format!("needs {need}")));
    let links = publication.sums.iter().chain(&publication.linked).chain(&publication.follows);
    lines.extend(links.map(ToString::to_string));
    lines.extend(publication.largest.iter().map(|link| format!("largest {link}")));
    lines
}
