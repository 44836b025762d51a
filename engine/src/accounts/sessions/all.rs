//! The sessions of all accounts, as administrators see and end them.

use domain::account::SessionView;
use domain::account::session::{SESSION_IDLE, SESSION_LIFETIME};
use domain::{Kind, Refusal};

use super::view;
use crate::Actor;
use crate::accounts::{Accounts, LISTED};
use crate::audit::Action;
use crate::store::accounts::{Account, sessions};
use crate::store::commit;

/// A session and its account.
#[derive(Clone, Debug)]
pub struct AccountSession {
    /// The account that is signed in.
    pub account: Account,
    /// The session.
    pub session: SessionView,
}

/// Sessions that match a search.
#[derive(Clone, Debug)]
pub struct AllSessions {
    /// The 200 that were used last, last used first.
    pub sessions: Vec<AccountSession>,
    /// Whether there are more of them.
    pub more: bool,
}

impl Accounts {
    /// The sessions that have not expired of accounts whose address contains `text`, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is an administrator who is signed in, or a local user.
    pub async fn all_sessions(&self, actor: &Actor, text: &str) -> Result<AllSessions, Refusal> {
        actor.manages_people()?;
        // PostgreSQL accepts no NUL in a text.
        let text = text.trim().replace(char::is_control, "");
        let now = self.clock.now();
        let mut connection = self.store.read().await?;
        let mut found = sessions::matching(
            &mut connection,
            &text,
            now - SESSION_LIFETIME,
            now - SESSION_IDLE,
            LISTED + 1,
        )
        .await?;
        let more = found.len() as i64 > LISTED;
        found.truncate(LISTED as usize);
        let sessions = found.into_iter().map(|row| AccountSession {
            account: row.account.clone(),
            session: view(actor, row),
        });
        Ok(AllSessions {
            sessions: sessions.collect(),
            more,
        })
    }

    /// Ends a session of any account by its id in [`Accounts::all_sessions`], for administrators.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if there is no such session; [`Kind::Forbidden`] as for
    /// [`Accounts::all_sessions`].
    pub async fn end_any_session(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        self.audit
            .audited(actor, Action::EndSession, async {
                actor.manages_people()?;
                let account = self.account_of_session(id).await?;
                let account = account.ok_or_else(|| {
                    Refusal::new(Kind::NotFound, "This session has ended already.")
                })?;
                self.try_end_session(actor, &account.id, id, &account.email)
                    .await
            })
            .await
    }

    async fn account_of_session(&self, id: &str) -> Result<Option<Account>, Refusal> {
        // PostgreSQL accepts no NUL in a text.
        if id.contains(char::is_control) {
            return Ok(None);
        }
        let session = self.live_session(id).await?;
        Ok(session.map(|session| session.account))
    }

    /// Ends all sessions of an account but that of the actor, for administrators. Returns how many there
    /// were.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id` if there is no such account; [`Kind::Forbidden`] as for
    /// [`Accounts::all_sessions`].
    pub async fn end_sessions_of(&self, actor: &Actor, account: &str) -> Result<u64, Refusal> {
        self.audit
            .audited(actor, Action::EndSession, async {
                actor.manages_people()?;
                let account = self.read(actor, account).await?;
                let mut work = self.store.begin().await?;
                let ended = sessions::end_all(&mut work, &account.id, actor.session_id()).await?;
                let detail = format!("{}: all ({ended})", account.email);
                self.audit
                    .record(&mut work, actor, Action::EndSession, detail)
                    .await?;
                commit(work).await?;
                Ok(ended)
            })
            .await
    }
}
