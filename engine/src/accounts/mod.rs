//! The accounts service: sign-in, second factors, sessions, API tokens, and administration.

mod administration;
mod links;
mod networks;
mod password;
mod second_factor;
mod sessions;
mod tokens;

use std::sync::Arc;

pub use administration::{AccountChange, AccountList};
pub(crate) use links::NewLink;
pub use networks::{ADMINISTRATOR_NETWORKS, CONFIRM_LOCKOUT, NetworksChange};
pub use password::HashCost;
pub use password::attempt::Login;
pub use second_factor::{
    FactorChoices, RelyingParty, SECOND_STEP_LIFETIME, SecondFactorView, TotpSetup, VerifiedFactor,
};
pub use sessions::all::{AccountSession, AllSessions};
pub use sessions::device::DEVICE_LIFETIME;
pub use tokens::NewestTokens;
pub use tokens::request::NewToken;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use domain::account::Role;
use domain::{EmailAddress, Kind, Refusal, SecretString, Timestamp};
use rand::RngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use links::reset_limits::ResetLimits;
use networks::NetworkCache;
use password::Hasher;
use password::throttle::LoginThrottle;
use tokens::cache::TokenCache;

use crate::audit::{Action, Audit};
use crate::rate_limit::RateLimit;
use crate::store::accounts::{self, Account};
use crate::store::{Connection, Store, commit};
use crate::vault::Vault;
use crate::{Actor, Clock, Origin};

/// How many accounts or sessions administrators see at once; a search finds others.
const LISTED: i64 = 200;

/// 256 random bits in base64url.
pub(crate) fn random_secret() -> String {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    BASE64URL.encode(bytes)
}

/// The SHA-256 of a secret, in base64url: what is stored of it. The secrets are random, so that an
/// unsalted hash is enough.
pub(crate) fn digest(secret: &str) -> String {
    BASE64URL.encode(Sha256::digest(secret.as_bytes()))
}

/// Runs an operation in a task of its own, so that it completes even if the caller disconnects.
async fn detached<T: Send + 'static>(
    act: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(act).await.map_err(|_| Refusal::internal())?
}

/// Moves the fault of the field `from` to `to`, its name in a form.
fn renamed(mut refusal: Refusal, from: &str, to: &str) -> Refusal {
    if let Some(text) = refusal.fields.remove(from) {
        refusal.add(to, text);
    }
    refusal
}

/// Parses an account's address and converts it to lower case.
fn parse_email(email: &str) -> Result<String, Refusal> {
    let parsed = email.parse::<EmailAddress>();
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
    vault: Arc<Vault>,
    /// `None` where browsers offer no passkeys.
    relying_party: Option<RelyingParty>,
    hasher: Hasher,
    throttle: Arc<LoginThrottle>,
    /// Limits the sign-ins and password changes of an account from a network to 20 a minute.
    password_uses: Arc<RateLimit>,
    /// Held while a second factor is verified, so that answers sent at once are counted one by one.
    factor_turn: Arc<Mutex<()>>,
    token_cache: Arc<TokenCache>,
    /// Limits the new tokens of an account to 10 a minute.
    new_tokens: Arc<RateLimit>,
    reset_limits: Arc<ResetLimits>,
    networks: Arc<NetworkCache>,
}

impl Accounts {
    /// `relying_party` is that of the public URL, for passkeys; `hash_cost` that of new passwords.
    pub(crate) fn new(
        store: Store,
        clock: Clock,
        audit: Audit,
        vault: Arc<Vault>,
        relying_party: Option<RelyingParty>,
        hash_cost: HashCost,
    ) -> Self {
        Self {
            store,
            clock,
            audit,
            vault,
            relying_party,
            hasher: Hasher::new(hash_cost),
            throttle: Arc::default(),
            password_uses: Arc::new(RateLimit::a_minute(20)),
            factor_turn: Arc::default(),
            token_cache: Arc::default(),
            new_tokens: Arc::new(RateLimit::a_minute(10)),
            reset_limits: Arc::default(),
            networks: Arc::default(),
        }
    }

    /// The time as of which sessions and tokens have expired.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Validates a new account and hashes its password. Nothing is stored.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with the faults of both, under `email` and `password`.
    async fn new_account(
        &self,
        email: &str,
        role: Role,
        password: SecretString,
    ) -> Result<(Account, String), Refusal> {
        let (email, ()) = Refusal::both(parse_email(email), password::check(&password))?;
        let id = ulid::Ulid::new().to_string();
        let hash = self.hasher.hash(password, &email).await?;
        Ok((Account { id, email, role }, hash))
    }

    /// Creates an account with a password. Only administrators may.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `email` and `password`; [`Kind::Conflict`] if the address has an
    /// account already; [`Kind::Forbidden`] unless the actor is an administrator who is signed in, or a
    /// local user.
    pub async fn create(
        &self,
        actor: &Actor,
        email: &str,
        role: Role,
        password: SecretString,
    ) -> Result<Account, Refusal> {
        self.audit
            .administer(actor, Action::CreateAccount, async {
                actor.manages_people()?;
                let (account, hash) = self.new_account(email, role, password).await?;
                let mut work = self.store.begin().await?;
                self.insert(&mut work, &account, &hash).await?;
                self.audit
                    .record(&mut work, actor, Action::CreateAccount, &account.email)
                    .await?;
                commit(work).await?;
                Ok(account)
            })
            .await
    }

    /// Inserts an account.
    ///
    /// # Errors
    /// [`Kind::Conflict`] under `email` if the address has an account already.
    async fn insert(
        &self,
        work: &mut Connection,
        account: &Account,
        password_hash: &str,
    ) -> Result<(), Refusal> {
        let added = accounts::add(work, account, password_hash, self.clock.now()).await;
        added.map_err(|error| match error.is_taken() {
            true => {
                let text = "This address has an account already.";
                Refusal::of(Kind::Conflict, "email", text)
            }
            false => error.into(),
        })
    }

    /// The actor that submits mail as the account with this address and may do nothing else, for programs
    /// that are known by where they come from. It sends from the addresses of the account, also where that is
    /// an administrator's. `None` where no account has the address, or it is disabled.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sender_by_email(
        &self,
        email: &str,
        origin: Origin,
    ) -> Result<Option<Actor>, Refusal> {
        let Ok(email) = parse_email(email) else {
            return Ok(None);
        };
        let mut connection = self.store.read().await?;
        let found = accounts::enabled_by_email(&mut connection, &email).await?;
        Ok(found.map(|account| Actor::sender(account, origin)))
    }

    /// The account with this address.
    async fn account(&self, email: &str) -> Result<Account, Refusal> {
        let email = parse_email(email)?;
        let found = accounts::by_email(&mut *self.store.read().await?, &email).await?;
        found
            .map(|(account, _)| account)
            .ok_or_else(|| Refusal::of(Kind::NotFound, "email", "No account has this address."))
    }
}
