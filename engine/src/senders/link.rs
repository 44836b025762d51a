//! The mailed link with which the holder of an address lets an account send from it.

use domain::account::mailed_link::SENDER_LINK_LIFETIME;
use domain::{Kind, Refusal};

use super::view::SenderView;
use super::{NewSender, Senders, lock, of_account, text};
use crate::accounts::{digest, random_secret};
use crate::audit::{Action, Signature};
use crate::store::accounts::sender_identities::{self, SenderRow};
use crate::store::accounts::{self, Account};
use crate::store::commit;
use crate::store::relays::routing;
use crate::{Actor, Origin};

/// The path of the page that confirms an address, whose query has the token of the mailed link.
pub const SENDER_CONFIRMATION_PATH: &str = "/senders/confirm";

/// What the holder of an address is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedSender {
    /// The address of the account.
    pub account: String,
    /// The address that it is to send from.
    pub address: String,
}

fn not_valid() -> Refusal {
    let text = "This link has been used, has expired or is not the newest. Have a new one sent.";
    Refusal::new(Kind::Forbidden, text)
}

impl Senders {
    /// Adds an address to the actor's own account, which may be used once its holder confirms it by a
    /// mailed link, within 7 days. Where it waits already, another link is mailed, and the one before
    /// ends.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `address`, also for a domain, if the account has 100 already, and if the
    /// address is on the suppression list; [`Kind::Conflict`] under `address` if the account may send
    /// from it already; [`Kind::TooMany`] beyond 10 mails of an account and 3 to an address an hour;
    /// [`Kind::Unavailable`] where no mail leaves now; [`Kind::Forbidden`] for a local user, for a token
    /// without the scope `admin`, and for one that is limited.
    pub async fn add(&self, actor: &Actor, address: &str) -> Result<SenderView, Refusal> {
        let added = async {
            let account = actor.changes_own_senders()?;
            let new = NewSender::parse(address, account)?;
            if new.is_domain {
                let text = "Only an administrator adds a whole domain. Enter an address, or ask an \
                            administrator.";
                return Err(Refusal::of(Kind::Invalid, "address", text));
            }
            self.request(actor, account, new).await
        };
        self.audit.audited(actor, Action::AddSender, added).await
    }

    /// Mails another link for an address of the actor's own account. The one before ends.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id` if the account has no address with this id; those of
    /// [`Senders::add`].
    pub async fn send_again(&self, actor: &Actor, id: &str) -> Result<SenderView, Refusal> {
        let sent = async {
            let account = actor.changes_own_senders()?;
            let row = of_account(&mut *self.store.read().await?, account, id).await?;
            let again = NewSender {
                address: row.address,
                key: row.key,
                is_domain: false,
            };
            self.request(actor, account, again).await
        };
        self.audit.audited(actor, Action::AddSender, sent).await
    }

    async fn request(
        &self,
        actor: &Actor,
        account: &Account,
        new: NewSender,
    ) -> Result<SenderView, Refusal> {
        if self.outbox.mail_outage().await?.is_some() {
            return Err(Refusal::new(Kind::Unavailable, MAIL_IS_DOWN));
        }
        let now = self.clock.now();
        let (token, expires_at) = (random_secret(), now + SENDER_LINK_LIFETIME);
        let mut work = self.store.begin().await?;
        lock(&mut work, account).await?;
        let waiting = self.unconfirmed(&mut work, account, &new.key).await?;
        self.count_mail(account, &new.key)?;
        let is_new = waiting.is_none();
        let row = SenderRow {
            expires_at: Some(expires_at),
            ..waiting.unwrap_or_else(|| self.row(actor, account, new))
        };
        match is_new {
            true => sender_identities::add(&mut work, &row, Some(&digest(&token))).await?,
            false => {
                sender_identities::set_link(&mut work, &row.id, &digest(&token), expires_at)
                    .await?;
            }
        }
        let detail = format!("{} for {}, to be confirmed", row.address, account.email);
        self.audit
            .record(&mut work, actor, Action::AddSender, detail)
            .await?;
        commit(work).await?;
        let link = format!(
            "{}{SENDER_CONFIRMATION_PATH}?token={token}",
            self.public_url
        );
        let text = text::confirmation(&account.email, &row.address, &link, expires_at);
        let mailed = self.outbox.accept_own(&row.address, text::SUBJECT, text);
        if let Err(refusal) = mailed.await {
            if is_new {
                let mut work = self.store.begin().await?;
                sender_identities::remove(&mut work, &row.id).await?;
                commit(work).await?;
            }
            return Err(Refusal::of(refusal.kind, "address", refusal.text()));
        }
        Ok(SenderView::new(row, now))
    }

    /// Counts a mail that asks for a confirmation.
    ///
    /// # Errors
    /// [`Kind::TooMany`] with the wait in seconds.
    fn count_mail(&self, account: &Account, key: &str) -> Result<(), Refusal> {
        let now = self.clock.monotonic();
        self.mails_of_account.take(
            &account.id,
            now,
            "At most 10 confirmations of an account an hour are mailed.",
        )?;
        self.mails_to_address.take(
            key,
            now,
            "At most 3 confirmations to an address an hour are mailed.",
        )
    }

    /// What a link asks for; `None` if its token is not valid.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn asked(&self, token: &str) -> Result<Option<RequestedSender>, Refusal> {
        let mut connection = self.store.read().await?;
        let now = self.clock.now();
        let Some(row) = sender_identities::waiting(&mut connection, &digest(token), now).await?
        else {
            return Ok(None);
        };
        let account = accounts::by_id(&mut connection, &row.account).await?;
        Ok(account.map(|account| RequestedSender {
            account: account.email,
            address: row.address,
        }))
    }

    /// Lets an account send from an address, by the token of the link that was mailed there. The link
    /// proves that the request is from the holder of the address, so that it needs no sign-in.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] if the token is not valid; [`Kind::TooMany`] after the fifth such failure from
    /// a network.
    pub async fn confirm(&self, token: &str, origin: &Origin) -> Result<RequestedSender, Refusal> {
        let action = Action::ConfirmSender;
        let confirmed = self.try_confirm(token, origin).await;
        if let Err(refusal) = &confirmed {
            self.accounts
                .record_refused_link(action, origin, refusal)
                .await;
        }
        confirmed
    }

    async fn try_confirm(&self, token: &str, origin: &Origin) -> Result<RequestedSender, Refusal> {
        self.accounts.check_link_network(origin)?;
        let (digest, now) = (digest(token), self.clock.now());
        let found =
            sender_identities::waiting(&mut *self.store.read().await?, &digest, now).await?;
        let Some(row) = found else {
            self.accounts.count_wrong_link(origin);
            return Err(not_valid());
        };
        let mut work = self.store.begin().await?;
        let enabled = accounts::lock(&mut work, &row.account).await?;
        let version = routing::raise(&mut work).await?;
        if !enabled || !sender_identities::confirm(&mut work, &digest, now).await? {
            return Err(not_valid());
        }
        let account = accounts::by_id(&mut work, &row.account).await?;
        let account = account.ok_or_else(not_valid)?;
        let by = Signature::new(&row.address, origin);
        let detail = format!("{} for {}", row.address, account.email);
        self.audit
            .record(&mut work, by, Action::ConfirmSender, detail)
            .await?;
        commit(work).await?;
        self.settings.announce(version);
        Ok(RequestedSender {
            account: account.email,
            address: row.address,
        })
    }
}

/// The refusal where no mail leaves. The reason is not shown.
const MAIL_IS_DOWN: &str = "Mail is down: no confirmation can be mailed now. An administrator can add \
                            the address without one.";
