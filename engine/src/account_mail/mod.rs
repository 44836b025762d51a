//! Mail about accounts: invitations and password resets, with links that are used once.

mod text;

use std::sync::Arc;

use domain::account::Role;
use domain::{Kind, Refusal, SecretString};
use tokio::sync::Semaphore;

use crate::accounts::{Accounts, NewLink};
use crate::outbox::{MailOutage, Outbox};
use crate::{Actor, Origin};

/// The path of the page of an invitation, whose query has the token.
pub const INVITATION_PATH: &str = "/invitation";

/// The path of the page that resets a password, whose query has the token of a mailed link.
pub const RESET_PATH: &str = "/reset";

/// How many requests for a reset are worked on after their answer.
const REQUESTS: usize = 64;
/// When to try again where there are more, in seconds.
const RETRY_AFTER: u64 = 2;

/// An account that was invited.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The id of the account.
    pub id: String,
    /// Its address.
    pub email: String,
    /// How the link reaches the person.
    pub delivery: LinkDelivery,
}

/// How the link of an invitation reaches the person.
#[derive(Clone, Debug)]
pub enum LinkDelivery {
    /// A mail with the link is in the outbox.
    Mailed,
    /// The link is returned to the administrator, who passes it on. It is not stored.
    Returned {
        /// The link.
        link: String,
        /// Why it was not mailed.
        reason: String,
    },
}

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct AccountMail {
    accounts: Accounts,
    outbox: Arc<Outbox>,
    public_url: Arc<str>,
    requests: Arc<Semaphore>,
}

impl AccountMail {
    pub(crate) fn new(accounts: Accounts, outbox: Arc<Outbox>, public_url: &str) -> Self {
        Self {
            accounts,
            outbox,
            public_url: public_url.trim_end_matches('/').into(),
            requests: Arc::new(Semaphore::new(REQUESTS)),
        }
    }

    /// Why mail about accounts would not leave now; `None` where it would.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn outage(&self) -> Result<Option<MailOutage>, Refusal> {
        self.outbox.mail_outage().await
    }

    /// Creates an account without a password and mails an invitation to its address. Where no mail
    /// leaves now, the link is returned instead. Only administrators may.
    ///
    /// # Errors
    /// [`Kind::Invalid`] or [`Kind::Conflict`] under `email`; [`Kind::Forbidden`] for other actors than
    /// administrators, and for tokens that are limited.
    pub async fn invite(&self, actor: &Actor, email: &str, role: Role) -> Result<Invited, Refusal> {
        let link = self.accounts.invite(actor, email, role).await?;
        self.send_invitation(actor, link).await
    }

    /// Invites the person of an account without a password again. The link before ends.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id`; [`Kind::Conflict`] if the account has a password or is disabled;
    /// [`Kind::Forbidden`] as for [`AccountMail::invite`].
    pub async fn invite_again(&self, actor: &Actor, id: &str) -> Result<Invited, Refusal> {
        let link = self.accounts.invite_again(actor, id).await?;
        self.send_invitation(actor, link).await
    }

    async fn send_invitation(&self, actor: &Actor, new: NewLink) -> Result<Invited, Refusal> {
        let link = self.link(INVITATION_PATH, &new.token);
        let sent = async {
            if let Some(outage) = self.outage().await? {
                return Err(Refusal::new(Kind::Unavailable, outage.to_string()));
            }
            let by = actor.account().map(|account| account.email.as_str());
            let text = text::invitation(by, &link, new.expires_at);
            let to = &new.account.email;
            self.outbox
                .accept_own(to, text::INVITATION_SUBJECT, text)
                .await
        };
        // The account exists already: when the outbox refuses the mail, the link is returned to the
        // administrator.
        let delivery = match sent.await {
            Ok(()) => LinkDelivery::Mailed,
            Err(refusal) => LinkDelivery::Returned {
                reason: refusal.text().trim_end_matches('.').to_owned(),
                link,
            },
        };
        Ok(Invited {
            id: new.account.id,
            email: new.account.email,
            delivery,
        })
    }

    /// Requests a link that resets the password of the account with this address. The link is made and
    /// mailed after the return, so that neither the result nor its time reveals whether there is such
    /// an account.
    ///
    /// # Errors
    /// [`Kind::TooMany`] from the fifth request from the network on;
    /// [`Kind::Unavailable`] where no mail leaves now, and while too many requests are worked on.
    pub async fn request_reset(&self, email: &str, origin: &Origin) -> Result<(), Refusal> {
        self.accounts.count_reset(origin).await?;
        if self.outage().await?.is_some() {
            return Err(Refusal::new(Kind::Unavailable, MAIL_IS_DOWN));
        }
        let permit = Arc::clone(&self.requests).try_acquire_owned();
        let permit = permit.map_err(|_| Refusal {
            retry_after: Some(RETRY_AFTER),
            ..Refusal::new(
                Kind::Unavailable,
                format!("Too many requests at once. Try again in {RETRY_AFTER} s."),
            )
        })?;
        let (mail, email, origin) = (self.clone(), email.to_owned(), origin.clone());
        tokio::spawn(async move {
            if let Err(refusal) = mail.send_reset(&email, &origin).await {
                tracing::warn!(%refusal, "a link to reset a password was not mailed");
            }
            drop(permit);
        });
        Ok(())
    }

    async fn send_reset(&self, email: &str, origin: &Origin) -> Result<(), Refusal> {
        let Some(new) = self.accounts.new_reset(email, origin).await? else {
            return Ok(());
        };
        let text = text::reset(&self.link(RESET_PATH, &new.token), new.expires_at);
        self.outbox
            .accept_own(&new.account.email, text::RESET_SUBJECT, text)
            .await
    }

    /// Sets a new password by the token of a mailed link, ends the sessions of the account, and mails a
    /// notice to its person. Returns the address of the account.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] if the token is not valid; [`Kind::TooMany`] after the fifth such failure from
    /// a network; [`Kind::Invalid`] under `password`.
    pub async fn reset(
        &self,
        token: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<String, Refusal> {
        let (mail, token, origin) = (self.clone(), token.to_owned(), origin.clone());
        // To its end, also for a client that disconnects to keep the mail from being sent.
        let reset = tokio::spawn(async move { mail.try_reset(&token, password, &origin).await });
        reset.await.map_err(|_| Refusal::internal())?
    }

    async fn try_reset(
        &self,
        token: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<String, Refusal> {
        let email = self.accounts.reset_by_link(token, password, origin).await?;
        let text = text::was_reset(origin, &self.public_url);
        // The password is set, also where the mail is refused.
        if let Err(refusal) = self
            .outbox
            .accept_own(&email, text::WAS_RESET_SUBJECT, text)
            .await
        {
            tracing::warn!(%refusal, "the mail about a password that was reset was not accepted");
        }
        Ok(email)
    }

    fn link(&self, path: &str, token: &str) -> String {
        format!("{}{path}?token={token}", self.public_url)
    }
}

/// The refusal of a reset where no mail leaves. The reason is not shown.
const MAIL_IS_DOWN: &str = "Mail is down. An administrator can set your password with the command \
                            postern account passwd.";
