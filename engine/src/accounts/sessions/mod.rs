//! Login, logout and sessions. Sessions expire after 2 h of inactivity and 12 h in all.

pub(super) mod all;
pub(super) mod device;

use std::time::Duration;

use domain::account::SessionView;
use domain::account::session::{SESSION_IDLE, SESSION_LIFETIME};
use domain::{Kind, Refusal, SecretString, Timestamp};

use super::password::throttle::{ThrottleKey, networks};
use super::{Accounts, Login, detached, digest};
use crate::audit::{Action, RefusedBy, Signature};
use crate::store::accounts::sessions::{self, SessionRow};
use crate::store::accounts::{self, Account, second_factors};
use crate::store::commit;
use crate::{Actor, Origin};

/// How many sessions an account has besides the one that begins: it ends the oldest.
const OTHERS: u32 = 49;
/// The minimum interval between writes of the last use of a session or a token.
pub(super) const TOUCH: Duration = Duration::from_secs(60);

/// Untrusted text as it is stored: without control characters, at most `most` characters.
fn recorded(claimed: &str, most: usize) -> String {
    let shown = claimed.chars().filter(|c| !c.is_control());
    shown.take(most).collect()
}

/// Whether a session has not expired.
fn is_live(session: &SessionRow, now: Timestamp) -> bool {
    now.saturating_since(session.begun_at) < SESSION_LIFETIME
        && now.saturating_since(session.last_used_at) < SESSION_IDLE
}

/// A session as `actor` sees it.
pub(super) fn view(actor: &Actor, session: SessionRow) -> SessionView {
    SessionView {
        current: actor.session_id() == Some(session.id.as_str()),
        id: session.id,
        begun: session.begun_at,
        last_used: session.last_used_at,
        from: session.origin,
        browser: session.browser,
    }
}

/// The refusal of a login, the same for an unknown account and a wrong password.
fn wrong() -> Refusal {
    Refusal::new(
        Kind::Unauthenticated,
        "Address or password is wrong. Check both, and the Caps Lock key.",
    )
}

