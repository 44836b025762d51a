//! The accounts service: sign-in, passwords, sessions, API tokens, the first administrator.

mod password;
mod sessions;
mod throttle;
mod tokens;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use domain::view::Role;
use domain::{EmailAddress, Kind, Refusal, SecretString};
use parking_lot::Mutex;
use rand::RngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};

use password::{Hasher, Place};
pub(crate) use throttle::Window;
use throttle::{Key, Throttle};
use tokens::KnownTokens;

use crate::audit::{Action, Audit, Signature};
use crate::store::accounts::{self, Account};
use crate::store::{Store, commit, sessions as session_rows};
use crate::{Actor, Clock, Origin};

/// 256 random bits in base64url.
fn random_secret() -> String {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    BASE64URL.encode(bytes)
}

/// What is stored of a secret with 256 bits of its own: its SHA-256.
pub(crate) fn digest(secret: &str) -> String {
    BASE64URL.encode(Sha256::digest(secret.as_bytes()))
}

/// Awaits an act in a task of its own, so that it goes to its end though the caller hangs up.
async fn to_the_end<T: Send + 'static>(
    act: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(act).await.map_err(|_| Refusal::internal())?
}

/// A password is about to be compared with the one of an account, if there is such an account.
struct Attempt {
    accounts: Accounts,
    /// What a failure is counted under; the address first.
    keys: Vec<Key>,
    found: Option<(Account, String)>,
    place: Place,
}

impl Attempt {
    /// The account when this is its password. A failure is counted before the next attempt gets
    /// this one's place, also where nobody waits for the answer any more.
    async fn compare(self, password: SecretString) -> Result<Option<Account>, Refusal> {
        let Self {
            accounts,
            keys,
            found,
            place,
        } = self;
        let comparing = place.compute(move |argon2| {
            // Many may have waited for this place, and failed meanwhile.
            accounts.throttle.check(&keys, accounts.clock.monotonic())?;
            let (account, hash) = found.unzip();
            if password::verify(argon2, &password, hash.as_deref()) {
                accounts.throttle.succeeded(keys[0]);
                return Ok(account);
            }
            accounts.throttle.failed(&keys, accounts.clock.monotonic());
            Ok(None)
        });
        comparing.await?
    }
}

fn parse_email(email: &str) -> Result<String, Refusal> {
    let parsed = email.trim().parse::<EmailAddress>();
    parsed
        .map(|address| address.as_str().to_lowercase())
        .map_err(|fault| Refusal::of(Kind::Invalid, "email", fault))
}

/// The accounts service: accounts and their passwords, sessions and API tokens. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    clock: Clock,
    audit: Audit,
    hasher: Hasher,
    throttle: Arc<Throttle>,
    known_tokens: Arc<KnownTokens>,
    /// The digest of the setup token, until the first administrator was created with it.
    setup: Arc<Mutex<Option<String>>>,
}

impl Accounts {
    pub(crate) fn new(store: Store, clock: Clock, audit: Audit) -> Self {
        Self {
            store,
            clock,
            audit,
            hasher: Hasher::default(),
            throttle: Arc::default(),
            known_tokens: Arc::default(),
            setup: Arc::default(),
        }
    }

    /// Makes the token of the one-time link for the first administrator; none when there is an
    /// account already. A later call makes the earlier link invalid.
    pub async fn setup_token(&self) -> Result<Option<String>, Refusal> {
        if accounts::exist(&mut *self.store.read().await?).await? {
            return Ok(None);
        }
        let token = random_secret();
        *self.setup.lock() = Some(digest(&token));
        Ok(Some(token))
    }

    /// Whether the first administrator is still to be created, with this token.
    pub async fn is_setup_token(&self, token: &str) -> Result<bool, Refusal> {
        let known = self.setup.lock().as_deref() == Some(digest(token).as_str());
        Ok(known && !accounts::exist(&mut *self.store.read().await?).await?)
    }

