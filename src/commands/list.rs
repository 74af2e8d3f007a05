//! The lists of views and tables.

use anyhow::Result;

use super::Session;
use crate::views::{Registry, View};

/// Narrower terminals get names and descriptions one below the other.
const MIN_WIDTH_SIDE_BY_SIDE: usize = 90;
/// Widest line of a list of columns where no terminal says how wide it is.
const DEFAULT_WIDTH: u16 = 100;

/// `views --list`: the views that the configuration names.
pub fn configured_views(session: &Session) -> Result<()> {
    let registry = Registry::read((&session.config).into())?;
    let width = name_width(&registry);
    let entries = registry.views().iter().map(|view| names(&registry, view, width));
    super::print(&entries.collect::<String>())
}

/// `query --list`: all views and tables with their columns.
pub fn relations(registry: &Registry, terminal_width: Option<u16>) -> Result<()> {
    let lines = usize::from(terminal_width.unwrap_or(DEFAULT_WIDTH));
    let is_narrow = lines < MIN_WIDTH_SIDE_BY_SIDE;
    let width = if is_narrow { 0 } else { name_width(registry) };
    let columns = |columns: &[&str]| wrapped("columns", columns, width + 2, lines);
    let heads = match registry.is_released() {
        true => ["Released views", "Released tables"],
        false => ["Views", "Tables"],
    };
    let mut text = format!("{}\n\n", heads[0]);
    for view in registry.views() {
        text.push_str(&names(registry, view, width));
        if let Some(schema) = &view.columns {
            let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            text.push_str(&columns(&names));
        }
    }
    text.push_str(&format!("\n{}\n\n", heads[1]));
    for table in registry.tables() {
        let description = table.description().trim_end_matches('.');
        text.push_str(&heading(table.name(), description, width));
        let schema = table.schema();
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        text.push_str(&columns(&names));
    }
    if !registry.is_released() {
        text.push_str(
            "\n`mobility query --sql \"DESCRIBE NAME\"` shows the types of the columns.\n",
        );
    }
    super::print(&text)
}

fn name_width(registry: &Registry) -> usize {
    let views = registry.views().iter().map(|view| view.name.len());
    views.chain(registry.tables().iter().map(|table| table.name().len())).max().unwrap_or(0)
}

/// Query name and title of a view, then its other names. Names are never wrapped, so that they can be
/// copied.
fn names(registry: &Registry, view: &View, width: usize) -> String {
    let mut text = heading(&view.name, &view.title, width);
    let others = std::iter::once(&view.view).chain(&view.aliases);
    others.for_each(|name| text.push_str(&format!("{:width$}  also {name}\n", "")));
    if registry.replaces_builtin(view) {
        let file = view.file.display();
        text.push_str(&format!("{:width$}  replaces the built-in view, from {file}\n", ""));
    }
    if let Some(reason) = &view.single_users {
        text.push_str(&format!("{:width$}  rows of single users: {reason}\n", ""));
    }
    text
}

/// Name and description side by side; one below the other without a width.
fn heading(name: &str, description: &str, width: usize) -> String {
    match width {
        0 => format!("{name}\n  {description}\n"),
        _ => format!("{name:width$}  {description}\n"),
    }
}

/// A word and a list of names, on as many lines as needed; further lines are indented.
fn wrapped(word: &str, names: &[&str], indent: usize, width: usize) -> String {
    let mut text = format!("{:indent$}{word}", "");
    let mut used = indent + word.len();
    for (i, name) in names.iter().enumerate() {
        let comma = if i + 1 < names.len() { "," } else { "" };
        let needed = name.chars().count() + comma.len() + 1;
        if used + needed > width && i > 0 {
            text.push_str(&format!("\n{:1$}", "", indent + word.len()));
            used = indent + word.len();
        }
        text.push_str(&format!(" {name}{comma}"));
        used += needed;
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn list_of_names_is_wrapped_between_names() {
        assert_eq!(wrapped("of", &["aa", "bb", "cc"], 2, 11), "  of aa,\n     bb, cc\n");
        assert_eq!(wrapped("of", &["longer_than_the_line"], 2, 11), "  of longer_than_the_line\n");
    }
}