impl Accounts {
    /// Authenticates an account by address and password, to begin a session with. Neither the refusal nor its timing reveals
    /// whether the account exists.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] if the address or the password is wrong; [`Kind::TooMany`] with
    /// the seconds to wait, from the fifth failure on; [`Kind::Forbidden`] for an administrator from a
    /// network that is not allowed ([`Accounts::admit`]).
    pub async fn login(
        &self,
        email: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<Login, Refusal> {
        let email = email.trim().to_lowercase();
        let attempt = async {
            let mut keys = vec![match &origin.device {
                Some(device) if self.is_known_device(origin, &email).await? => {
                    ThrottleKey::browser(device)
                }
                _ => ThrottleKey::account(&email),
            }];
            keys.extend(networks(origin));
            self.attempt(&email, keys).await
        };
        let attempt = match attempt.await {
            Ok(attempt) => attempt,
            Err(refusal) => return self.not_logged_in(&email, origin, refusal).await,
        };
        // A caller that disconnects while it waits for the permit is not counted. From here on, the
        // attempt is completed and counted.
        let (accounts, origin) = (self.clone(), origin.clone());
        detached(async move {
            match attempt.compare(password).await {
                Ok(Some(login)) => match accounts.admit_login(&login.account, &origin).await {
                    Ok(()) => Ok(login),
                    Err(refusal) => accounts.not_logged_in(&email, &origin, refusal).await,
                },
                Ok(None) => accounts.not_logged_in(&email, &origin, wrong()).await,
                Err(refusal) => accounts.not_logged_in(&email, &origin, refusal).await,
            }
        })
        .await
    }

    /// Records a refused login.
    pub(super) async fn not_logged_in<T>(
        &self,
        email: &str,
        origin: &Origin,
        refusal: Refusal,
    ) -> Result<T, Refusal> {
        let by = self.refused_by(recorded(email, 254), origin, &refusal);
        self.audit.record_refusal(by, Action::Login, &refusal).await;
        Err(refusal)
    }

    /// The signatures of a refused request that gives this name. Its repeats are counted under the name
    /// and the network. Where it is refused for overload, they are counted under the network alone, which
    /// may try any number of names, or else the name alone, which any number of networks may try.
    pub(super) fn refused_by(&self, name: String, origin: &Origin, refusal: &Refusal) -> RefusedBy {
        let by = Signature::new(&*name, origin);
        let now = self.clock.monotonic();
        let network = networks(origin).find(|network| {
            refusal.kind != Kind::TooMany || self.throttle.check(&[*network], now).is_err()
        });
        let is_overload = matches!(refusal.kind, Kind::TooMany | Kind::Unavailable);
        let counted = match network {
            Some(ThrottleKey::Network(network)) if is_overload => Signature::of_network(network),
            Some(ThrottleKey::Network(network)) => Signature::new(name, network),
            _ => Signature::of_name(name),
        };
        RefusedBy::stranger(by, counted)
    }

    /// Begins a session, and removes expired ones. The caller chooses `secret`, which has at least
    /// 128 random bits; only its digest is stored.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] if the password was changed since it was verified; [`Kind::Forbidden`] if
    /// the account has a second factor that was not verified, or is an administrator's and the network is
    /// not allowed.
    pub async fn begin_session(
        &self,
        secret: &str,
        login: &Login,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        let now = self.clock.now();
        if let Err(refusal) = self.admit_login(&login.account, origin).await {
            return self
                .not_logged_in(&login.account.email, origin, refusal)
                .await;
        }
        let mut work = self.store.begin().await?;
        if !accounts::lock_password(&mut work, &login.account.id, &login.password_hash).await? {
            drop(work);
            return self
                .not_logged_in(&login.account.email, origin, wrong())
                .await;
        }
        if login.second_factor.is_none()
            && second_factors::exists(&mut work, &login.account.id).await?
        {
            drop(work);
            let text = "This account signs in with a second factor. Sign in again.";
            let refusal = Refusal::new(Kind::Forbidden, text);
            return self
                .not_logged_in(&login.account.email, origin, refusal)
                .await;
        }
        sessions::add(
            &mut work,
            &digest(secret),
            &login.account.id,
            now,
            &origin.to_string(),
            &recorded(&origin.browser, 255),
        )
        .await?;
        sessions::end_oldest(&mut work, &login.account.id, &digest(secret), OTHERS).await?;
        sessions::remove_expired(&mut work, now - SESSION_LIFETIME, now - SESSION_IDLE).await?;
        let by = Signature::new(&login.account.email, origin);
        let factor: &str = login.second_factor.map_or("", Into::into);
        self.audit
            .record(&mut work, by, Action::Login, factor)
            .await?;
        commit(work).await?;
        Ok(())
    }

    /// The actor of a session; `None` if it has ended or expired.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn session_actor(
        &self,
        secret: &str,
        origin: Origin,
    ) -> Result<Option<Actor>, Refusal> {
        let session = self.live_session(&digest(secret)).await?;
        Ok(session.map(|session| Actor::session(session, origin)))
    }

