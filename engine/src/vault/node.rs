//! A node by its machine and its folder of key files, as the other nodes know it.

use std::path::{PathBuf, absolute};

use crate::store::key_folders::KeyFolder;

/// Where the key files of a process are.
pub struct KeyNode {
    /// The name of the machine.
    pub host: String,
    /// The folder.
    pub folder: PathBuf,
    /// The folder as every process on the machine names it.
    name: String,
}

impl KeyNode {
    /// `host` is the name of the machine.
    pub fn new(host: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        let folder: PathBuf = folder.into();
        let name = absolute(&folder).unwrap_or_else(|_| folder.clone());
        Self {
            host: host.into(),
            name: name.to_string_lossy().into_owned(),
            folder,
        }
    }

    /// The folder with these keys in it.
    pub fn with(&self, kids: impl IntoIterator<Item = String>) -> KeyFolder {
        let mut kids: Vec<String> = kids.into_iter().collect();
        kids.sort();
        KeyFolder {
            host: self.host.clone(),
            folder: self.name.clone(),
            kids,
        }
    }
}
