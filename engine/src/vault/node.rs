//! A node by its machine and its folder of key files, as the other nodes know it.

use std::path::PathBuf;

use crate::store::key_folders::KeyFolder;

/// Where the key files of a process are.
pub struct KeyNode {
    /// The name of the machine.
    pub host: String,
    /// The folder.
    pub folder: PathBuf,
}

impl KeyNode {
    /// `host` is the name of the machine.
    pub fn new(host: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        Self {
            host: host.into(),
            folder: folder.into(),
        }
    }

    /// The folder with these keys in it.
    pub fn with(&self, kids: impl IntoIterator<Item = String>) -> KeyFolder {
        let mut kids: Vec<String> = kids.into_iter().collect();
        kids.sort();
        KeyFolder {
            host: self.host.clone(),
            folder: self.folder.to_string_lossy().into_owned(),
            kids,
        }
    }
}
