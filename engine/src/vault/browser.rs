//! The pairs that browsers seal passwords for: a new one every 24 h, the one before accepted for
//! another hour, so that a captured token dies.
//!
//! RUSTSEC-2023-0071 (timing of RSA private operations) does not bite here: only OAEP is used,
//! every operation is blinded, and only signed-in administrators, whose calls are limited, can
//! cause one.

use std::sync::Mutex;
use std::time::Duration;

use domain::jwe::{Algorithm, ContentKey, Jwk, Token};
use domain::{Instant, Label, Refusal, SecretString};
use rand::rngs::OsRng;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::{Oaep, RsaPrivateKey};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Vault;
use crate::store::{Store, keys};

/// NIST SP 800-57: good beyond 2030.
pub const BROWSER_KEY_BITS: usize = 3072;

/// How long a pair is offered.
const OFFERED: Duration = Duration::from_hours(24);
/// How long a pair opens what was sealed for it.
const ACCEPTED: Duration = Duration::from_hours(25);

/// The scope of the rows of `browser_key`, for sealing.
const SCOPE: &str = "browser_key";

const SEAL_IT: &str = "The password must come sealed: a JWE (compact, RSA-OAEP-256, A256GCM) for the key at /api/keys/browser.";
const SEAL_AGAIN: &str = "The password was sealed for a key that is no longer valid, or was damaged on its way. Load the page again, or fetch /api/keys/browser again, and send it once more.";

struct Pair {
    kid: String,
    created_at: Instant,
    private: RsaPrivateKey,
}

/// The pairs in use, opened.
#[derive(Default)]
pub struct BrowserKeys {
    pairs: Mutex<Vec<Pair>>,
    /// Only one is made at a time: it costs a second of a core.
    making: tokio::sync::Mutex<()>,
}

fn before(now: Instant, age: Duration) -> Instant {
    Instant(now.0 - i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

impl BrowserKeys {
    /// The public key to seal for. Makes a pair when there is none, or when it is a day old.
    pub async fn public(&self, store: &Store, vault: &Vault, now: Instant) -> Result<Jwk, Refusal> {
        if let Some(jwk) = self.offered(now) {
            return Ok(jwk);
        }
        let _making = self.making.lock().await;
        self.reload(store, vault, now).await?;
        if let Some(jwk) = self.offered(now) {
            return Ok(jwk);
        }
        let private =
            tokio::task::spawn_blocking(|| RsaPrivateKey::new(&mut OsRng, BROWSER_KEY_BITS))
                .await
                .ok()
                .and_then(Result::ok)
                .ok_or_else(Refusal::internal)?;
        self.add(store, vault, now, private).await?;
        self.offered(now).ok_or_else(Refusal::internal)
    }

    /// Takes a pair into use.
    pub async fn add(
        &self,
        store: &Store,
        vault: &Vault,
        now: Instant,
        private: RsaPrivateKey,
    ) -> Result<(), Refusal> {
        let kid = ulid::Ulid::new().to_string();
        let der = private.to_pkcs8_der().map_err(|_| Refusal::internal())?;
        let row = keys::BrowserKey {
            private_key: vault.seal(SCOPE, &kid, der.as_bytes()),
            kid,
            created_at: now,
        };
        let mut work = store.begin().await?;
        keys::add_browser(&mut work, &row, before(now, ACCEPTED)).await?;
        work.commit()
            .await
            .map_err(crate::store::StoreError::from)?;
        self.reload(store, vault, now).await
    }

    /// Opens a password that was sealed in a browser. A refusal stands under `smtp_password`.
    pub async fn open(
        &self,
        store: &Store,
        vault: &Vault,
        now: Instant,
        sealed: &str,
    ) -> Result<SecretString, Refusal> {
        let refused = |text| Refusal::field(Label::Password, text);
        let token: Token = sealed.parse().map_err(|_| refused(SEAL_IT))?;
        if token.header.alg != Algorithm::RsaOaep256 {
            return Err(refused(SEAL_IT));
        }
        let private = match self.private(&token.header.kid, now) {
            Some(private) => private,
            None => {
                // Another node may have made it.
                self.reload(store, vault, now).await?;
                self.private(&token.header.kid, now)
                    .ok_or_else(|| refused(SEAL_AGAIN))?
            }
        };
        let opened = tokio::task::spawn_blocking(move || {
            let unwrapped = private
                .decrypt_blinded(&mut OsRng, Oaep::new::<Sha256>(), &token.encrypted_key)
                .map(Zeroizing::new)
                .ok()?;
            let content_key: [u8; 32] = unwrapped.as_slice().try_into().ok()?;
            let bytes = token.open(&ContentKey::new(content_key)).ok()?;
            Some(SecretString::new(std::str::from_utf8(&bytes).ok()?))
        });
        opened
            .await
            .ok()
            .flatten()
            .ok_or_else(|| refused(SEAL_AGAIN))
    }

    async fn reload(&self, store: &Store, vault: &Vault, now: Instant) -> Result<(), Refusal> {
        let rows = keys::browser_since(&mut *store.read().await?, before(now, ACCEPTED)).await?;
        let pairs = rows
            .into_iter()
            .filter_map(|row| {
                // A pair whose at-rest key was lost is simply not used any more.
                let der = vault.open_bytes(SCOPE, &row.kid, &row.private_key).ok()?;
                let private = RsaPrivateKey::from_pkcs8_der(&der).ok()?;
                Some(Pair {
                    kid: row.kid,
                    created_at: row.created_at,
                    private,
                })
            })
            .collect();
        *self.lock() = pairs;
        Ok(())
    }

    fn offered(&self, now: Instant) -> Option<Jwk> {
        let pairs = self.lock();
        let newest = pairs
            .first()
            .filter(|pair| pair.created_at > before(now, OFFERED))?;
        Some(Jwk::new(&newest.kid, &newest.private.to_public_key()))
    }

    fn private(&self, kid: &str, now: Instant) -> Option<RsaPrivateKey> {
        let pairs = self.lock();
        let pair = pairs.iter().find(|pair| pair.kid == kid)?;
        (pair.created_at > before(now, ACCEPTED)).then(|| pair.private.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Pair>> {
        self.pairs
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
