//! The rooms of `src` and the direction of the imports between them.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use imports::{Import, Imports};

/// The rooms from bottom to top: a file may import from its own room and from rooms further up in
/// this list. `docs/architecture.md` explains what each room holds.
const ROOMS: [&str; 22] = [
    "domain",
    "errors",
    "publication",
    "runtime",
    "checks",
    "movement",
    "config",
    "progress",
    "storage",
    "formats",
    "events",
    "cell_plan",
    "datasets",
    "run_history",
    "spark",
    "views",
    "warehouse",
    "stages",
    "output",
    "server",
    "cli",
    "commands",
];

fn imports() -> Imports {
    Imports::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

fn rank(module: &[String]) -> usize {
    let room = &module[0];
    ROOMS.iter().position(|r| r == room).unwrap_or_else(|| {
        panic!("the room {room} is missing from the list of rooms in tests/architecture/mod.rs")
    })
}

/// A module may use what the module around it defines, as is usual in Rust.
fn is_to_ancestor(import: &Import) -> bool {
    import.from.starts_with(&import.to)
}

#[test]
fn every_room_in_the_list_exists() {
    let found: BTreeSet<String> = imports().modules().map(|m| m[0].clone()).collect();
    let listed: BTreeSet<String> = ROOMS.iter().map(|r| (*r).to_owned()).collect();
    assert_eq!(found, listed);
}

#[test]
fn imports_between_rooms_point_down() {
    let imports = imports();
    let upward: Vec<String> = imports
        .all()
        .filter(|import| rank(&import.to) > rank(&import.from))
        .map(Import::to_string)
        .collect();
    assert!(upward.is_empty(), "imports that point up:\n{}", upward.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let imports = imports();
    let mut edges = Edges::new();
    for import in imports.all().filter(|import| !is_to_ancestor(import)) {
        edges.entry(&import.from).or_default().insert(&import.to);
    }
    let reachable: Edges =
        edges.keys().map(|module| (*module, reachable_from(module, &edges))).collect();
    let inside: Vec<String> = imports
        .all()
        .filter(|import| !is_to_ancestor(import))
        .filter(|i| reachable.get(i.to.as_slice()).is_some_and(|r| r.contains(i.from.as_slice())))
        .map(Import::to_string)
        .collect();
    assert!(inside.is_empty(), "imports that form circles:\n{}", inside.join("\n"));
}

type Edges<'a> = BTreeMap<&'a [String], BTreeSet<&'a [String]>>;

fn reachable_from<'a>(module: &'a [String], edges: &Edges<'a>) -> BTreeSet<&'a [String]> {
    let mut seen = BTreeSet::new();
    let mut open = vec![module];
    while let Some(module) = open.pop() {
        for next in edges.get(module).into_iter().flatten() {
            if seen.insert(*next) {
                open.push(next);
            }
        }
    }
    seen
}
