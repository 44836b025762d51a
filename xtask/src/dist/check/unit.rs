//! The settings of the installed units.

use super::root::DebianRoot;
use anyhow::{Context, Result};
use std::fs;

/// The service.
pub const SERVICE: &str = "postern.service";

const FOLDER: &str = "/usr/lib/systemd/system";

/// The names of the units of the package.
pub fn names(root: &DebianRoot) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.path(FOLDER))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("postern") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The settings of a unit, in the order of its file.
pub struct Unit {
    name: String,
    settings: Vec<(String, String)>,
}

impl Unit {
    pub fn read(root: &DebianRoot, name: &str) -> Result<Self> {
        let path = format!("{FOLDER}/{name}");
        let text = fs::read_to_string(root.path(&path));
        let text = text.with_context(|| format!("cannot read {path}"))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let settings = lines.filter_map(|line| line.split_once('='));
        Ok(Self {
            name: name.to_owned(),
            settings: settings
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    /// The values of a setting that may be repeated.
    pub fn values<'u>(&'u self, key: &str) -> impl Iterator<Item = &'u str> {
        let found = self.settings.iter().filter(move |(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }

    pub fn value(&self, key: &str) -> Result<&str> {
        let value = self.values(key).next();
        value.with_context(|| format!("{} has no {key}", self.name))
    }
}
