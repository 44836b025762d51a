//! The outbox: mail that was handed over, and what becomes of it for each recipient.

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

/// What has become of a mail for one recipient. Stored as it is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecipientState {
    /// Accepted, and not tried yet.
    Queued,
    /// Tried; the relay said to come back, or the line broke.
    Deferred,
    /// Kept back until somebody releases it.
    Held,
    /// The relay took it.
    Delivered,
    /// The relay refused it for good, or five days are over. It stays until somebody decides.
    Failed,
    /// Somebody decided that it is not to be sent.
    Cancelled,
}

impl RecipientState {
    /// In the order of a mail's life.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Deferred,
        Self::Held,
        Self::Delivered,
        Self::Failed,
        Self::Cancelled,
    ];

    /// As stored, and as the API names it.
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

    /// What a person reads.
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

/// What an administrator may do with mail that is in the outbox. It touches only mail in the states
/// it is for, and none that is on a connection at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageAction {
    /// Try it now, with patience anew.
    Retry,
    /// Never send it.
    Cancel,
    /// Keep it back.
    Hold,
    /// Let what is held go.
    Release,
}

impl MessageAction {
    pub const ALL: [Self; 4] = [Self::Retry, Self::Cancel, Self::Hold, Self::Release];

    /// As the API names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Hold => "hold",
            Self::Release => "release",
        }
    }

    /// The states it is for.
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

    /// The state it leaves mail in.
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
