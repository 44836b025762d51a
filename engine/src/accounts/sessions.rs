//! Signing in, and the sessions that follow: 2 h idle, 12 h in all.

use domain::view::SessionView;
use domain::{Kind, Refusal, SecretString, Timestamp};

use super::throttle::Key;
use super::{Accounts, digest, to_the_end};
use crate::audit::{Action, Signature};
use crate::store::accounts::Account;
use crate::store::{commit, sessions};
use crate::{Actor, Origin};

const IDLE: i64 = 2 * 3_600_000;
const ABSOLUTE: i64 = 12 * 3_600_000;
/// The last use is written at most this often.
const TOUCH: i64 = 60_000;

/// What somebody claims, fit to be kept: one line of so many characters at the most.
fn on_record(claimed: &str, most: usize) -> String {
    let shown = claimed.chars().filter(|c| !c.is_control());
    shown.take(most).collect()
}

fn wrong() -> Refusal {
    Refusal::new(
        Kind::Unauthenticated,
        "Address or password is wrong. Check both, and the Caps Lock key.",
    )
}

impl Accounts {
    /// Checks an address and a password. Refusals and times do not tell whether the account
    /// exists; from the fifth failure on they say how long to wait.
    pub async fn login(
        &self,
        email: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<Account, Refusal> {
        let email = email.trim().to_lowercase();
        let mut keys = vec![Key::account(&email)];
        keys.extend(origin.address.map(Key::network));
        let by = Signature::new(on_record(&email, 254), origin);
        let attempt = match self.attempt(&email, keys).await {
            Ok(attempt) => attempt,
            Err(refusal) => return self.not_logged_in(by, refusal).await,
        };
        // Who hung up before there was a place for the attempt has not tried; who does from here
        // on has.
        let (accounts, origin) = (self.clone(), origin.clone());
        to_the_end(async move {
            match attempt.compare(password).await {
                Ok(Some(account)) => accounts.logged_in(account, &origin).await,
                Ok(None) => accounts.not_logged_in(by, wrong()).await,
                Err(refusal) => accounts.not_logged_in(by, refusal).await,
            }
        })
        .await
    }

    async fn logged_in(&self, account: Account, origin: &Origin) -> Result<Account, Refusal> {
        let now = self.clock.now();
        let mut work = self.store.begin().await?;
        let by = Signature::new(&account.email, origin);
        self.audit.record(&mut work, by, Action::Login, "").await?;
        sessions::remove_expired(
            &mut work,
            Timestamp(now.0 - ABSOLUTE),
            Timestamp(now.0 - IDLE),
        )
        .await?;
        commit(work).await?;
        Ok(account)
    }

    async fn not_logged_in(&self, by: Signature, refusal: Refusal) -> Result<Account, Refusal> {
        self.audit.record_refusal(by, Action::Login, &refusal).await;
        Err(refusal)
    }

    /// Begins a session under a secret that the caller made, at least 128 random bits.
    pub async fn begin_session(
        &self,
        secret: &str,
        account: &str,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        let mut work = self.store.begin().await?;
        let id = digest(secret);
        sessions::add(
            &mut work,
            &id,
            account,
            self.clock.now(),
            &origin.to_string(),
            &on_record(&origin.browser, 255),
        )
        .await?;
        commit(work).await?;
        Ok(())
    }

    /// Who holds this session; none when it is over.
    pub async fn session_actor(
        &self,
        secret: &str,
        origin: Origin,
    ) -> Result<Option<Actor>, Refusal> {
        let id = digest(secret);
        let found = sessions::by_id(&mut *self.store.read().await?, &id).await?;
        let now = self.clock.now();
        let alive = |session: &sessions::SessionRow| {
            now.0 - session.begun_at.0 < ABSOLUTE && now.0 - session.last_used_at.0 < IDLE
        };
        let Some(session) = found.filter(alive) else {
            return Ok(None);
        };
        if now.0 - session.last_used_at.0 >= TOUCH {
            let mut work = self.store.begin().await?;
            sessions::touch(&mut work, &id, now).await?;
            commit(work).await?;
        }
        Ok(Some(Actor::session(session, origin)))
    }

    /// Ends the session that asks.
    pub async fn logout(&self, actor: &Actor) -> Result<(), Refusal> {
        let (Some(account), Some(id)) = (actor.account(), actor.session_id()) else {
            return Ok(());
        };
        let mut work = self.store.begin().await?;
        sessions::end(&mut work, id, &account.id).await?;
        self.audit
            .record(&mut work, actor, Action::Logout, "")
            .await?;
        commit(work).await?;
        Ok(())
    }

    /// Ends a session by its secret, whoever holds it.
    pub async fn forget_session(&self, secret: &str) -> Result<(), Refusal> {
        let mut work = self.store.begin().await?;
        sessions::forget(&mut work, &digest(secret)).await?;
        commit(work).await?;
        Ok(())
    }

    /// The sessions of the account that asks, last used first.
    pub async fn sessions(&self, actor: &Actor) -> Result<Vec<SessionView>, Refusal> {
        let Some(account) = actor.account() else {
            return Ok(Vec::new());
        };
        let found = sessions::of_account(&mut *self.store.read().await?, &account.id).await?;
        Ok(found
            .into_iter()
            .map(|session| SessionView {
                current: actor.session_id() == Some(session.id.as_str()),
                id: session.id,
                begun: session.begun_at,
                last_used: session.last_used_at,
                from: session.origin,
                browser: session.browser,
            })
            .collect())
    }

    /// Ends one of the sessions of the account that asks, by its name in [`Accounts::sessions`].
    pub async fn end_session(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        self.audit
            .audited(actor, Action::EndSession, async {
                let gone = || Refusal::new(Kind::NotFound, "This session has ended already.");
                let account = actor.account().ok_or_else(gone)?;
                let mut work = self.store.begin().await?;
                if !sessions::end(&mut work, id, &account.id).await? {
                    return Err(gone());
                }
                self.audit
                    .record(&mut work, actor, Action::EndSession, "")
                    .await?;
                commit(work).await?;
                Ok(())
            })
            .await
    }
}
