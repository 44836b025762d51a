//! The text files of the repository: tracked ones, and untracked ones that are not ignored.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

pub struct File {
    /// Relative to the root of the repository.
    pub path: String,
    pub text: String,
}

impl File {
    pub fn ends_with(&self, endings: &[&str]) -> bool {
        endings.iter().any(|ending| self.path.ends_with(ending))
    }
}

pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask is in the workspace").to_owned()
}

/// Every file that is text.
pub fn all() -> Vec<File> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(listed.status.success(), "git cannot list the files");
    String::from_utf8_lossy(&listed.stdout)
        .split_terminator('\0')
        .filter_map(|path| {
            // Skips images, fonts and deleted files.
            let text = fs::read_to_string(root().join(path)).ok()?;
            Some(File {
                path: path.to_owned(),
                text,
            })
        })
        .collect()
}

/// Fails with all violations, not only the first.
pub fn expect_none(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}:\n  {}\n", found.join("\n  "));
}
