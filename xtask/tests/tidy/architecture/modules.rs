//! Which source files of a crate use which others, by their `use` declarations and paths.
//!
//! A name that a module re-exports counts as a use of the file that defines it, and re-exports of a
//! module do not count as uses by it. Tests at the end of a file and in `*_tests.rs` do not count.

use crate::files::{self, File};
use std::collections::{BTreeMap, BTreeSet};

/// A module path from the root of the crate, as in `["smtp", "session"]`.
type Path = Vec<String>;

/// The modules of one crate that have a file.
pub struct Modules {
    by_path: BTreeMap<Path, Module>,
}

struct Module {
    file: String,
    /// Paths that it uses, from the root of the crate.
    uses: Vec<Path>,
    /// Re-exported paths with the name under which they are known here; `*` for all names.
    exports: Vec<(String, Path)>,
    code: String,
}

impl Modules {
    /// Reads the crate whose sources are in `folder`, as in `engine/src/`.
    pub fn read(folder: &str) -> Self {
        let all = files::all();
        let sources = all.iter().filter(|file| file.path.starts_with(folder));
        let sources =
            sources.filter(|file| file.ends_with(&[".rs"]) && !file.ends_with(&["_tests.rs"]));
        let by_path = sources.map(|file| {
            let path = module_path(&file.path[folder.len()..]);
            (path.clone(), Module::read(file, &path))
        });
        Self {
            by_path: by_path.collect(),
        }
    }

    /// For each file the files it uses.
    pub fn uses(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for module in self.by_path.values() {
            let used = uses.entry(&module.file).or_default();
            for path in &module.uses {
                used.extend(self.file_of(path, 0).filter(|file| *file != module.file));
            }
        }
        uses
    }

    /// The file that defines what a path names.
    fn file_of(&self, path: &[String], depth: usize) -> Option<&str> {
        let length = (0..=path.len())
            .rev()
            .find(|at| self.by_path.contains_key(&path[..*at]))?;
        let module = &self.by_path[&path[..length]];
        let Some(name) = path.get(length).filter(|_| depth < 8) else {
            // The crate's root is a facade: its own modules do not depend on it.
            return (length > 0).then_some(&module.file);
        };
        for (known, target) in &module.exports {
            let mut target = target.clone();
            if known == "*" {
                target.push(name.clone());
                let inner = self.by_path.get(&target[..target.len() - 1]);
                if !inner.is_some_and(|inner| inner.defines(name)) {
                    continue;
                }
            } else if known != name {
                continue;
            }
            target.extend_from_slice(&path[length + 1..]);
            return self.file_of(&target, depth + 1);
        }
        Some(&module.file)
    }
}

impl Module {
    fn read(file: &File, path: &[String]) -> Self {
        let code = code(&file.text);
        let mut module = Self {
            file: file.path.clone(),
            uses: Vec::new(),
            exports: Vec::new(),
            code: String::new(),
        };
        let mut rest = String::new();
        let children = children(&code);
        for item in code.split_inclusive(';') {
            let Some((before, tree)) = use_declaration(item) else {
                rest.push_str(item);
                continue;
            };
            rest.push_str(before);
            let is_public =
                before.trim_end().ends_with("pub") || before.trim_end().ends_with("pub(crate)");
            for (used, name) in expand(tree) {
                let Some(used) = absolute(&used, path, &children) else {
                    continue;
                };
                if is_public {
                    module.exports.push((name, used));
                } else {
                    module.uses.push(used);
                }
            }
        }
        module
            .uses
            .extend(paths(&rest).filter_map(|used| absolute(&used, path, &children)));
        module.code = rest;
        module
    }

    fn defines(&self, name: &str) -> bool {
        let words: Vec<&str> = words(&self.code).collect();
        let kinds = [
            "struct",
            "enum",
            "trait",
            "type",
            "fn",
            "const",
            "static",
            "macro_rules",
        ];
        words
            .windows(2)
            .any(|pair| kinds.contains(&pair[0]) && pair[1] == name)
    }
}

/// The path of a module by its file within `src/`.
fn module_path(file: &str) -> Path {
    let stem = file.trim_end_matches(".rs").trim_end_matches("/mod");
    match stem {
        "lib" | "main" | "mod" => Vec::new(),
        stem => stem.split('/').map(str::to_owned).collect(),
    }
}

