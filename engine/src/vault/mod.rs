//! The vault: seals and unseals secrets at rest. No code outside this module handles a key.

mod browser;
mod error;
mod files;

use std::collections::HashMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use domain::jwe::{self, Algorithm, ContentKey, Header, Token};
use domain::{SecretString, Timestamp};
use rand::rngs::OsRng;
use sha2::{Digest as _, Sha256};

pub use browser::{BROWSER_KEY_BITS, BrowserKeys};
pub use error::VaultError;

use crate::store::{Store, commit, keys};

/// A sealed value cannot be decrypted: its key is lost, or it was altered or moved to another row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsealError;

/// The keys for secrets at rest. Values are JWE in compact serialisation (RFC 7516), bound to their
/// row by scope and label in the header.
pub struct Vault {
    keys: HashMap<String, ContentKey>,
    /// The id of the key that seals; the others only unseal.
    sealing: String,
}

impl Vault {
    /// Reads the keys in `folder`, generates the first one, and checks that every key the database
    /// uses is present.
    ///
    /// With `accept_lost_keys`, missing keys are removed from the database; the values sealed with
    /// them have to be entered again.
    ///
    /// # Errors
    /// [`VaultError::Lost`] if a key is missing, [`VaultError::Damaged`] if its file holds another;
    /// [`VaultError::File`], [`VaultError::Exposed`] and
    /// [`VaultError::NotAKey`] as for reading key files; [`VaultError::Store`] if the database
    /// fails.
    pub async fn open(
        folder: &Path,
        store: &Store,
        now: Timestamp,
        accept_lost_keys: bool,
    ) -> Result<Self, VaultError> {
        // If several nodes start on a new database at once, one generates the key. The others find
        // it in the folder if they share that as well.
        let mut work = store.begin_on_sealing_keys().await?;
        files::remove_unfinished(folder)?;
        let mut keys = files::read(folder)?;
        let mut in_use = keys::sealing(&mut work).await?;
        let mut abandoned = Vec::new();
        for known in &in_use {
            let fault = match keys.get(&known.kid).map(fingerprint) {
                None => VaultError::Lost {
                    folder: folder.to_owned(),
                    kid: known.kid.clone(),
                },
                Some(found) if known.fingerprint.as_ref().is_some_and(|it| *it != found) => {
                    VaultError::Damaged(files::path(folder, &known.kid))
                }
                Some(found) => {
                    if known.fingerprint.is_none() {
                        keys::set_fingerprint(&mut work, &known.kid, &found).await?;
                    }
                    continue;
                }
            };
            if !accept_lost_keys {
                return Err(fault);
            }
            abandoned.push(known.kid.clone());
        }
        for kid in &abandoned {
            tracing::warn!(
                kid,
                "a lost or damaged key is abandoned; the values it sealed must be entered again"
            );
            keys::remove_sealing(&mut work, kid).await?;
            keys.remove(kid);
        }
        in_use.retain(|known| !abandoned.contains(&known.kid));
        let sealing = match in_use.into_iter().next() {
            Some(known) => known.kid,
            None => {
                let (kid, key) = files::create(folder)?;
                keys::add_sealing(&mut work, &kid, now).await?;
                keys::set_fingerprint(&mut work, &kid, &fingerprint(&key)).await?;
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

    /// Unseals a value that was sealed for the row `scope`, `label`.
    ///
    /// # Errors
    /// [`UnsealError`] if the value belongs to another row, was altered, or its key is lost.
    pub fn unseal(
        &self,
        scope: &str,
        label: &str,
        sealed: &str,
    ) -> Result<SecretString, UnsealError> {
        let bytes = self.unseal_bytes(scope, label, sealed)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| UnsealError)?;
        Ok(SecretString::new(text))
    }

    fn unseal_bytes(
        &self,
        scope: &str,
        label: &str,
        sealed: &str,
    ) -> Result<impl std::ops::Deref<Target = Vec<u8>> + use<>, UnsealError> {
        let token: Token = sealed.parse().map_err(|_| UnsealError)?;
        let header = &token.header;
        let belongs = header.alg == Algorithm::Direct
            && header.scope.as_deref() == Some(scope)
            && header.label.as_deref() == Some(label)
            && token.encrypted_key.is_empty();
        let key = self
            .keys
            .get(&header.kid)
            .filter(|_| belongs)
            .ok_or(UnsealError)?;
        token.open(key).map_err(|_| UnsealError)
    }
}

/// A part of the SHA-256 of a key. Of 256 random bits it tells nothing.
fn fingerprint(key: &ContentKey) -> String {
    BASE64URL.encode(&Sha256::digest(key.as_ref())[..12])
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn opened(folder: &Path) -> Vault {
        let store = Store::open(folder, None).await.expect("a database");
        let keys = folder.join("keys");
        let vault = Vault::open(&keys, &store, Timestamp(0), false).await;
        vault.expect("a vault")
    }

    #[tokio::test]
    async fn a_value_opens_for_its_own_row_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = opened(folder.path()).await;
        let sealed = vault.seal("scope", "label", b"secret");
        let unsealed = vault.unseal("scope", "label", &sealed);
        assert_eq!(unsealed.expect("its own").expose(), "secret");
        assert!(vault.unseal("scope", "other", &sealed).is_err());
        assert!(vault.unseal("other", "label", &sealed).is_err());

        // RFC 7518 section 4.5: with `dir` the encrypted key is empty.
        let with_key = sealed.replacen("..", ".AAAA.", 1);
        assert_ne!(with_key, sealed);
        assert!(vault.unseal("scope", "label", &with_key).is_err());

        let other = tempfile::tempdir().expect("a folder");
        let stranger = opened(other.path()).await;
        assert!(stranger.unseal("scope", "label", &sealed).is_err());
    }

    #[tokio::test]
    async fn key_files_left_half_written_are_removed_at_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let sealed = opened(folder.path())
            .await
            .seal("scope", "label", b"secret");
        let keys = folder.path().join("keys");
        let left = keys.join("01JD.unfinished");
        std::fs::write(&left, "half a k").expect("written");

        let vault = opened(folder.path()).await;
        assert!(!left.exists());
        assert!(vault.unseal("scope", "label", &sealed).is_ok());
        assert_eq!(std::fs::read_dir(&keys).expect("a folder").count(), 1);
    }
}
