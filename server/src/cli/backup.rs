//! The arguments of `backup` and `restore`.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use std::path::PathBuf;

use clap::Args;

/// What a backup is written to.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to write, readable by its owner only; one that exists is not overwritten
    pub file: PathBuf,
    /// A second file, for the keys: with both files every saved password can be read, so keep them apart. One
    /// that exists is replaced where it has no other keys than these [default: the keys are not copied]
    #[arg(long, env = "POSTERN_KEYS", value_name = "FILE")]
    pub keys: Option<PathBuf>,
}

/// What is restored.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A file that `postern backup` wrote
    pub file: PathBuf,
    /// The file of keys that was written with it [default: the key files are copied to the folder keys in
    /// the data folder by hand]
    #[arg(long, env = "POSTERN_KEYS", value_name = "FILE")]
    pub keys: Option<PathBuf>,
}
