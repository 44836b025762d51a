//! Accounts as administrators see and change them: roles, disabling, deletion, sessions and tokens.

use domain::account::{AccountState, AccountView, Role, SessionView};
use domain::{Kind, Refusal};

use super::{Accounts, LISTED, NewestTokens};
use crate::Actor;
use crate::audit::Action;
use crate::store::accounts::{self, links, sessions, tokens};
use crate::store::notifications::webhooks;
use crate::store::relays::routing;
use crate::store::settings::{information, revisions};
use crate::store::{Connection, Scope, commit, messages};

/// Accounts that match a search.
#[derive(Clone, Debug)]
pub struct AccountList {
    /// The first 200, by their addresses.
    pub accounts: Vec<AccountView>,
    /// Whether there are more of them.
    pub more: bool,
}

/// A change of an account. What is absent stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// The role.
    pub role: Option<Role>,
    /// Whether it is disabled.
    pub disabled: Option<bool>,
}

fn no_such_account() -> Refusal {
    Refusal::of(Kind::NotFound, "id", "No account has this id.")
}

impl Accounts {
    /// The accounts whose address contains `text`, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other actors.
    pub async fn list(&self, actor: &Actor, text: &str) -> Result<AccountList, Refusal> {
        actor.administers()?;
        // PostgreSQL accepts no NUL in a text.
        let text = text.trim().replace(char::is_control, "");
        let mut connection = self.store.read().await?;
        let mut found = accounts::matching(&mut connection, &text, LISTED + 1).await?;
        let more = found.len() as i64 > LISTED;
        found.truncate(LISTED as usize);
        Ok(AccountList {
            accounts: found,
            more,
        })
    }

    /// An account, for administrators.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id`; [`Kind::Forbidden`] for other actors.
    pub async fn read(&self, actor: &Actor, id: &str) -> Result<AccountView, Refusal> {
        actor.administers()?;
        self.known(&mut *self.store.read().await?, id).await
    }

    /// The account with an address, for administrators.
    ///
    /// # Errors
    /// [`Kind::NotFound`] or [`Kind::Invalid`] under `email`; [`Kind::Forbidden`] for other actors.
    pub async fn read_by_email(&self, actor: &Actor, email: &str) -> Result<AccountView, Refusal> {
        actor.administers()?;
        let account = self.account(email).await?;
        self.known(&mut *self.store.read().await?, &account.id)
            .await
    }

    /// Whether an account may be deleted: no stored mail was submitted by it.
    ///
    /// # Errors
    /// As [`Accounts::read`].
    pub async fn is_deletable(&self, actor: &Actor, id: &str) -> Result<bool, Refusal> {
        let account = self.read(actor, id).await?;
        let mut connection = self.store.read().await?;
        Ok(!messages::has_account(&mut connection, &account.id).await?)
    }

    /// Changes the role of an account, disables or enables it. A user's tokens no longer send from any
    /// address. Disabling ends its sessions and links, revokes its tokens and switches its webhooks off;
    /// enabling brings none of them back.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id`; [`Kind::Conflict`] if no other administrator could sign in
    /// afterwards; [`Kind::Forbidden`] for other actors than administrators, and for tokens that are
    /// limited.
    pub async fn change(
        &self,
        actor: &Actor,
        id: &str,
        change: AccountChange,
    ) -> Result<AccountView, Refusal> {
        self.audit
            .audited(actor, Action::ChangeAccount, async {
                actor.manages_accounts()?;
                let mut work = self.store.begin_on_accounts().await?;
                let before = self.known(&mut work, id).await?;
                let role = change.role.unwrap_or(before.role);
                let was_disabled = before.state == AccountState::Disabled;
                let disabled = change.disabled.unwrap_or(was_disabled);
                if role != Role::Admin || disabled {
                    keep_an_administrator(&mut work, &before).await?;
                }
                let mut done = Vec::new();
                if role != before.role {
                    accounts::set_role(&mut work, id, role).await?;
                    match role {
                        // These tokens would gain rights that they were not created with.
                        Role::Admin => {
                            tokens::revoke_beyond_sending(&mut work, id, self.clock.now()).await?;
                        }
                        // Otherwise a second promotion would restore the permission to old tokens.
                        Role::User => tokens::forbid_any_sender(&mut work, id).await?,
                    }
                    done.push(match role {
                        Role::Admin => "administrator",
                        Role::User => "user",
                    });
                }
                if disabled != was_disabled {
                    let at = disabled.then(|| self.clock.now());
                    accounts::set_disabled(&mut work, id, at).await?;
                    // The checks of its own relay end or begin.
                    routing::raise(&mut work).await?;
                    done.push(if disabled { "disabled" } else { "enabled" });
                }
                if disabled && !was_disabled {
                    sessions::end_all(&mut work, id, None).await?;
                    tokens::revoke_all(&mut work, id, self.clock.now()).await?;
                    links::remove_all(&mut work, id).await?;
                    webhooks::switch_off_all(&mut work, id).await?;
                }
                if !done.is_empty() {
                    let detail = format!("{}: {}", before.email, done.join(", "));
                    self.audit
                        .record(&mut work, actor, Action::ChangeAccount, detail)
                        .await?;
                }
                let after = self.known(&mut work, id).await?;
                commit(work).await?;
                self.token_cache.forget();
                Ok(after)
            })
            .await
    }

