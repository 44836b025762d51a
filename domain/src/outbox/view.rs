//! What is shown of the outbox.

use serde::{Deserialize, Serialize};

use super::{Cursor, RecipientState};
use crate::{Failure, Timestamp};

/// A mail for one recipient, as a line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// The message.
    pub id: String,
    /// The recipient among those of the message, from 0.
    pub position: i64,
    pub accepted: Timestamp,
    pub from: String,
    pub to: String,
    pub subject: String,
    pub state: RecipientState,
    /// A worker has it at this moment.
    pub leased: bool,
    pub attempts: i64,
    /// When it is tried next; none when nobody will.
    pub due: Option<Timestamp>,
    /// What was last reply of it.
    pub reply: Option<String>,
}

/// A part of the list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRows {
    pub lines: Vec<OutboxRow>,
    /// Where the next page begins, if there is more.
    pub next: Option<Cursor>,
}

/// One message and all that happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    pub id: String,
    pub accepted: Timestamp,
    /// Who handed it over: an account's address, or empty where it was this machine.
    pub by: String,
    /// The sender of the envelope.
    pub from: String,
    pub subject: String,
    /// The header field, with its angle brackets.
    pub message_id: String,
    /// In octets.
    pub size: i64,
    /// Whether its bytes are still kept.
    pub kept: bool,
    pub recipients: Vec<RecipientView>,
}

/// A message for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientView {
    pub position: i64,
    pub address: String,
    pub state: RecipientState,
    pub leased: bool,
    pub attempts: i64,
    pub due: Option<Timestamp>,
    /// Oldest first; the acceptance is the message's own.
    pub timeline: Vec<DeliveryEvent>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// The relay took it.
    Delivered,
    /// An attempt failed, and another follows.
    Deferred,
    /// It failed for good.
    Failed,
    Retried,
    Cancelled,
    Held,
    Released,
}

impl EventKind {
    pub const ALL: [Self; 7] = [
        Self::Delivered,
        Self::Deferred,
        Self::Failed,
        Self::Retried,
        Self::Cancelled,
        Self::Held,
        Self::Released,
    ];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Deferred => "deferred",
            Self::Failed => "failed",
            Self::Retried => "retried",
            Self::Cancelled => "cancelled",
            Self::Held => "held",
            Self::Released => "released",
        }
    }
}

/// A row of a mail's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryEvent {
    pub at: Timestamp,
    pub kind: EventKind,
    /// The relay of an attempt, as host and port; the person of an act.
    pub by: String,
    /// The relay's words, or what was observed.
    pub reply: String,
    /// How long the attempt took, in milliseconds.
    pub took: Option<i64>,
    /// The relay had the whole mail and its answer never came.
    pub may_have_arrived: bool,
}

/// How much is in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub state: RecipientState,
    pub number: i64,
    /// When the oldest was accepted.
    pub oldest: Option<Timestamp>,
}

/// The outbox at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// Of every state, in the order of [`RecipientState::ALL`]; what was delivered or cancelled counts if it
    /// was accepted within 24 hours.
    pub counts: Vec<Count>,
    /// Everything is held: since when and by whom.
    pub pause: Option<Pause>,
    /// Whether settings are saved to deliver with.
    pub configured: bool,
    /// Those who deliver. None: mail waits until one is started.
    pub workers: Vec<Worker>,
}

/// Everything is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// None where it is so from the start (`POSTERN_HOLD_MAIL`), and no switch ends it.
    pub since: Option<Timestamp>,
    pub by: String,
}

/// A process that delivers, as it told of itself seconds ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// The machine's name.
    pub host: String,
    pub connections: i64,
    /// Delivered within the last minute.
    pub per_minute: i64,
    /// The median time from acceptance to delivery within the last minute, in milliseconds.
    pub latency: Option<i64>,
    pub trouble: Option<BackoffView>,
}

/// Why a relay is not delivered to for the moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackoffView {
    /// Host and port.
    pub relay: String,
    pub failure: Failure,
    pub since: Timestamp,
    /// When one connection tries again.
    pub next: Timestamp,
}

/// An address that a relay said there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    pub address: String,
    /// What the relay said.
    pub reply: String,
    pub listed: Timestamp,
    /// The message it reply that to.
    pub id: String,
}
