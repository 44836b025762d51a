//! The outbox: recipient states, actions on messages, retry schedules and views.

mod backoff;
mod disposition;
mod search;
mod view;

use serde::{Deserialize, Serialize};

pub use backoff::{Jitter, MAXIMAL_QUEUE_LIFETIME, message_backoff, relay_backoff};
pub use disposition::{Disposition, disposition, is_suppressible};
pub use search::{Cursor, Search, Selection, is_id};
pub use view::{
    BackoffView, Count, DeliveryEvent, EventKind, MessageView, OutboxRow, OutboxRows, Overview,
    Pause, RecipientView, Suppression, Worker,
};

/// The delivery state of a message for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecipientState {
    /// Accepted and not attempted yet.
    Queued,
    /// Attempted with a transient failure; another attempt follows.
    Deferred,
    /// Kept back until it is released.
    Held,
    /// Accepted by the relay.
    Delivered,
    /// Permanently refused, or not delivered within [`MAXIMAL_QUEUE_LIFETIME`]. It can be retried.
    Failed,
    /// Cancelled by an administrator.
    Cancelled,
}

impl RecipientState {
    /// Every state, in the order of a message's life.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Deferred,
        Self::Held,
        Self::Delivered,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name in the database and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Deferred => "deferred",
            Self::Held => "held",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The title on the page.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Deferred => "Deferred",
            Self::Held => "Held",
            Self::Delivered => "Delivered",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }
}

impl std::str::FromStr for RecipientState {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or("Choose queued, deferred, held, delivered, failed or cancelled.")
    }
}

/// An action of an administrator on messages. It applies only to recipients in certain states, and
/// not to leased ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageAction {
    /// Attempt delivery now and restart the backoff.
    Retry,
    /// Do not send it.
    Cancel,
    /// Keep it back.
    Hold,
    /// Release it after a hold.
    Release,
}

impl MessageAction {
    /// Every action, in display order.
    pub const ALL: [Self; 4] = [Self::Retry, Self::Cancel, Self::Hold, Self::Release];

    /// The name in JSON and in the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Hold => "hold",
            Self::Release => "release",
        }
    }

    /// The states it applies to.
    pub const fn applies_to(self) -> &'static [RecipientState] {
        match self {
            Self::Retry => &[RecipientState::Deferred, RecipientState::Failed],
            Self::Cancel => &[
                RecipientState::Queued,
                RecipientState::Deferred,
                RecipientState::Held,
                RecipientState::Failed,
            ],
            Self::Hold => &[RecipientState::Queued, RecipientState::Deferred],
            Self::Release => &[RecipientState::Held],
        }
    }

    /// The resulting state.
    pub const fn leads_to(self) -> RecipientState {
        match self {
            Self::Retry | Self::Release => RecipientState::Queued,
            Self::Cancel => RecipientState::Cancelled,
            Self::Hold => RecipientState::Held,
        }
    }
}

impl std::str::FromStr for MessageAction {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|act| act.as_str() == text)
            .ok_or("Choose retry, cancel, hold or release.")
    }
}
