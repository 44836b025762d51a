//! Device cookies: they name the accounts that signed in with a browser.
//!
//! Guesses elsewhere do not keep such a browser out. The cookie is sealed, so that nobody else can make
//! one, and it signs nobody in.

use base64::Engine as _;
use sha2::{Digest, Sha256};

use super::{Accounts, BASE64URL, Login};
use crate::Origin;

/// The scope and the label that device cookies are sealed for.
const SCOPE: &str = "device";
const LABEL: &str = "accounts";

/// The maximum number of accounts in a cookie.
const MAX_ACCOUNTS: usize = 5;

/// What a cookie holds of an account: 96 bits of the SHA-256 of its address.
fn name(email: &str) -> String {
    BASE64URL.encode(&Sha256::digest(email)[..12])
}

impl Accounts {
    /// The value of the device cookie of a browser after a login. It names the accounts of the cookie
    /// before it as well.
    pub fn device_cookie(&self, login: &Login, origin: &Origin) -> String {
        let mut names = self.device_accounts(origin);
        let own = name(&login.account.email);
        names.retain(|name| *name != own);
        names.insert(0, own);
        names.truncate(MAX_ACCOUNTS);
        self.vault.seal(SCOPE, LABEL, names.join(" ").as_bytes())
    }

    /// Whether the account with this address signed in with the browser before.
    pub(super) fn is_known_device(&self, origin: &Origin, email: &str) -> bool {
        self.device_accounts(origin).contains(&name(email))
    }

    /// The accounts in the device cookie; none without a valid one.
    fn device_accounts(&self, origin: &Origin) -> Vec<String> {
        let cookie = origin.device.as_deref().unwrap_or_default();
        match self.vault.unseal(SCOPE, LABEL, cookie) {
            Ok(names) => names.expose().split(' ').map(str::to_owned).collect(),
            Err(_) => Vec::new(),
        }
    }
}
