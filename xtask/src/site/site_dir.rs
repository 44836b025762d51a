//! The folder of built assets, with the manifest from which the server embeds them.

use super::compress;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
};

pub struct SiteDir {
    root: PathBuf,
    manifest: Vec<(String, String)>,
}

impl SiteDir {
    /// Creates the folder, or empties it: the server would embed files of an earlier build.
    pub fn create(root: &Path) -> Result<Self> {
        if root.exists() {
            fs::remove_dir_all(root).with_context(|| format!("cannot empty {}", root.display()))?;
        }
        fs::create_dir_all(root.join("pkg"))?;
        Ok(Self {
            root: root.to_owned(),
            manifest: Vec::new(),
        })
    }

    /// Writes `file` and registers it under `name`.
    pub fn add(&mut self, name: &str, file: &str, content: &[u8]) -> Result<()> {
        let path = format!("pkg/{file}");
        fs::write(self.root.join(&path), content)?;
        self.manifest.push((name.to_owned(), path));
        Ok(())
    }

    /// Writes `name` with a hash of its content before the extension. Returns the file name.
    pub fn add_hashed(&mut self, name: &str, content: &[u8]) -> Result<String> {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "bin"));
        let file = format!("{stem}-{}.{extension}", short_hash(&[content]));
        self.add(name, &file, content)?;
        Ok(file)
    }

    /// Compresses all files and writes the manifest: one `<name> <path>` per line.
    pub fn finish(self) -> Result<()> {
        let mut lines = String::new();
        for (name, path) in self.manifest {
            compress::beside(&self.root.join(&path))?;
            lines.push_str(&format!("{name} {path}\n"));
        }
        fs::write(self.root.join("manifest"), lines)?;
        Ok(())
    }
}

/// The first 64 bits of a SHA-256 as hexadecimal digits.
pub fn short_hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// All files below `root`, sorted.
pub fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).with_context(|| format!("cannot read {}", root.display()))? {
        let path = entry?.path();
        match path.is_dir() {
            true => found.extend(files(&path)?),
            false => found.push(path),
        }
    }
    found.sort();
    Ok(found)
}
