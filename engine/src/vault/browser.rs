//! Browser keys: RSA key pairs that browsers seal passwords for, rotated every 24 h.
//!
//! A pair decrypts for one hour more after the next one was made, so that a captured token expires and a
//! page that was loaded before still saves.
//!
//! RUSTSEC-2023-0071 (timing of RSA private operations) is mitigated: only OAEP is used, every
//! operation is blinded, and only signed-in accounts can cause one, a few a minute.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use domain::crypto::jwe::{Algorithm, ContentKey, Jwk, Token, seal_for};
use domain::{Label, Refusal, SecretString, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use rand::rngs::OsRng;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::{Oaep, RsaPrivateKey};
use sha2::{Digest, Sha256};
use tokio::sync::OwnedMutexGuard;
use zeroize::Zeroizing;

use super::Vault;
use crate::Clock;
use crate::store::keys::sealed_values::{self, SealedValue};
use crate::store::{Connection, Store, commit, keys};

/// The size of the RSA keys, in bits. NIST SP 800-57 accepts 3072 bits beyond 2030.
pub const BROWSER_KEY_BITS: usize = 3072;

/// How long a pair is published as the one to seal for.
const OFFERED: Duration = Duration::from_hours(24);
/// How long a pair decrypts at most.
const ACCEPTED: Duration = Duration::from_hours(25);
/// How long a pair decrypts after the next one was made.
const GRACE: Duration = Duration::from_hours(1);

/// The scope under which the private keys in table `browser_key` are sealed.
const SCOPE: &str = "browser_key";

const SEAL_IT: &str = "The password must be sealed: a JWE (compact, RSA-OAEP-256, A256GCM) for \
                       the key at /api/keys/browser.";
const SEAL_AGAIN: &str = "The password was sealed for a key that is no longer valid, or was damaged on its way. Load the page again, or fetch /api/keys/browser again, and send it once more.";

/// An RSA key pair.
struct KeyPair {
    kid: String,
    created_at: Timestamp,
    private: RsaPrivateKey,
}

impl KeyPair {
    fn new(private: RsaPrivateKey, created_at: Timestamp) -> Self {
        let kid = ulid::Ulid::new().to_string();
        Self {
            kid,
            created_at,
            private,
        }
    }

    fn is_offered(&self, now: Timestamp) -> bool {
        self.created_at > now - OFFERED
    }
}

/// A generated pair that is not stored yet.
type Made = Option<KeyPair>;

/// A generated pair, to be stored with [`BrowserKeys::write`]. No other pair is generated meanwhile.
pub(crate) struct GeneratedPair(OwnedMutexGuard<Made>);

/// A pair as people see it.
pub(crate) struct PairView {
    pub kid: String,
    pub created_at: Timestamp,
    /// Until when it decrypts.
    pub accepted_until: Timestamp,
}

/// Until when a pair decrypts. `next` is when the pair after it was made.
fn accepted_until(created_at: Timestamp, next: Option<Timestamp>) -> Timestamp {
    let latest = created_at + ACCEPTED;
    next.map_or(latest, |next| latest.min(next + GRACE))
}

/// The keys service: generates, stores and rotates the RSA key pairs that browsers seal passwords
/// for.
pub struct BrowserKeys {
    store: Store,
    clock: Clock,
    vault: Arc<Vault>,
    /// The pairs in use, decrypted, newest first.
    pairs: Mutex<Vec<KeyPair>>,
    /// Locked while a pair is generated, which takes about a second of CPU, so that only one is.
    made: Arc<tokio::sync::Mutex<Made>>,
}

impl BrowserKeys {
    pub(crate) fn new(store: Store, clock: Clock, vault: Arc<Vault>) -> Self {
        Self {
            store,
            clock,
            vault,
            pairs: Mutex::default(),
            made: Arc::default(),
        }
    }

    /// The public key to seal for. Generates a pair if there is none younger than 24 h.
    ///
    /// # Errors
    /// If the key cannot be generated or the database fails.
    pub async fn browser_key(&self) -> Result<Jwk, Refusal> {
        let now = self.clock.now();
        if let Some(jwk) = self.offered(now) {
            return Ok(jwk);
        }
        let made = self.made.clone().lock_owned().await;
        self.reload(now).await?;
        if let Some(jwk) = self.offered(now) {
            return Ok(jwk);
        }
        let made = GeneratedPair(make(made, now).await?);
        let mut work = self.store.begin().await?;
        self.write(&mut work, &made).await?;
        commit(work).await?;
        self.publish(made).await?;
        self.offered(now).ok_or_else(Refusal::internal)
    }

    /// Adds a pair and publishes it.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn add(&self, private: RsaPrivateKey) -> Result<(), Refusal> {
        let mut made = self.made.clone().lock_owned().await;
        *made = Some(KeyPair::new(private, self.clock.now()));
        let made = GeneratedPair(made);
        let mut work = self.store.begin().await?;
        self.write(&mut work, &made).await?;
        commit(work).await?;
        self.publish(made).await
    }

    /// Generates a pair, whatever the age of the published one.
    ///
    /// # Errors
    /// If the key cannot be generated or the database fails.
    pub(crate) async fn make(&self) -> Result<GeneratedPair, Refusal> {
        let made = self.made.clone().lock_owned().await;
        let now = self.clock.now();
        let rows = keys::browser_since(&mut *self.store.read().await?, now).await?;
        // The newest pair is published, also where the clock was set back.
        let newest = rows.first().map(|newest| newest.created_at);
        let at = newest.map_or(now, |at| at + Duration::from_millis(1));
        Ok(GeneratedPair(make(made, at).await?))
    }

    /// Stores a pair in `work`, and removes expired ones.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn write(
        &self,
        work: &mut Connection,
        made: &GeneratedPair,
    ) -> Result<(), Refusal> {
        let now = self.clock.now();
        let pair = made.0.as_ref().ok_or_else(Refusal::internal)?;
        let der = pair.private.to_pkcs8_der();
        let der = der.map_err(|_| Refusal::internal())?;
        let row = keys::BrowserKey {
            private_key: self.vault.seal(SCOPE, &pair.kid, der.as_bytes()),
            kid: pair.kid.clone(),
            created_at: pair.created_at,
        };
        keys::add_browser(work, &row, now - ACCEPTED).await?;
        Ok(sealed_values::forget(work).await?)
    }

    /// Publishes a pair that is stored.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn publish(&self, mut made: GeneratedPair) -> Result<(), Refusal> {
        *made.0 = None;
        self.reload(self.clock.now()).await
    }

    /// Reads the pairs again where another process made one.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn refresh(&self) -> Result<(), Refusal> {
        let now = self.clock.now();
        let rows = keys::browser_since(&mut *self.store.read().await?, now - ACCEPTED).await?;
        let newest = rows.first().map(|row| row.kid.as_str());
        let is_known = self.lock().first().map(|pair| pair.kid.as_str()) == newest;
        match is_known {
            true => Ok(()),
            false => self.reload(now).await,
        }
    }

    /// The pairs that decrypt, newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn list(&self) -> Result<Vec<PairView>, Refusal> {
        let now = self.clock.now();
        let rows = keys::browser_since(&mut *self.store.read().await?, now - ACCEPTED).await?;
        let next = std::iter::once(None).chain(rows.iter().map(|row| Some(row.created_at)));
        let views = rows.iter().zip(next).map(|(row, next)| PairView {
            kid: row.kid.clone(),
            created_at: row.created_at,
            accepted_until: accepted_until(row.created_at, next),
        });
        Ok(views.filter(|view| view.accepted_until > now).collect())
    }

    /// Seals a password that arrived over HTTPS or from this machine, so that it is handled as all
    /// others are.
    ///
    /// # Errors
    /// If the key cannot be generated or the database fails.
    pub async fn seal(&self, password: &SecretString) -> Result<String, Refusal> {
        let jwk = self.browser_key().await?;
        let sealed = seal_for(&jwk, password.expose().as_bytes(), &mut OsRng);
        sealed.map_err(|_| Refusal::internal())
    }

    /// Decrypts a password that was sealed in a browser, and identifies the sealed value.
    ///
    /// # Errors
    /// A fault under `smtp_password` if it is not a JWE for one of the keys in use, or was altered.
    pub(crate) async fn unseal(
        &self,
        sealed: &str,
    ) -> Result<(SecretString, SealedValue), Refusal> {
        let now = self.clock.now();
        let refused = |text| Refusal::field(Label::Password, text);
        let token: Token = sealed.parse().map_err(|_| refused(SEAL_IT))?;
        if token.header.alg != Algorithm::RsaOaep256 {
            return Err(refused(SEAL_IT));
        }
        let private = match self.private(&token.header.kid, now) {
            Some(private) => private,
            None => {
                // Another node may have generated it.
                self.reload(now).await?;
                self.private(&token.header.kid, now)
                    .ok_or_else(|| refused(SEAL_AGAIN))?
            }
        };
        let kid = token.header.kid.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let unwrapped = private
                .decrypt_blinded(&mut OsRng, Oaep::new::<Sha256>(), &token.encrypted_key)
                .map(Zeroizing::new)
                .ok()?;
            let content_key: [u8; 32] = unwrapped.as_slice().try_into().ok()?;
            let digest = BASE64URL.encode(Sha256::digest(content_key));
            let bytes = token.open(&ContentKey::new(content_key)).ok()?;
            let password = SecretString::new(std::str::from_utf8(&bytes).ok()?);
            Some((password, SealedValue { digest, kid }))
        });
        opened
            .await
            .ok()
            .flatten()
            .ok_or_else(|| refused(SEAL_AGAIN))
    }

    /// Loads the pairs that still decrypt.
    async fn reload(&self, now: Timestamp) -> Result<(), Refusal> {
        let rows = keys::browser_since(&mut *self.store.read().await?, now - ACCEPTED).await?;
        let pairs = rows
            .into_iter()
            .filter_map(|row| {
                // A pair whose at-rest key is lost cannot be used any more; a new one replaces it.
                let der = self
                    .vault
                    .unseal_bytes(SCOPE, &row.kid, &row.private_key)
                    .ok()?;
                let private = RsaPrivateKey::from_pkcs8_der(&der).ok()?;
                Some(KeyPair {
                    kid: row.kid,
                    created_at: row.created_at,
                    private,
                })
            })
            .collect();
        *self.lock() = pairs;
        Ok(())
    }

    /// The public key of the newest pair, if it is younger than [`OFFERED`].
    fn offered(&self, now: Timestamp) -> Option<Jwk> {
        let pairs = self.lock();
        let newest = pairs.first().filter(|pair| pair.is_offered(now))?;
        Some(Jwk::new(&newest.kid, &newest.private.to_public_key()))
    }

    /// The private key with this id, if it still decrypts.
    fn private(&self, kid: &str, now: Timestamp) -> Option<RsaPrivateKey> {
        let pairs = self.lock();
        let at = pairs.iter().position(|pair| pair.kid == kid)?;
        // The pairs are newest first.
        let next = at.checked_sub(1).map(|next| pairs[next].created_at);
        let pair = &pairs[at];
        (accepted_until(pair.created_at, next) > now).then(|| pair.private.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<KeyPair>> {
        self.pairs.lock()
    }
}

/// Generates a pair, unless one is left that could not be stored. Generation continues if the
/// caller is dropped, and the lock keeps other callers from generating another meanwhile.
async fn make(
    mut made: OwnedMutexGuard<Made>,
    now: Timestamp,
) -> Result<OwnedMutexGuard<Made>, Refusal> {
    if let Some(pair) = made.as_mut()
        && pair.is_offered(now)
    {
        pair.created_at = now;
        return Ok(made);
    }
    let making = tokio::task::spawn_blocking(move || {
        let private = RsaPrivateKey::new(&mut OsRng, BROWSER_KEY_BITS);
        *made = private.ok().map(|private| KeyPair::new(private, now));
        made
    });
    making.await.map_err(|_| Refusal::internal())
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::super::KeyNode;
    use super::*;

    #[test]
    fn a_pair_decrypts_for_an_hour_after_the_next_one() {
        let hour = |hour: u64| Timestamp(0) + Duration::from_hours(hour);
        for (next, expected) in [
            (None, hour(25)),
            (Some(hour(24)), hour(25)),
            (Some(hour(3)), hour(4)),
            (Some(hour(0)), hour(1)),
        ] {
            assert_eq!(accepted_until(hour(0), next), expected, "{next:?}");
        }
    }

    #[tokio::test]
    async fn a_key_pair_is_generated_once_despite_cancellation_and_failed_storage() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Clock::default().now();
        let store = Store::open(folder.path(), None).await.expect("a database");
        let node = KeyNode::new("gate", folder.path());
        let vault = Vault::open(node, &store, now, false).await;
        let vault = vault.expect("a vault");
        let clock = Clock::default();
        let keys = BrowserKeys::new(store.clone(), clock, Arc::new(vault));

        let turn = keys.made.clone().lock_owned().await;
        // The first poll starts the generation; the future is dropped right after.
        let _ = make(turn, now).now_or_never();
        let kid = async || keys.made.lock().await.as_ref().map(|pair| pair.kid.clone());
        let made = kid().await.expect("made all the same");

        execute(
            &store,
            "CREATE TRIGGER full BEFORE INSERT ON browser_key BEGIN SELECT RAISE(ABORT, ''); END",
        )
        .await;
        for _ in 0..2 {
            assert!(keys.browser_key().await.is_err());
        }
        assert_eq!(kid().await, Some(made.clone()), "kept until it is stored");

        execute(&store, "DROP TRIGGER full").await;
        let public = keys.browser_key().await.expect("stored");
        assert_eq!(public.kid, made);
        assert_eq!(kid().await, None);
    }

    async fn execute(store: &Store, statement: &'static str) {
        let mut work = store.begin().await.expect("begins");
        sqlx::raw_sql(statement)
            .execute(&mut *work)
            .await
            .expect("done");
        commit(work).await.expect("commits");
    }
}
