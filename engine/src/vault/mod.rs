//! Where secrets are sealed and opened. No code outside this room sees a key.

mod browser;
mod files;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use domain::jwe::{self, Algorithm, ContentKey, Header, Token};
use domain::{SecretString, Timestamp};
use rand::rngs::OsRng;

pub use browser::{BROWSER_KEY_BITS, BrowserKeys};

use crate::store::{Store, StoreError, commit, keys};

/// Why the vault does not open: a person at the command line reads it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("{0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
    #[error("{0} can be read by others; make it private with: chmod 600 {0}")]
    Exposed(PathBuf),
    #[error("{0} is not a key file")]
    NotAKey(PathBuf),
    #[error(
        "the database is sealed with a key that is not in {folder} ({kid}.key); copy it there, or \
         start with --accept-lost-keys and enter the passwords again"
    )]
    Lost { folder: PathBuf, kid: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A sealed value that does not open: its key is lost, or it was changed or moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotOpen;

/// The at-rest keys.
pub struct Vault {
    keys: HashMap<String, ContentKey>,
    /// The key that seals; the others only open.
    sealing: String,
}

impl Vault {
    /// Opens the keys in `folder`, makes the first one, and checks that none the database counts
    /// on is missing.
    pub async fn open(
        folder: &Path,
        store: &Store,
        now: Timestamp,
        accept_lost_keys: bool,
    ) -> Result<Self, VaultError> {
        // Of nodes that start on a new database at once, one makes the key; the others find it in
        // the folder where they share that too.
        let mut work = store.begin_on_sealing_keys().await?;
        let mut keys = files::read(folder)?;
        let mut in_use = keys::sealing(&mut work).await?;
        if let Some(kid) = in_use.iter().find(|kid| !keys.contains_key(*kid)) {
            if !accept_lost_keys {
                return Err(VaultError::Lost {
                    folder: folder.to_owned(),
                    kid: kid.clone(),
                });
            }
            for kid in in_use.extract_if(.., |kid| !keys.contains_key(kid)) {
                tracing::warn!(
                    kid,
                    "a lost key is given up; what it sealed must be entered again"
                );
                keys::remove_sealing(&mut work, &kid).await?;
            }
        }
        let sealing = match in_use.into_iter().next() {
            Some(kid) => kid,
            None => {
                let (kid, key) = files::create(folder)?;
                keys::add_sealing(&mut work, &kid, now).await?;
                keys.insert(kid.clone(), key);
                kid
            }
        };
        commit(work).await?;
        Ok(Self { keys, sealing })
    }

    /// Seals a value for the row `scope`, `label`.
    pub fn seal(&self, scope: &str, label: &str, value: &[u8]) -> String {
        let header = Header::direct(&self.sealing, scope, label);
        jwe::seal(&header, &[], &self.keys[&self.sealing], value, &mut OsRng)
            .expect("AES-GCM seals anything under 64 GiB")
    }

    /// Opens a value that was sealed for this very row.
    pub fn open_value(
        &self,
        scope: &str,
        label: &str,
        sealed: &str,
    ) -> Result<SecretString, CannotOpen> {
        let bytes = self.open_bytes(scope, label, sealed)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| CannotOpen)?;
        Ok(SecretString::new(text))
    }

    fn open_bytes(
        &self,
        scope: &str,
        label: &str,
        sealed: &str,
    ) -> Result<impl std::ops::Deref<Target = Vec<u8>> + use<>, CannotOpen> {
        let token: Token = sealed.parse().map_err(|_| CannotOpen)?;
        let header = &token.header;
        let belongs = header.alg == Algorithm::Direct
            && header.scope.as_deref() == Some(scope)
            && header.label.as_deref() == Some(label)
            && token.encrypted_key.is_empty();
        let key = self
            .keys
            .get(&header.kid)
            .filter(|_| belongs)
            .ok_or(CannotOpen)?;
        token.open(key).map_err(|_| CannotOpen)
    }
}
