//! Invitations and password resets: links with which a person sets the password of an account.

pub(super) mod reset_limits;
mod setup;

use domain::account::Role;
use domain::{Kind, Refusal, SecretString, Timestamp};

use super::password::throttle::networks;
use super::{Accounts, digest, parse_email, random_secret};
use crate::audit::{Action, Signature};
use crate::store::accounts::links::{self, LinkPurpose};
use crate::store::accounts::{self, Account, sessions};
use crate::store::{Connection, UnitOfWork, commit};
use crate::{Actor, Origin};

/// A link that was just made. Only the digest of its token is stored.
pub(crate) struct NewLink {
    pub account: Account,
    pub token: String,
    pub expires_at: Timestamp,
}

/// The refusal of a link that does not work, or no longer.
fn not_valid(purpose: LinkPurpose) -> Refusal {
    let text = match purpose {
        LinkPurpose::Invitation => {
            "This link has been used, has expired or is not the newest. Ask an administrator for a \
             new invitation."
        }
        LinkPurpose::Reset => {
            "This link has been used, has expired or is not the newest. Use that of the newest mail, or \
             request another."
        }
    };
    Refusal::new(Kind::Forbidden, text)
}

impl Accounts {
    /// Creates an account without a password, and the link that sets one.
    ///
    /// # Errors
    /// [`Kind::Invalid`] or [`Kind::Conflict`] under `email`; [`Kind::Forbidden`] for other actors than
    /// administrators, and for tokens that are limited.
    pub(crate) async fn invite(
        &self,
        actor: &Actor,
        email: &str,
        role: Role,
    ) -> Result<NewLink, Refusal> {
        self.audit
            .audited(actor, Action::InviteAccount, async {
                actor.manages_accounts()?;
                let email = parse_email(email)?;
                let id = ulid::Ulid::new().to_string();
                let account = Account { id, email, role };
                let mut work = self.store.begin().await?;
                self.insert(&mut work, &account, "").await?;
                self.commit_invitation(work, actor, account).await
            })
            .await
    }

    /// Makes a new invitation for an account without a password. The one before ends.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id`; [`Kind::Conflict`] if it has a password or is disabled;
    /// [`Kind::Forbidden`] as for [`Accounts::invite`].
    pub(crate) async fn invite_again(&self, actor: &Actor, id: &str) -> Result<NewLink, Refusal> {
        self.audit
            .audited(actor, Action::InviteAccount, async {
                actor.manages_accounts()?;
                let known = self.read(actor, id).await?;
                let mut work = self.store.begin().await?;
                let refused = || {
                    let text = "This account has a password already, or is disabled.";
                    Refusal::new(Kind::Conflict, text)
                };
                if !accounts::lock_password(&mut work, id, "").await? {
                    return Err(refused());
                }
                let account = Account {
                    id: known.id,
                    email: known.email,
                    role: known.role,
                };
                self.commit_invitation(work, actor, account).await
            })
            .await
    }

    /// Makes the invitation of an account, records it and commits.
    async fn commit_invitation(
        &self,
        mut work: UnitOfWork,
        actor: &Actor,
        account: Account,
    ) -> Result<NewLink, Refusal> {
        let link = self.new_link(&mut work, account, LinkPurpose::Invitation);
        let link = link.await?;
        self.audit
            .record(&mut work, actor, Action::InviteAccount, &link.account.email)
            .await?;
        commit(work).await?;
        Ok(link)
    }

    /// Counts a request for a link to reset a password.
    ///
    /// # Errors
    /// [`Kind::TooMany`] from the fifth request from a network on, with the seconds to wait.
    pub(crate) async fn count_reset(&self, origin: &Origin) -> Result<(), Refusal> {
        let keys: Vec<_> = networks(origin).collect();
        let (requests, now) = (&self.reset_limits.requests, self.clock.monotonic());
        if let Err(refusal) = requests.check(&keys, now) {
            let by = self.refused_by("password reset".to_owned(), origin, &refusal);
            self.audit
                .record_refusal(by, Action::RequestReset, &refusal)
                .await;
            return Err(refusal);
        }
        requests.failed(&keys, now);
        Ok(())
    }

