//! Device cookies: the accounts that signed in with a browser, with their passwords and times.
//!
//! Guesses elsewhere do not keep such a browser out. The cookie is sealed, so that no client can forge
//! one, and it begins no session.

use std::time::Duration;

use base64::Engine as _;
use domain::{Refusal, Timestamp};
use sha2::{Digest, Sha256};

use crate::Origin;
use crate::accounts::{Accounts, BASE64URL, Login};

/// How long a browser is known after a sign-in.
pub const DEVICE_LIFETIME: Duration = Duration::from_hours(90 * 24);

/// The scope and the label that device cookies are sealed for.
const SCOPE: &str = "device";
const LABEL: &str = "accounts";

/// The maximum number of accounts in a cookie.
const MAX_ACCOUNTS: usize = 5;

/// What a cookie holds of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SignIn {
    /// 96 bits of the SHA-256 of the account and the hash of its password, which has a salt: a new
    /// password ends it.
    digest: String,
    at: Timestamp,
}

impl SignIn {
    fn new(login: &Login, at: Timestamp) -> Self {
        let mut hash = Sha256::new();
        hash.update(&login.account.id);
        hash.update([0]);
        hash.update(&login.password_hash);
        Self {
            digest: BASE64URL.encode(&hash.finalize()[..12]),
            at,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (digest, at) = text.split_once('.')?;
        Some(Self {
            digest: digest.to_owned(),
            at: Timestamp(at.parse().ok()?),
        })
    }

    fn text(&self) -> String {
        format!("{}.{}", self.digest, self.at.0)
    }
}

impl Accounts {
    /// The value of the device cookie of a browser after a login. It has the sign-ins of the cookie
    /// before it as well.
    pub fn device_cookie(&self, login: &Login, origin: &Origin) -> String {
        let own = SignIn::new(login, self.clock.now());
        let mut sign_ins = self.sign_ins(origin);
        sign_ins.retain(|sign_in| sign_in.digest != own.digest);
        sign_ins.insert(0, own);
        sign_ins.truncate(MAX_ACCOUNTS);
        let texts: Vec<String> = sign_ins.iter().map(SignIn::text).collect();
        self.vault.seal(SCOPE, LABEL, texts.join(" ").as_bytes())
    }

    /// Whether the account with this address signed in with the browser within [`DEVICE_LIFETIME`], and
    /// has the same password since.
    ///
    /// # Errors
    /// If the database fails.
    pub(super) async fn is_known_device(
        &self,
        origin: &Origin,
        email: &str,
    ) -> Result<bool, Refusal> {
        let known = self.sign_ins(origin);
        // The time of the query says nothing to clients without a valid cookie.
        if known.is_empty() {
            return Ok(false);
        }
        let found = self.credentials(email).await?;
        Ok(found.is_some_and(|login| {
            let wanted = SignIn::new(&login, self.clock.now()).digest;
            known.iter().any(|sign_in| sign_in.digest == wanted)
        }))
    }

    /// The sign-ins in the device cookie that have not expired; none without a valid one.
    fn sign_ins(&self, origin: &Origin) -> Vec<SignIn> {
        let cookie = origin.device.as_deref().unwrap_or_default();
        let now = self.clock.now();
        let Ok(texts) = self.vault.unseal(SCOPE, LABEL, cookie) else {
            return Vec::new();
        };
        let sign_ins = texts.expose().split(' ').filter_map(SignIn::parse);
        sign_ins
            .filter(|sign_in| now.saturating_since(sign_in.at) < DEVICE_LIFETIME)
            .collect()
    }
}
