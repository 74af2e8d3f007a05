//! The imports of every source file, resolved to the modules that define what is imported.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Item, ItemMod, ItemUse, Macro, UseTree, Visibility};

/// Segments of a module path below `crate`.
pub type Module = Vec<String>;

/// One use of something that another module defines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub from: Module,
    pub to: Module,
    /// The path as it is resolved, for messages.
    path: Module,
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {} uses {}", self.from.join("::"), self.path.join("::"))
    }
}

/// The imports between all modules of the library.
pub struct Imports {
    modules: BTreeSet<Module>,
    imports: BTreeSet<Import>,
}

/// What one file says, with absolute paths.
struct SourceFile {
    module: Module,
    /// Paths that are used.
    used: Vec<Module>,
    /// Names that the module exports again, and where they come from. A glob is named `*`.
    exported: Vec<(String, Module)>,
}

impl Imports {
    /// Reads every file below `src`, except `main.rs` and `lib.rs`, which join the rooms.
    pub fn read(src: &Path) -> Self {
        let mut sources = Vec::new();
        read_folder(src, &mut Vec::new(), &mut sources);
        let modules: BTreeSet<Module> = sources.iter().map(|(module, _)| module.clone()).collect();
        let files: Vec<SourceFile> =
            sources.iter().map(|(module, text)| parse(module, text, &modules)).collect();
        let exports: BTreeMap<(Module, String), Module> = files
            .iter()
            .flat_map(|file| {
                file.exported
                    .iter()
                    .map(|(name, path)| ((file.module.clone(), name.clone()), path.clone()))
            })
            .collect();
        let mut imports = BTreeSet::new();
        for file in &files {
            for path in &file.used {
                let path = resolve(path, &modules, &exports);
                let Some(to) = defining_module(&path, &modules) else { continue };
                if to != file.module {
                    imports.insert(Import { from: file.module.clone(), to, path });
                }
            }
        }
        Imports { modules, imports }
    }

    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.modules.iter()
    }

    pub fn all(&self) -> impl Iterator<Item = &Import> {
        self.imports.iter()
    }
}

fn read_folder(folder: &Path, module: &mut Module, sources: &mut Vec<(Module, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            module.push(name);
            read_folder(&path, module, sources);
            module.pop();
        } else if path.extension().is_some_and(|e| e == "rs") {
            if module.is_empty() && (name == "main" || name == "lib") {
                continue;
            }
            let mut of_file = module.clone();
            if name != "mod" {
                of_file.push(name);
            }
            sources.push((of_file, fs::read_to_string(&path).unwrap()));
        }
    }
}

fn parse(module: &Module, text: &str, modules: &BTreeSet<Module>) -> SourceFile {
    let syntax = syn::parse_file(text).unwrap_or_else(|e| panic!("{}: {e}", module.join("::")));
    let mut visitor = Visitor {
        modules,
        inner: module.clone(),
        file: SourceFile { module: module.clone(), used: Vec::new(), exported: Vec::new() },
    };
    visitor.visit_file(&syntax);
    visitor.file
}

struct Visitor<'a> {
    modules: &'a BTreeSet<Module>,
    /// The module around the current item: that of the file, or one inside the file.
    inner: Module,
    file: SourceFile,
}

impl Visitor<'_> {
    /// The absolute path, or `None` for a path into another crate or to a local name.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let mut absolute = match path[0].as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" | "super" => self.inner.clone(),
            child => {
                let mut absolute = self.inner.clone();
                absolute.push(child.to_owned());
                return self.modules.contains(&absolute).then(|| {
                    absolute.extend_from_slice(&path[1..]);
                    absolute
                });
            }
        };
        let mut rest = path;
        while let Some(first) = rest.first().filter(|s| *s == "self" || *s == "super") {
            if first == "super" {
                absolute.pop();
            }
            rest = &rest[1..];
        }
        absolute.extend_from_slice(rest);
        Some(absolute)
    }

    fn add(&mut self, path: &[String]) {
        if let Some(absolute) = self.absolute(path) {
            self.file.used.push(absolute);
        }
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() {
            self.inner.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.inner.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut leaves = Vec::new();
        collect(&item.tree, &mut Vec::new(), &mut leaves);
        let exports = !matches!(item.vis, Visibility::Inherited) && self.inner == self.file.module;
        for (path, name) in leaves {
            if !exports {
                self.add(&path);
            } else if let Some(absolute) = self.absolute(&path) {
                self.file.exported.push((name, absolute));
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if segments.len() > 1 {
            self.add(&segments);
        }
        visit::visit_path(self, path);
    }

    /// Arguments of a macro are tokens and not paths yet.
    fn visit_macro(&mut self, item: &'ast Macro) {
        let text = item.tokens.to_string();
        let words: Vec<&str> = text.split_whitespace().collect();
        for start in (0..words.len()).filter(|i| words[*i] == "crate") {
            let mut path = vec!["crate".to_owned()];
            let mut at = start + 1;
            while words.get(at) == Some(&"::") && words.get(at + 1).is_some() {
                path.push(words[at + 1].to_owned());
                at += 2;
            }
            self.add(&path);
        }
        visit::visit_macro(self, item);
    }

    fn visit_item(&mut self, item: &'ast Item) {
        visit::visit_item(self, item);
    }
}

/// The leaves of a use tree: the path, and the name under which it is known.
fn collect(tree: &UseTree, path: &mut Module, leaves: &mut Vec<(Module, String)>) {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            collect(&part.tree, path, leaves);
            path.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            leaves.push((path.clone(), path.last().cloned().unwrap_or_default()));
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            leaves.push(([path.as_slice(), std::slice::from_ref(&name)].concat(), name));
        }
        UseTree::Rename(rename) => {
            let ident = rename.ident.to_string();
            leaves.push(([path.as_slice(), &[ident]].concat(), rename.rename.to_string()));
        }
        UseTree::Glob(_) => leaves.push((path.clone(), "*".to_owned())),
        UseTree::Group(group) => {
            group.items.iter().for_each(|item| collect(item, path, leaves));
        }
    }
}

/// Follows names that modules export again to where they are defined.
fn resolve(
    path: &[String],
    modules: &BTreeSet<Module>,
    exports: &BTreeMap<(Module, String), Module>,
) -> Module {
    let mut path = path.to_vec();
    // a chain of exports is short; the bound ends a circle of them
    for _ in 0..16 {
        let Some(module) = defining_module(&path, modules) else { break };
        let Some(name) = path.get(module.len()).cloned() else { break };
        let Some(target) = exports.get(&(module.clone(), name)) else { break };
        path = [target.as_slice(), &path[module.len() + 1..]].concat();
    }
    path
}

/// The innermost module that the path goes through.
fn defining_module(path: &[String], modules: &BTreeSet<Module>) -> Option<Module> {
    (1..=path.len()).rev().map(|n| path[..n].to_vec()).find(|module| modules.contains(module))
}