    /// Deletes an account that no stored mail was submitted by, with its sessions, its tokens, its
    /// sender addresses, and the settings, revisions and passwords of its own relay.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id`; [`Kind::Conflict`] while there is mail of it, or if no other
    /// administrator could sign in afterwards; [`Kind::Forbidden`] as for [`Accounts::change`].
    pub async fn delete(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        self.audit
            .audited(actor, Action::DeleteAccount, async {
                actor.manages_accounts()?;
                let mut work = self.store.begin_on_accounts().await?;
                let account = self.known(&mut work, id).await?;
                keep_an_administrator(&mut work, &account).await?;
                if messages::has_account(&mut work, id).await? {
                    let text = "Mail of this account is still stored. Disable the account instead.";
                    return Err(Refusal::new(Kind::Conflict, text));
                }
                // Before the rows that go: what changes sender addresses and limits locks them in this
                // order, and another one could be a deadlock.
                routing::raise(&mut work).await?;
                accounts::remove(&mut work, id).await?;
                if let Some(scope) = Scope::of_account(id) {
                    information::remove(&mut work, scope).await?;
                    revisions::remove_all(&mut work, scope).await?;
                }
                self.audit
                    .record(&mut work, actor, Action::DeleteAccount, account.email)
                    .await?;
                commit(work).await?;
                self.token_cache.forget();
                Ok(())
            })
            .await
    }

    /// The sessions of an account that have not expired, most recently used first, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is an administrator who is signed in, or a local user.
    pub async fn sessions_of(&self, actor: &Actor, id: &str) -> Result<Vec<SessionView>, Refusal> {
        actor.manages_people()?;
        self.session_views(actor, &self.read(actor, id).await?.id)
            .await
    }

    /// Ends a session of an account, for administrators.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if the account has no such session; [`Kind::Forbidden`] as for
    /// [`Accounts::sessions_of`].
    pub async fn end_session_of(
        &self,
        actor: &Actor,
        id: &str,
        session: &str,
    ) -> Result<(), Refusal> {
        self.audit
            .audited(actor, Action::EndSession, async {
                actor.manages_people()?;
                let account = self.read(actor, id).await?;
                self.try_end_session(actor, &account.id, session, &account.email)
                    .await
            })
            .await
    }

    /// The newest tokens of an account that are not revoked, and how many there are, for
    /// administrators.
    ///
    /// # Errors
    /// As [`Accounts::read`].
    pub async fn tokens_of(&self, actor: &Actor, id: &str) -> Result<NewestTokens, Refusal> {
        self.newest_of(&self.read(actor, id).await?.id).await
    }

    /// The account with an id.
    async fn known(&self, connection: &mut Connection, id: &str) -> Result<AccountView, Refusal> {
        // PostgreSQL accepts no NUL in a text.
        let found = match id.contains(char::is_control) {
            true => None,
            false => accounts::view(connection, id).await?,
        };
        found.ok_or_else(no_such_account)
    }
}

/// Refuses a change that would leave no administrator who can sign in. `account` is the one that would
/// not be one any more.
///
/// # Errors
/// [`Kind::Conflict`].
async fn keep_an_administrator(
    work: &mut Connection,
    account: &AccountView,
) -> Result<(), Refusal> {
    let is_one = account.role == Role::Admin && account.state == AccountState::Active;
    if is_one && accounts::other_admins(work, &account.id).await? == 0 {
        let text = "This is the last administrator who can sign in. Make another account an \
                    administrator first.";
        return Err(Refusal::new(Kind::Conflict, text));
    }
    Ok(())
}
