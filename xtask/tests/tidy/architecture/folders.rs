//! Folders of sources: one with more than a dozen files has folders inside, and none has too many.

use crate::files::{self, expect_none};
use std::collections::BTreeMap;

/// The most files of a folder without folders that have sources.
const MOST_WITHOUT_FOLDERS: usize = 12;

/// The most files of any folder, beside those in its folders.
const MOST: usize = 30;

/// A folder that has more files, and may not get any more.
struct Exception {
    folder: &'static str,
    files: usize,
    reason: &'static str,
}

/// An entry that is not needed any more, or has more files than its folder, fails the test.
const EXCEPTIONS: &[Exception] = &[];

/// What a folder contains, without `*_tests.rs`, which belong to the files that they test, and without `mod.rs`,
/// which belongs to the folder.
#[derive(Default)]
struct Folder {
    /// Sources of its own.
    files: usize,
    has_folders: bool,
}

impl Folder {
    /// The most files that it may have.
    fn most(&self) -> usize {
        match self.has_folders {
            true => MOST,
            false => MOST_WITHOUT_FOLDERS,
        }
    }
}

#[test]
fn folders_have_few_files() {
    let all = files::all();
    let sources = all.iter().map(|file| file.path.as_str());
    let found = faults(&folders(sources), EXCEPTIONS);
    let rule = format!(
        "A folder has at most {MOST_WITHOUT_FOLDERS} sources, or {MOST} beside folders inside it"
    );
    expect_none(&rule, found);
}

/// The folders of the sources among these paths.
fn folders<'a>(paths: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, Folder> {
    let mut folders: BTreeMap<&str, Folder> = BTreeMap::new();
    for path in paths {
        let is_source = path.ends_with(".rs") || path.ends_with(".ts");
        let Some((mut folder, _)) = path.rsplit_once('/') else {
            continue;
        };
        if !is_source || path.ends_with("_tests.rs") || path.ends_with("/mod.rs") {
            continue;
        }
        folders.entry(folder).or_default().files += 1;
        while let Some((outer, _)) = folder.rsplit_once('/') {
            folders.entry(outer).or_default().has_folders = true;
            folder = outer;
        }
    }
    folders
}

fn faults(folders: &BTreeMap<&str, Folder>, exceptions: &[Exception]) -> Vec<String> {
    let exception = |folder: &str| exceptions.iter().find(|known| known.folder == folder);
    let mut found = Vec::new();
    for (name, folder) in folders {
        let most = exception(name).map_or(folder.most(), |known| known.files);
        if folder.files > most {
            let inside = match folder.has_folders {
                true => "beside folders inside it",
                false => "and no folder inside it",
            };
            let count = folder.files;
            found.push(format!("{name} has {count} files {inside}: {most} at most"));
        }
    }
    for known in exceptions {
        let folder = folders.get(known.folder);
        let files = folder.map_or(0, |folder| folder.files);
        let is_needed = folder.is_some_and(|folder| files > folder.most());
        if !is_needed {
            found.push(format!("{} needs no exception any more", known.folder));
        } else if files < known.files {
            found.push(format!("{} has only {files} files now", known.folder));
        }
        if known.reason.is_empty() {
            found.push(format!("{} has no reason", known.folder));
        }
    }
    found
}

#[test]
fn full_folders_are_found() {
    let names = |folder: &str, number: usize| -> Vec<String> {
        let names = (0..number).map(|number| format!("{folder}/a{number}.rs"));
        names.collect()
    };
    let found = |paths: &[Vec<String>], exceptions: &[Exception]| {
        let paths = paths.iter().flatten().map(String::as_str);
        faults(&folders(paths), exceptions)
    };
    let exception = |files| Exception {
        folder: "a/src",
        files,
        reason: "a reason",
    };
    let inner = names("a/src/b/c", 1);
    assert_eq!(found(&[names("a/src", 12)], &[]), [""; 0]);
    assert_eq!(
        found(&[names("a/src", 13)], &[]),
        ["a/src has 13 files and no folder inside it: 12 at most"]
    );
    assert_eq!(found(&[names("a/src", 30), inner.clone()], &[]), [""; 0]);
    assert_eq!(
        found(&[names("a/src", 31), inner.clone()], &[]),
        ["a/src has 31 files beside folders inside it: 30 at most"]
    );
    let others = ["a/src/a_tests.rs", "a/src/mod.rs", "a/src/a.md"];
    let tests = others.map(str::to_owned).to_vec();
    assert_eq!(found(&[names("a/src", 12), tests], &[]), [""; 0]);

    let full = [names("a/src", 31), inner.clone()];
    assert_eq!(found(&full, &[exception(31)]), [""; 0]);
    assert_eq!(
        found(&full, &[exception(30)]),
        ["a/src has 31 files beside folders inside it: 30 at most"]
    );
    assert_eq!(
        found(&full, &[exception(32)]),
        ["a/src has only 31 files now"]
    );
    assert_eq!(
        found(&[names("a/src", 30), inner], &[exception(31)]),
        ["a/src needs no exception any more"]
    );
}