    /// Updates the last use of the actor's session. Does nothing for actors without a session, and for those
    /// that [`Accounts::admit`] refuses: they keep no session from expiring.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn touch(&self, actor: &Actor) -> Result<(), Refusal> {
        let now = self.clock.now();
        let Some(session) = actor.as_session() else {
            return Ok(());
        };
        let is_due = now.saturating_since(session.last_used_at) >= TOUCH;
        if is_due && self.is_admitted(actor).await? {
            let mut work = self.store.begin().await?;
            sessions::touch(&mut work, &session.id, now).await?;
            commit(work).await?;
        }
        Ok(())
    }

    /// Whether the actor's session or token has neither ended nor expired, the account that it submits mail
    /// as is enabled, its account has the same role, and the network of a session is allowed; `true` for
    /// local users, who have none of them. Tokens are cached for a second.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_current(&self, actor: &Actor) -> Result<bool, Refusal> {
        let has_role = |account: &Account| actor.role() == Some(account.role);
        if let Some(sender) = actor.as_sender() {
            let mut connection = self.store.read().await?;
            let found = accounts::enabled_by_email(&mut connection, &sender.email).await?;
            return Ok(found.is_some_and(|found| found.id == sender.id && has_role(&found)));
        }
        match (actor.session_id(), actor.token_digest()) {
            (Some(id), _) => {
                let session = self.live_session(id).await?;
                let is_live = session.is_some_and(|session| has_role(&session.account));
                Ok(is_live && self.is_admitted(actor).await?)
            }
            (None, Some(digest)) => {
                let token = self.valid_token(digest).await?;
                Ok(token.is_some_and(|token| has_role(&token.account)))
            }
            (None, None) => Ok(true),
        }
    }

    /// The actor of a long connection as it is now: the limits, the senders and the priorities of its token
    /// may have been changed. `None` where [`Accounts::is_current`] is false.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn renewed(&self, actor: &Actor) -> Result<Option<Actor>, Refusal> {
        if !self.is_current(actor).await? {
            return Ok(None);
        }
        let Some(digest) = actor.token_digest() else {
            return Ok(Some(actor.clone()));
        };
        let token = self.valid_token(digest).await?;
        Ok(token.map(|token| Actor::token(token, digest, actor.origin.clone())))
    }

    /// The session with this id, unless it has expired.
    pub(super) async fn live_session(&self, id: &str) -> Result<Option<SessionRow>, Refusal> {
        let found = sessions::by_id(&mut *self.store.read().await?, id).await?;
        let now = self.clock.now();
        Ok(found.filter(|session| is_live(session, now)))
    }

    /// Ends the actor's session. Does nothing for actors without a session.
    ///
    /// # Errors
    /// If the database fails.
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

    /// Ends a session by its secret, without an entry in the audit log.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_session(&self, secret: &str) -> Result<(), Refusal> {
        let mut work = self.store.begin().await?;
        sessions::forget(&mut work, &digest(secret)).await?;
        commit(work).await?;
        Ok(())
    }

    /// The sessions of the actor's account that have not expired, most recently used first.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is a session.
    pub async fn sessions(&self, actor: &Actor) -> Result<Vec<SessionView>, Refusal> {
        let account = actor.person()?;
        self.session_views(actor, &account.id).await
    }

    /// The sessions of an account that have not expired, most recently used first. Expired rows stay in
    /// the database until the next sign-in.
    ///
    /// # Errors
    /// If the database fails.
    pub(super) async fn session_views(
        &self,
        actor: &Actor,
        account: &str,
    ) -> Result<Vec<SessionView>, Refusal> {
        let found = sessions::of_account(&mut *self.store.read().await?, account).await?;
        let now = self.clock.now();
        Ok(found
            .into_iter()
            .filter(|session| is_live(session, now))
            .map(|session| view(actor, session))
            .collect())
    }

    /// Ends one of the sessions of the actor's account, by its id in [`Accounts::sessions`].
    ///
    /// # Errors
    /// [`Kind::NotFound`] if the account has no such session; [`Kind::Forbidden`] unless the actor is
    /// a session.
    pub async fn end_session(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        self.audit
            .audited(actor, Action::EndSession, async {
                let account = actor.person()?;
                self.try_end_session(actor, &account.id, id, "").await
            })
            .await
    }

    /// Ends the sessions of the actor's account but its own. Returns how many there were.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is a session.
    pub async fn end_other_sessions(&self, actor: &Actor) -> Result<u64, Refusal> {
        self.audit
            .audited(actor, Action::EndSession, async {
                let account = actor.person()?;
                let mut work = self.store.begin().await?;
                let ended = sessions::end_all(&mut work, &account.id, actor.session_id()).await?;
                let detail = format!("others ({ended})");
                self.audit
                    .record(&mut work, actor, Action::EndSession, detail)
                    .await?;
                commit(work).await?;
                Ok(ended)
            })
            .await
    }

    /// Ends a session of an account, with `detail` in the audit log.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if the account has no such session.
    pub(super) async fn try_end_session(
        &self,
        actor: &Actor,
        account: &str,
        id: &str,
        detail: &str,
    ) -> Result<(), Refusal> {
        let gone = || Refusal::new(Kind::NotFound, "This session has ended already.");
        // PostgreSQL accepts no NUL in a text.
        if id.contains(char::is_control) {
            return Err(gone());
        }
        let mut work = self.store.begin().await?;
        if !sessions::end(&mut work, id, account).await? {
            return Err(gone());
        }
        self.audit
            .record(&mut work, actor, Action::EndSession, detail)
            .await?;
        commit(work).await?;
        Ok(())
    }
}
