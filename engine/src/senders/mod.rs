//! The senders service: the addresses and domains that accounts may send from.
//!
//! An account sends from its own address, from addresses whose holders confirmed it by a mailed `link`,
//! and from what administrators added. The outbox enforces it.

mod link;
mod text;
mod view;

use std::sync::Arc;

use domain::settings::Stamp;
use domain::{Kind, Refusal};

pub use link::{RequestedSender, SENDER_CONFIRMATION_PATH};
pub use view::{SenderState, SenderView};

use crate::accounts::Accounts;
use crate::audit::{Action, Audit};
use crate::mail::SenderIdentity;
use crate::outbox::Outbox;
use crate::rate_limit::RateLimit;
use crate::settings::Settings;
use crate::store::accounts::sender_identities::{self, SenderRow};
use crate::store::accounts::{self, Account};
use crate::store::relays::routing;
use crate::store::{Connection, Store, StoreError, commit};
use crate::{Actor, Clock};

/// The most addresses and domains of an account.
const MOST: usize = 100;

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Senders {
    store: Store,
    clock: Clock,
    audit: Audit,
    /// Its version of the routing is that of what acceptance knows.
    settings: Settings,
    accounts: Accounts,
    outbox: Arc<Outbox>,
    public_url: Arc<str>,
    /// Limits the mails that ask for confirmations: of an account to 10 an hour.
    mails_of_account: Arc<RateLimit>,
    /// Limits the mails to an address, from all accounts together, to 3 an hour.
    mails_to_address: Arc<RateLimit>,
}

/// An address or a domain to add, with its key.
struct NewSender {
    address: String,
    key: String,
    is_domain: bool,
}

impl NewSender {
    /// Parses what was typed.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `address`; [`Kind::Conflict`] if it is the account's own address.
    fn parse(text: &str, account: &Account) -> Result<Self, Refusal> {
        let refused = |fault| Refusal::of(Kind::Invalid, "address", fault);
        let identity = SenderIdentity::parse(text).map_err(refused)?;
        let key = identity.key().unwrap_or_default();
        let own = SenderIdentity::parse(&account.email).ok();
        if own.and_then(|own| own.key()).as_ref() == Some(&key) {
            let text = "The account sends from its own address already.";
            return Err(Refusal::of(Kind::Conflict, "address", text));
        }
        Ok(Self {
            address: identity.to_string(),
            key,
            is_domain: matches!(identity, SenderIdentity::Domain(_)),
        })
    }
}

impl Senders {
    pub(crate) fn new(
        store: Store,
        clock: Clock,
        audit: Audit,
        settings: Settings,
        accounts: Accounts,
        outbox: Arc<Outbox>,
        public_url: &str,
    ) -> Self {
        Self {
            store,
            clock,
            audit,
            settings,
            accounts,
            outbox,
            public_url: public_url.trim_end_matches('/').into(),
            mails_of_account: Arc::new(RateLimit::an_hour(10)),
            mails_to_address: Arc::new(RateLimit::an_hour(3)),
        }
    }

    /// What the actor's own account may send from: its address first. Only administrators see the name
    /// of an administrator who added one.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a token that does not read, and for a local user.
    pub async fn own(&self, actor: &Actor) -> Result<Vec<SenderView>, Refusal> {
        actor.reads()?;
        let account = actor.own_account()?;
        let views = self.views(&account.id, &account.email).await?;
        if actor.oversees() {
            return Ok(views);
        }
        let views = views.into_iter();
        Ok(views
            .map(|view| view.without_person(&account.email))
            .collect())
    }

    /// What an account may send from, for administrators.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id`; [`Kind::Forbidden`] for other actors.
    pub async fn of_account(&self, actor: &Actor, id: &str) -> Result<Vec<SenderView>, Refusal> {
        let account = self.accounts.read(actor, id).await?;
        self.views(&account.id, &account.email).await
    }

    async fn views(&self, account: &str, email: &str) -> Result<Vec<SenderView>, Refusal> {
        let rows = sender_identities::of_account(&mut *self.store.read().await?, account).await?;
        let now = self.clock.now();
        let others = rows.into_iter().map(|row| SenderView::new(row, now));
        Ok([SenderView::own(email)].into_iter().chain(others).collect())
    }

    /// Adds an address or a domain to an account, without a confirmation, for administrators.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `address`, also if the account has 100 already; [`Kind::Conflict`] under
    /// `address` if it may send from it already; [`Kind::NotFound`] under `id`; [`Kind::Forbidden`] for
    /// other actors than administrators, and for tokens that are limited.
    pub async fn add_for(
        &self,
        actor: &Actor,
        id: &str,
        address: &str,
    ) -> Result<SenderView, Refusal> {
        let added = async {
            actor.manages_accounts()?;
            let account = self.administered(actor, id).await?;
            let new = NewSender::parse(address, &account)?;
            let now = self.clock.now();
            let mut work = self.store.begin().await?;
            lock(&mut work, &account).await?;
            let version = routing::raise(&mut work).await?;
            if let Some(waiting) = self.unconfirmed(&mut work, &account, &new.key).await? {
                sender_identities::remove(&mut work, &waiting.id).await?;
            }
            let row = SenderRow {
                by_administrator: true,
                confirmed_at: Some(now),
                ..self.row(actor, &account, new)
            };
            sender_identities::add(&mut work, &row, None).await?;
            let detail = format!("{} for {}", row.address, account.email);
            self.audit
                .record(&mut work, actor, Action::AddSender, detail)
                .await?;
            commit(work).await?;
            self.settings.announce(version);
            Ok(SenderView::new(row, now))
        };
        self.audit.audited(actor, Action::AddSender, added).await
    }

