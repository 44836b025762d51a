//! A sender address as people see it.

use domain::Timestamp;
use domain::settings::Stamp;

use crate::mail::is_domain_key;
use crate::store::accounts::sender_identities::SenderRow;

/// Why an account may send from an address, or why not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderState {
    /// It is the address of the account.
    Own,
    /// Its holder confirmed it by the mailed link.
    Confirmed,
    /// An administrator added it.
    Administrator,
    /// The mailed link waits for its holder.
    Waiting,
    /// The mailed link was not used in time.
    Expired,
}

impl SenderState {
    /// Whether mail may be sent from it.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Own | Self::Confirmed | Self::Administrator)
    }
}

/// An address or a domain of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderView {
    /// A ULID; empty for the address of the account itself, which stays.
    pub id: String,
    /// The address, or the domain.
    pub address: String,
    /// Whether it is a domain: every address of it, none of its subdomains.
    pub is_domain: bool,
    /// Whether and why it may be used.
    pub state: SenderState,
    /// When and by which account it was added; `None` for the address of the account itself. Users see
    /// `an administrator` in the place of an administrator's address.
    pub added: Option<Stamp>,
    /// Since when it may be used; `None` while it may not, and for the address of the account itself.
    pub confirmed: Option<Timestamp>,
    /// When the mailed link ends or ended; `None` once it was used.
    pub expires: Option<Timestamp>,
}

impl SenderView {
    /// The address of the account itself.
    pub(super) fn own(email: &str) -> Self {
        Self {
            id: String::new(),
            address: email.to_owned(),
            is_domain: false,
            state: SenderState::Own,
            added: None,
            confirmed: None,
            expires: None,
        }
    }

    /// The view for the account with the address `own`: the address of an administrator who added the
    /// sender is replaced by `an administrator`.
    #[must_use]
    pub(super) fn without_person(mut self, own: &str) -> Self {
        if let Some(added) = self.added.as_mut().filter(|added| added.by != own) {
            "an administrator".clone_into(&mut added.by);
        }
        self
    }

    pub(super) fn new(row: SenderRow, now: Timestamp) -> Self {
        let state = match (row.confirmed_at, row.expires_at) {
            (Some(_), _) if row.by_administrator => SenderState::Administrator,
            (Some(_), _) => SenderState::Confirmed,
            (None, Some(end)) if end > now => SenderState::Waiting,
            (None, _) => SenderState::Expired,
        };
        Self {
            id: row.id,
            is_domain: is_domain_key(&row.key),
            address: row.address,
            state,
            added: Some(row.added),
            confirmed: row.confirmed_at,
            expires: row.expires_at,
        }
    }
}