    /// Creates the first administrator, with the token of the one-time link.
    pub async fn create_first(
        &self,
        token: &str,
        email: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<Account, Refusal> {
        let result = self.try_first_account(token, email, password, origin).await;
        if let Err(refusal) = &result {
            let by = Signature::new("setup link", origin);
            self.audit
                .record_refusal(by, Action::CreateAccount, refusal)
                .await;
        }
        result
    }

    async fn try_first_account(
        &self,
        token: &str,
        email: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<Account, Refusal> {
        if !self.is_setup_token(token).await? {
            return Err(Refusal::new(
                Kind::Forbidden,
                "This link has been used or is not the newest. Restart Postern for a new one, or sign in.",
            ));
        }
        let (account, hash) = self.new_account(email, Role::Admin, password).await?;
        let mut work = self.store.begin().await?;
        if accounts::exist(&mut work).await? {
            return Err(Refusal::new(
                Kind::Conflict,
                "There is an administrator already. Sign in.",
            ));
        }
        accounts::add(&mut work, &account, &hash, self.clock.now()).await?;
        let by = Signature::new(&account.email, origin);
        self.audit
            .record(&mut work, by, Action::CreateAccount, "first administrator")
            .await?;
        commit(work).await?;
        *self.setup.lock() = None;
        Ok(account)
    }

    /// A new account and the hash of its password, or every fault of the two at once.
    async fn new_account(
        &self,
        email: &str,
        role: Role,
        password: SecretString,
    ) -> Result<(Account, String), Refusal> {
        let (email, ()) = Refusal::both(parse_email(email), password::check(&password))?;
        let id = ulid::Ulid::new().to_string();
        let hash = self.hasher.hash(password).await?;
        Ok((Account { id, email, role }, hash))
    }

    /// Creates an account.
    pub async fn create(
        &self,
        actor: &Actor,
        email: &str,
        role: Role,
        password: SecretString,
    ) -> Result<Account, Refusal> {
        self.audit
            .administer(actor, Action::CreateAccount, async {
                let (account, hash) = self.new_account(email, role, password).await?;
                let mut work = self.store.begin().await?;
                accounts::add(&mut work, &account, &hash, self.clock.now())
                    .await
                    .map_err(|error| {
                        if error.is_taken() {
                            Refusal::of(
                                Kind::Conflict,
                                "email",
                                "This address has an account already.",
                            )
                        } else {
                            error.into()
                        }
                    })?;
                self.audit
                    .record(&mut work, actor, Action::CreateAccount, &account.email)
                    .await?;
                commit(work).await?;
                Ok(account)
            })
            .await
    }

    /// Sets the password of any account and ends its sessions: for when nobody can sign in.
    pub async fn reset_password(
        &self,
        actor: &Actor,
        email: &str,
        password: SecretString,
    ) -> Result<(), Refusal> {
        self.audit
            .administer(actor, Action::ChangePassword, async {
                let account = self.account(email).await?;
                let hash = self.hasher.hash(password).await?;
                let mut work = self.store.begin().await?;
                accounts::set_password(&mut work, &account.id, &hash).await?;
                session_rows::end_all(&mut work, &account.id, None).await?;
                self.audit
                    .record(&mut work, actor, Action::ChangePassword, &account.email)
                    .await?;
                commit(work).await?;
                Ok(())
            })
            .await
    }

    async fn account(&self, email: &str) -> Result<Account, Refusal> {
        let email = parse_email(email)?;
        let found = accounts::by_email(&mut *self.store.read().await?, &email).await?;
        found
            .map(|(account, _)| account)
            .ok_or_else(|| Refusal::of(Kind::NotFound, "email", "No account has this address."))
    }

    /// Changes the actor's own password and ends its other sessions.
    pub async fn change_password(
        &self,
        actor: &Actor,
        current: SecretString,
        new: SecretString,
    ) -> Result<(), Refusal> {
        let (accounts, actor) = (self.clone(), actor.clone());
        to_the_end(async move {
            let change = accounts.try_change_password(&actor, current, new);
            accounts
                .audit
                .audited(&actor, Action::ChangePassword, change)
                .await
        })
        .await
    }

    async fn try_change_password(
        &self,
        actor: &Actor,
        current: SecretString,
        new: SecretString,
    ) -> Result<(), Refusal> {
        let account = actor.account().ok_or_else(|| {
            Refusal::new(Kind::Forbidden, "Only an account has a password to change.")
        })?;
        let keys = vec![Key::account(&account.email)];
        let attempt = self.attempt(&account.email, keys).await?;
        if attempt.compare(current).await?.is_none() {
            return Err(Refusal::of(
                Kind::Invalid,
                "current",
                "This is not your current password.",
            ));
        }
        let hash = self
            .hasher
            .hash(new)
            .await
            .map_err(|refusal| renamed(refusal, "new"))?;
        let mut work = self.store.begin().await?;
        accounts::set_password(&mut work, &account.id, &hash).await?;
        session_rows::end_all(&mut work, &account.id, actor.session_id()).await?;
        self.audit
            .record(&mut work, actor, Action::ChangePassword, "own")
            .await?;
        commit(work).await?;
        Ok(())
    }

    /// Finds the account and waits for room to compare a password; refused while one of `keys`
    /// has to wait.
    async fn attempt(&self, email: &str, keys: Vec<Key>) -> Result<Attempt, Refusal> {
        self.throttle.check(&keys, self.clock.monotonic())?;
        // PostgreSQL takes no NUL. No account has the empty address, and to look for it takes as
        // long as for any other.
        let possible = Some(email).filter(|email| !email.contains(char::is_control));
        let email = possible.unwrap_or_default();
        let found = accounts::by_email(&mut *self.store.read().await?, email).await?;
        Ok(Attempt {
            accounts: self.clone(),
            keys,
            found,
            place: self.hasher.place().await?,
        })
    }
}

/// The same refusal under the name the form gives the field.
fn renamed(mut refusal: Refusal, field: &str) -> Refusal {
    if let Some(text) = refusal.fields.remove("password") {
        refusal.add(field, text);
    }
    refusal
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn an_attempt_that_is_given_up_half_way_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = crate::Config {
            data: folder.path().to_owned(),
            ..crate::Config::default()
        };
        let postern = crate::Postern::open(config).await.expect("Postern opens");
        let accounts = postern.accounts();
        let attempt = || accounts.attempt("a@example.org", vec![Key::account("a@example.org")]);
        for _ in 0..5 {
            let attempt = attempt().await.expect("not slowed down yet");
            // Once asked it runs, and nobody asks again.
            let _ = attempt.compare(SecretString::new("wrong")).now_or_never();
            accounts.hasher.until_idle().await;
        }
        let refusal = attempt().await.err().expect("slowed down");
        assert_eq!(refusal.kind, Kind::TooMany);
    }
}