    /// Removes an address or a domain from the actor's own account.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id` if the account has none with this id; [`Kind::Forbidden`] for a
    /// local user, for a token without the scope `admin`, and for one that is limited.
    pub async fn remove(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let removed = async {
            let account = actor.changes_own_senders()?;
            self.try_remove(actor, account, id).await
        };
        self.audit
            .audited(actor, Action::RemoveSender, removed)
            .await
    }

    /// Removes an address or a domain from an account, for administrators.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id` if there is no such account, or it has none with this id;
    /// [`Kind::Forbidden`] as for [`Senders::add_for`].
    pub async fn remove_for(&self, actor: &Actor, account: &str, id: &str) -> Result<(), Refusal> {
        let removed = async {
            actor.manages_accounts()?;
            let account = self.administered(actor, account).await?;
            self.try_remove(actor, &account, id).await
        };
        self.audit
            .audited(actor, Action::RemoveSender, removed)
            .await
    }

    async fn try_remove(&self, actor: &Actor, account: &Account, id: &str) -> Result<(), Refusal> {
        let mut work = self.store.begin().await?;
        let version = routing::raise(&mut work).await?;
        let row = of_account(&mut work, account, id).await?;
        sender_identities::remove(&mut work, &row.id).await?;
        let detail = format!("{} of {}", row.address, account.email);
        self.audit
            .record(&mut work, actor, Action::RemoveSender, detail)
            .await?;
        commit(work).await?;
        self.settings.announce(version);
        Ok(())
    }

    /// An account of the actor's administration.
    async fn administered(&self, actor: &Actor, id: &str) -> Result<Account, Refusal> {
        let view = self.accounts.read(actor, id).await?;
        Ok(Account {
            id: view.id,
            email: view.email,
            role: view.role,
        })
    }

    /// The address or domain of an account that waits for its confirmation; `None` where there is none.
    ///
    /// # Errors
    /// [`Kind::Conflict`] under `address` if it is confirmed; [`Kind::Invalid`] if the account has no
    /// room for another one.
    async fn unconfirmed(
        &self,
        work: &mut Connection,
        account: &Account,
        key: &str,
    ) -> Result<Option<SenderRow>, Refusal> {
        let rows = sender_identities::of_account(work, &account.id).await?;
        let number = rows.len();
        match rows.into_iter().find(|row| row.key == key) {
            Some(row) if row.confirmed_at.is_some() => {
                let text = "The account may send from this already.";
                Err(Refusal::of(Kind::Conflict, "address", text))
            }
            None if number >= MOST => {
                let text = format!(
                    "An account has at most {MOST} sender addresses. Remove one that is not needed."
                );
                Err(Refusal::of(Kind::Invalid, "address", text))
            }
            found => Ok(found),
        }
    }

    /// The row of a new address or domain that is not confirmed.
    fn row(&self, actor: &Actor, account: &Account, new: NewSender) -> SenderRow {
        SenderRow {
            id: ulid::Ulid::new().to_string(),
            account: account.id.clone(),
            address: new.address,
            key: new.key,
            added: Stamp {
                at: self.clock.now(),
                by: actor.name().to_owned(),
            },
            by_administrator: false,
            confirmed_at: None,
            expires_at: None,
        }
    }
}

/// Locks the account, first of all rows, as all that change accounts do.
///
/// # Errors
/// [`Kind::Conflict`] if it is disabled or deleted.
async fn lock(work: &mut Connection, account: &Account) -> Result<(), Refusal> {
    match accounts::lock(work, &account.id).await? {
        true => Ok(()),
        false => {
            let text = "The account is disabled or deleted. Enable it first.";
            Err(Refusal::new(Kind::Conflict, text))
        }
    }
}

/// The address or domain of an account with an id.
///
/// # Errors
/// [`Kind::NotFound`] under `id`.
async fn of_account(
    connection: &mut Connection,
    account: &Account,
    id: &str,
) -> Result<SenderRow, Refusal> {
    // PostgreSQL accepts no NUL in a text.
    let found: Result<_, StoreError> = match id.contains(char::is_control) {
        true => Ok(None),
        false => sender_identities::by_id(connection, id).await,
    };
    let own = found?.filter(|row| row.account == account.id);
    own.ok_or_else(|| {
        let text = "The account has no sender address with this id.";
        Refusal::of(Kind::NotFound, "id", text)
    })
}
