//! Errors of opening the vault.

use std::path::PathBuf;

use crate::store::StoreError;

/// The vault cannot be opened. The texts are displayed at the command line.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file or folder cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
    /// Other users can read a key file.
    #[error("{0} can be read by others; make it private with: chmod 600 {0}")]
    Exposed(PathBuf),
    /// The folder or a key file is a link.
    #[error("{0} is a link, which postern does not follow; replace it with what it leads to")]
    Link(PathBuf),
    /// A key file does not hold 256 bits in base64url.
    #[error("{0} is not a key file")]
    NotAKey(PathBuf),
    /// A key file holds another key than the one that the other nodes seal with.
    #[error(
        "{0} is damaged: it does not hold the key that the other nodes on the database seal with; copy \
         it from one of them, or start with --accept-lost-keys and enter the passwords again"
    )]
    Damaged(PathBuf),
    /// The other nodes on the database seal with a key that is not in the folder.
    #[error(
        "the other nodes on the database seal with a key that is not in {folder} ({kid}.key); copy it \
         there, or start with --accept-lost-keys and enter the passwords again"
    )]
    Lost {
        /// Where the key files are.
        folder: PathBuf,
        /// The id of the key.
        kid: String,
    },
    /// A file does not hold copies of keys, or not all that were written to it.
    #[error("{0} is not a whole file of keys, as `postern backup --keys` writes it")]
    NotCopies(PathBuf),
    /// A key file holds another key than the copy of the same name.
    #[error("{0} holds another key than the copy; remove it, or use another data folder")]
    Differs(PathBuf),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