/// Without comments, strings, the declarations of tests in other files and the tests at the end.
fn code(text: &str) -> String {
    let mut pieces = text.split("#[cfg(test)]\nmod ");
    let mut without_tests = pieces.next().unwrap_or_default().to_owned();
    // A declaration ends its line, a module with the tests themselves opens a block.
    for rest in pieces.map_while(|piece| {
        let (declared, rest) = piece.split_once('\n')?;
        declared.ends_with(';').then_some(rest)
    }) {
        without_tests.push_str(rest);
    }
    let lines = without_tests.lines().map(|line| match line.find("//") {
        Some(at) if !line[..at].contains('"') => &line[..at],
        _ => line,
    });
    let mut code = String::new();
    for line in lines {
        for (at, part) in line.split('"').enumerate() {
            if at % 2 == 0 {
                code.push_str(part);
            }
        }
        code.push('\n');
    }
    code
}

/// The modules that are declared in a file.
fn children(code: &str) -> BTreeSet<String> {
    let words: Vec<&str> = words(code).collect();
    let declared = words.windows(2).filter(|pair| pair[0] == "mod");
    declared.map(|pair| pair[1].to_owned()).collect()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// What stands before the last `use` of an item, and the tree after it.
fn use_declaration(item: &str) -> Option<(&str, &str)> {
    let at = item.rfind("use ")?;
    let (before, tree) = (&item[..at], &item[at + 4..]);
    let begins = before.chars().next_back().is_none_or(char::is_whitespace);
    let is_tree = tree
        .trim_end_matches(';')
        .chars()
        .all(|c| c.is_alphanumeric() || c.is_whitespace() || "_:{},*".contains(c));
    (begins && is_tree && tree.ends_with(';')).then_some((before, tree.trim_end_matches(';')))
}

/// The paths of a use tree, each with the name it introduces.
fn expand(tree: &str) -> Vec<(Path, String)> {
    let tree = tree.trim();
    let Some((prefix, inner)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
        let mut path: Path = path
            .split("::")
            .map(|part| part.trim().to_owned())
            .collect();
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = path.last().cloned().unwrap_or_default();
        if name == "*" {
            path.pop();
        }
        let name = if alias.is_empty() {
            name
        } else {
            alias.trim().to_owned()
        };
        return vec![(path, name)];
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let mut found = Vec::new();
    for part in split_top(inner) {
        found.extend(expand(&format!("{}{}", prefix.trim(), part.trim())));
    }
    found
}

/// Splits at commas outside braces.
fn split_top(inner: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut parts) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[begin..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// All `a::b` in code.
fn paths(code: &str) -> impl Iterator<Item = Path> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let found = code
        .split(move |c: char| !is_part(c))
        .filter(|path| path.contains("::"));
    found.map(|path| {
        let parts = path.split("::").filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    })
}

/// A path from the root of the crate; `None` for one into another crate.
fn absolute(path: &[String], module: &[String], children: &BTreeSet<String>) -> Option<Path> {
    let mut base = module.to_vec();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &path[1..];
        }
        "self" => rest = &path[1..],
        "super" => {
            while rest.first().is_some_and(|part| part == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        first if children.contains(first) => {}
        _ => return None,
    }
    base.extend_from_slice(rest);
    Some(base)
}

#[test]
fn use_trees_are_expanded() {
    let found = expand("crate::a::{self, b::{C, D as E}, f::*}");
    let found: Vec<String> = found
        .iter()
        .map(|(path, name)| format!("{} {name}", path.join("::")))
        .collect();
    assert_eq!(
        found,
        [
            "crate::a a",
            "crate::a::b::C C",
            "crate::a::b::D E",
            "crate::a::f *"
        ]
    );
}

#[test]
fn paths_are_made_absolute() {
    let module = ["a".to_owned(), "b".to_owned()];
    let children = BTreeSet::from(["c".to_owned()]);
    let made = |path: &str| {
        let path: Path = path.split("::").map(str::to_owned).collect();
        absolute(&path, &module, &children).map(|path| path.join("::"))
    };
    assert_eq!(made("crate::x::Y").as_deref(), Some("x::Y"));
    assert_eq!(made("super::Y").as_deref(), Some("a::Y"));
    assert_eq!(made("super::super::Y").as_deref(), Some("Y"));
    assert_eq!(made("c::Y").as_deref(), Some("a::b::c::Y"));
    assert_eq!(made("std::Y"), None);
}
