//! Whose webhooks a call is about, and who may read and change them.

use domain::Refusal;

use crate::Actor;

/// The owner of webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookOwner {
    /// The organisation, whose webhooks get the events of relays: they are for administrators.
    Organisation,
    /// The account of the actor, whose messages name its webhooks.
    Account,
}

impl WebhookOwner {
    /// The id of the account whose webhooks the actor reads; `None` for the organisation.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for the organisation unless the actor is an
    /// administrator; for the account for a token that does not read, and for a local user.
    pub(super) fn read_by(self, actor: &Actor) -> Result<Option<&str>, Refusal> {
        match self {
            Self::Organisation => actor.administers().map(|()| None),
            Self::Account => Ok(Some(actor.reads_own_webhooks()?.id.as_str())),
        }
    }

    /// The id of the account whose webhooks the actor changes; `None` for the organisation.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for the organisation unless the actor is an
    /// administrator; for the account for a local user, for a token without the scope `admin`, and for one
    /// that is limited.
    pub(super) fn changed_by(self, actor: &Actor) -> Result<Option<&str>, Refusal> {
        match self {
            Self::Organisation => actor.administers().map(|()| None),
            Self::Account => Ok(Some(actor.changes_own_webhooks()?.id.as_str())),
        }
    }
}