    /// Makes a link that resets the password of the account with this address. The one before ends.
    /// `None` where there is no such account, it is disabled or has no password, or it got three within
    /// half an hour: the newest of these stays valid.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn new_reset(
        &self,
        email: &str,
        origin: &Origin,
    ) -> Result<Option<NewLink>, Refusal> {
        let email = email.trim().to_lowercase();
        let Some(known) = self.credentials(&email).await? else {
            return Ok(None);
        };
        let (mails, now) = (&self.reset_limits.mails, self.clock.monotonic());
        if mails.take(&known.account.id, now, "").is_err() {
            return Ok(None);
        }
        let mut work = self.store.begin().await?;
        if !accounts::lock_password(&mut work, &known.account.id, &known.password_hash).await? {
            return Ok(None);
        }
        let link = self
            .new_link(&mut work, known.account, LinkPurpose::Reset)
            .await?;
        let by = Signature::new(&link.account.email, origin);
        self.audit
            .record(&mut work, by, Action::RequestReset, "")
            .await?;
        commit(work).await?;
        Ok(Some(link))
    }

    async fn new_link(
        &self,
        work: &mut Connection,
        account: Account,
        purpose: LinkPurpose,
    ) -> Result<NewLink, Refusal> {
        let token = random_secret();
        let expires_at = self.clock.now() + purpose.lifetime();
        links::write(work, &account.id, purpose, &digest(&token), expires_at).await?;
        Ok(NewLink {
            account,
            token,
            expires_at,
        })
    }

    /// The address of the account that was invited with this token; `None` if it is not valid.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn invited(&self, token: &str) -> Result<Option<String>, Refusal> {
        let found = self.linked(LinkPurpose::Invitation, token).await?;
        Ok(found.map(|account| account.email))
    }

    /// The address of the account whose password this token resets; `None` if it is not valid.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn resettable(&self, token: &str) -> Result<Option<String>, Refusal> {
        let found = self.linked(LinkPurpose::Reset, token).await?;
        Ok(found.map(|account| account.email))
    }

    async fn linked(&self, purpose: LinkPurpose, token: &str) -> Result<Option<Account>, Refusal> {
        let (mut connection, now) = (self.store.read().await?, self.clock.now());
        Ok(links::account(&mut connection, purpose, &digest(token), now).await?)
    }

    /// Sets the first password of an account that was invited, and returns its address.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] if the token is not valid; [`Kind::TooMany`] after the fifth such failure
    /// from a network; [`Kind::Invalid`] under `password`.
    pub async fn accept_invitation(
        &self,
        token: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<String, Refusal> {
        let (purpose, action) = (LinkPurpose::Invitation, Action::AcceptInvitation);
        self.set_by_link(purpose, action, token, password, origin)
            .await
    }

    /// Sets a new password in the place of one that was forgotten, ends the sessions of the account, and
    /// returns its address. Its tokens stay.
    ///
    /// # Errors
    /// As [`Accounts::accept_invitation`].
    pub(crate) async fn reset_by_link(
        &self,
        token: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<String, Refusal> {
        let (purpose, action) = (LinkPurpose::Reset, Action::ChangePassword);
        self.set_by_link(purpose, action, token, password, origin)
            .await
    }

    async fn set_by_link(
        &self,
        purpose: LinkPurpose,
        action: Action,
        token: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<String, Refusal> {
        let result = self
            .try_set_by_link(purpose, action, token, password, origin)
            .await;
        if let Err(refusal) = &result {
            self.record_refused_link(action, origin, refusal).await;
        }
        result
    }

    /// Checks that the network of a request with a mailed link does not have to wait.
    ///
    /// # Errors
    /// [`Kind::TooMany`] after the fifth link from there that was not valid.
    pub(crate) fn check_link_network(&self, origin: &Origin) -> Result<(), Refusal> {
        let keys: Vec<_> = networks(origin).collect();
        self.throttle.check(&keys, self.clock.monotonic())
    }

    /// Counts a mailed link that was not valid, as a failed sign-in.
    pub(crate) fn count_wrong_link(&self, origin: &Origin) {
        let keys: Vec<_> = networks(origin).collect();
        self.throttle.failed(&keys, self.clock.monotonic());
    }

    /// Records the refusal of a request with a mailed link.
    pub(crate) async fn record_refused_link(
        &self,
        action: Action,
        origin: &Origin,
        refusal: &Refusal,
    ) {
        let by = self.refused_by("mailed link".to_owned(), origin, refusal);
        self.audit.record_refusal(by, action, refusal).await;
    }

    async fn try_set_by_link(
        &self,
        purpose: LinkPurpose,
        action: Action,
        token: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<String, Refusal> {
        self.check_link_network(origin)?;
        let Some(account) = self.linked(purpose, token).await? else {
            self.count_wrong_link(origin);
            return Err(not_valid(purpose));
        };
        let hash = self.hasher.hash(password, &account.email).await?;
        let mut work = self.store.begin().await?;
        // The account first, as all that change it do: another order could be a deadlock.
        let enabled = accounts::lock(&mut work, &account.id).await?;
        let now = self.clock.now();
        if !enabled || !links::take(&mut work, purpose, &digest(token), now).await? {
            return Err(not_valid(purpose));
        }
        accounts::set_password(&mut work, &account.id, &hash).await?;
        sessions::end_all(&mut work, &account.id, None).await?;
        let by = Signature::new(&account.email, origin);
        let detail = match purpose {
            LinkPurpose::Invitation => "",
            LinkPurpose::Reset => "mailed link",
        };
        self.audit.record(&mut work, by, action, detail).await?;
        commit(work).await?;
        if purpose == LinkPurpose::Reset {
            // No link is valid now.
            self.reset_limits.mails.forget(&account.id);
        }
        Ok(account.email)
    }
}
