//! A node by its machine and its folder of key files, as the other nodes know it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf, absolute};

use crate::store::keys::folders::{IDENTITY, KeyFolder};

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
        let mut name = name.to_string_lossy().into_owned();
        if let Some(identity) = identity(&folder) {
            name.push_str(IDENTITY);
            name.push_str(&identity);
        }
        Self {
            host: host.into(),
            name,
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

/// Device and inode of the data folder, which differ between containers with volumes of their own. The folder of the
/// keys in it may be made anew.
fn identity(folder: &Path) -> Option<String> {
    let metadata = fs::metadata(folder.parent()?).ok()?;
    Some(format!("{}:{}", metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As containers have them.
    #[test]
    fn folders_with_the_same_path_are_told_apart() {
        let parent = tempfile::tempdir().expect("a folder");
        let [data, other] = ["data", "other"].map(|name| parent.path().join(name));
        fs::create_dir(&data).expect("a folder");
        let node = || KeyNode::new("gate", data.join("keys")).with([]);
        let first = node();
        fs::create_dir(data.join("keys")).expect("a folder");
        assert!(node().is_at(&first), "after a restart");
        // Both are there, so that they differ.
        fs::rename(&data, &other).expect("renamed");
        fs::create_dir(&data).expect("a folder");
        let second = node();
        assert!(!second.is_at(&first), "{second:?}");
        let name = format!("gate:{}", data.join("keys").display());
        assert_eq!(
            [first.to_string(), second.to_string()],
            [name.clone(), name]
        );
    }

    #[test]
    fn a_folder_without_an_identity_has_its_path() {
        let node = KeyNode::new("gate", "/no/such/folder/keys");
        assert_eq!(node.with([]).to_string(), "gate:/no/such/folder/keys");
    }
}
