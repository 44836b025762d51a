//! Password attempts: throttled, and counted even if the caller disconnects.

use std::fmt;

use domain::{Refusal, SecretString};
use serde::{Deserialize, Serialize};

use super::throttle::ThrottleKey;
use super::{HashPermit, HashQueue};
use crate::accounts::{Accounts, VerifiedFactor, password};
use crate::store::accounts::{self, Account};

/// A verified password. It begins a session as long as the account has this password, and no second factor
/// that was not verified as well.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    /// The account.
    pub account: Account,
    /// The hash that was verified.
    pub(in crate::accounts) password_hash: String,
    /// The second factor that was verified as well.
    pub(in crate::accounts) second_factor: Option<VerifiedFactor>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut login = f.debug_struct("Login");
        login
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// An attempt that passed the throttle and holds a permit to hash. The account may not exist.
pub(in crate::accounts) struct PasswordAttempt {
    accounts: Accounts,
    /// The keys that a failure is counted under; the key of the account or browser is first.
    keys: Vec<ThrottleKey>,
    /// The account with the hash of its password, if it exists.
    found: Option<Login>,
    permit: HashPermit,
    /// The key that a success is counted under.
    uses: String,
}

/// The sentence that a refusal of further uses of a right password begins with.
const TOO_MANY_USES: &str = "This password was used too often within a minute.";

impl PasswordAttempt {
    /// Verifies the password; `None` if it is wrong or there is no such account. A failure is
    /// counted before the permit is released, even if the returned future is dropped.
    ///
    /// # Errors
    /// [`Kind::TooMany`](domain::Kind::TooMany) if other attempts failed in the meantime and the
    /// account or network is throttled now, or if the password was used too often within a minute.
    pub(in crate::accounts) async fn compare(
        self,
        password: SecretString,
    ) -> Result<Option<Login>, Refusal> {
        let Self {
            accounts,
            keys,
            found,
            permit,
            uses,
        } = self;
        let comparing = permit.compute(move |argon2| {
            // Other attempts may have failed while this one waited for its permit.
            accounts.throttle.check(&keys, accounts.clock.monotonic())?;
            let hash = found.as_ref().map(|login| login.password_hash.as_str());
            if password::verify(argon2, &password, hash) {
                accounts.throttle.succeeded(keys[0]);
                let now = accounts.clock.monotonic();
                accounts.password_uses.take(&uses, now, TOO_MANY_USES)?;
                return Ok(found);
            }
            accounts.throttle.failed(&keys, accounts.clock.monotonic());
            Ok(None)
        });
        comparing.await?
    }
}

impl Accounts {
    /// Finds the account and waits for a permit to compare its password.
    ///
    /// # Errors
    /// [`Kind::TooMany`](domain::Kind::TooMany) while one of `keys` is throttled, the password was used
    /// too often within a minute, or too many passwords of the account wait to be hashed;
    /// [`Kind::Unavailable`](domain::Kind::Unavailable) while too many of all accounts wait.
    pub(in crate::accounts) async fn attempt(
        &self,
        email: &str,
        keys: Vec<ThrottleKey>,
    ) -> Result<PasswordAttempt, Refusal> {
        let now = self.clock.monotonic();
        self.throttle.check(&keys, now)?;
        // A device cookie is another one after each sign-in, so that it cannot be counted by.
        let network = keys.iter().find_map(|key| match key {
            ThrottleKey::Network(network) => Some(network.to_string()),
            _ => None,
        });
        let uses = format!("{email} {}", network.unwrap_or_default());
        self.password_uses.check(&uses, now, TOO_MANY_USES)?;
        let queue = match keys[0] {
            ThrottleKey::Browser(_) => HashQueue::Known,
            _ => HashQueue::Unknown,
        };
        let place = self.hasher.queue(queue, email)?;
        let found = self.credentials(email).await?;
        Ok(PasswordAttempt {
            accounts: self.clone(),
            keys,
            found,
            permit: place.permit().await?,
            uses,
        })
    }

    /// The account with this address, with the hash of its password; `None` where it is disabled or has
    /// no password, which takes as long as where there is no such account.
    ///
    /// # Errors
    /// If the database fails.
    pub(in crate::accounts) async fn credentials(
        &self,
        email: &str,
    ) -> Result<Option<Login>, Refusal> {
        // PostgreSQL accepts no NUL in a text. No account has the empty address, and looking it up
        // takes as long as any other.
        let possible = Some(email).filter(|email| !email.contains(char::is_control));
        let email = possible.unwrap_or_default();
        let found = accounts::by_email(&mut *self.store.read().await?, email).await?;
        let found = found.filter(|(_, password_hash)| !password_hash.is_empty());
        Ok(found.map(|(account, password_hash)| Login {
            account,
            password_hash,
            second_factor: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::Kind;
    use futures::FutureExt;

    use super::*;
    use crate::Clock;
    use crate::audit::Audit;
    use crate::store::Store;
    use crate::vault::{KeyNode, Vault};

    #[tokio::test]
    async fn a_cancelled_attempt_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let clock = Clock::default();
        let node = KeyNode::new("gate", folder.path().join("keys"));
        let vault = Vault::open(node, &store, clock.now(), false).await;
        let vault = Arc::new(vault.expect("a vault"));
        let (audit, _) = Audit::start(store.clone(), clock.clone(), "gate");
        let accounts = Accounts::new(store, clock, audit, vault, None, password::HashCost::Least);
        let attempt =
            || accounts.attempt("a@example.org", vec![ThrottleKey::account("a@example.org")]);
        for _ in 0..5 {
            let attempt = attempt().await.expect("not slowed down yet");
            // The first poll starts the computation; the future is dropped right after.
            let _ = attempt.compare(SecretString::new("wrong")).now_or_never();
            accounts.hasher.until_idle().await;
        }
        let refusal = attempt().await.err().expect("slowed down");
        assert_eq!(refusal.kind, Kind::TooMany);
    }
}
