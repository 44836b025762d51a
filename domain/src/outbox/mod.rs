//! The outbox: recipient states, actions on messages, retry schedules, reports and views.

mod backoff;
mod delivery_status;
mod disposition;
mod failures;
mod priority;
mod queue;
mod report;
mod route;
mod search;
mod suppression;
mod view;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::refusal::TextFault;

pub use backoff::{
    Jitter, MAXIMAL_BACKOFF, MAXIMAL_QUEUE_LIFETIME, is_expired, message_backoff, relay_backoff,
    remaining_lifetime,
};
pub use delivery_status::DeliveryStatus;
pub use disposition::{
    Disposition, MAXIMAL_UNANSWERED, disposition, exceeds_recipients_limit, is_suppressible,
    relay_wide_refusal,
};
pub use failures::{FailedRecipient, FailureGroup, RecentFailures, group_failures};
pub use priority::{Priority, PriorityLimits};
pub use queue::QueueKind;
pub use report::{
    DELAYED_AFTER, ReportAction, ReportCause, ReportedResult, WantedReports, is_delayed,
};
pub use route::{RelayChoice, RelayCondition, SkippedRelay};
pub use search::{Cursor, MessagePosition, Search, Selection, is_id};
pub use suppression::{Suppression, SuppressionLimit, SuppressionSearch};
pub use view::{
    ActionCount, BackoffView, BulkAction, BulkActionState, Count, DeliveryEvent, EventKind,
    MessageOpens, MessageView, OutboxRow, OutboxRows, Overview, Pause, RecipientView, RelayState,
    UnavailableRelay, Worker,
};

/// The delivery state of a message for one recipient.
#[derive(
    Hash,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = "delivered"))]
#[serde(rename_all = "lowercase")]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = TextFault,
    parse_err_fn = unknown_recipient_state
)]
pub enum RecipientState {
    /// Postern accepted the message and has not attempted its delivery yet.
    Queued,
    /// An attempt failed temporarily, and another one follows.
    Deferred,
    /// The message is held until a person releases it: it was accepted during a pause, a person held it,
    /// or it may have arrived [`MAXIMAL_UNANSWERED`] times.
    Held,
    /// The relay accepted the message.
    Delivered,
    /// The message was refused permanently, or not delivered within [`MAXIMAL_QUEUE_LIFETIME`]. It can
    /// be retried.
    Failed,
    /// An administrator cancelled the message.
    Cancelled,
}

impl RecipientState {
    /// Every state, in the order of a message's life.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The name in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
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

fn unknown_recipient_state(_: &str) -> TextFault {
    "Choose queued, deferred, held, delivered, failed or cancelled."
}

/// An action of an administrator on messages. It applies only to recipients in certain states, and
/// not to leased ones.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = TextFault,
    parse_err_fn = unknown_message_action
)]
pub enum MessageAction {
    /// Attempt delivery now and restart the backoff.
    Retry,
    /// Send the same bytes of a delivered message again. The action applies to single messages only.
    Resend,
    /// Cancel the message.
    Cancel,
    /// Hold the message.
    Hold,
    /// Release a held message.
    Release,
}

impl MessageAction {
    /// Every action, in display order.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The name in JSON and in the audit log.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The states that the action applies to.
    pub const fn applies_to(self) -> &'static [RecipientState] {
        match self {
            Self::Retry => &[RecipientState::Deferred, RecipientState::Failed],
            Self::Resend => &[RecipientState::Delivered],
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
            Self::Retry | Self::Resend | Self::Release => RecipientState::Queued,
            Self::Cancel => RecipientState::Cancelled,
            Self::Hold => RecipientState::Held,
        }
    }
}

fn unknown_message_action(_: &str) -> TextFault {
    "Choose retry, resend, cancel, hold or release."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_the_database_and_in_json() {
        for state in RecipientState::ALL {
            let json = serde_json::to_value(state).expect("serialises");
            assert_eq!(json, state.as_str());
            assert_eq!(state.as_str().parse(), Ok(*state));
            assert_eq!(state.title().to_lowercase(), state.as_str());
        }
        for action in MessageAction::ALL {
            let json = serde_json::to_value(action).expect("serialises");
            assert_eq!(json, action.as_str());
            assert_eq!(action.as_str().parse(), Ok(*action));
        }
        for kind in [
            "delivered",
            "deferred",
            "failed",
            "retried",
            "resent",
            "cancelled",
            "held",
            "released",
            "reported",
        ] {
            let parsed: EventKind = kind.parse().expect("an event kind");
            assert_eq!(parsed.as_str(), kind);
            assert_eq!(serde_json::to_value(parsed).expect("serialises"), kind);
        }
        let fault = "parked".parse::<RecipientState>().expect_err("unknown");
        assert!(fault.contains("queued, deferred"));
        let fault = "drop".parse::<MessageAction>().expect_err("unknown");
        assert!(fault.contains("retry, resend"));
    }

    #[test]
    fn an_action_applies_to_the_states_it_can_change() {
        use MessageAction::{Cancel, Hold, Release, Resend, Retry};
        use RecipientState::{Cancelled, Deferred, Delivered, Failed, Held, Queued};
        for (action, states, result) in [
            (Retry, &[Deferred, Failed][..], Queued),
            (Resend, &[Delivered], Queued),
            (Cancel, &[Queued, Deferred, Held, Failed], Cancelled),
            (Hold, &[Queued, Deferred], Held),
            (Release, &[Held], Queued),
        ] {
            assert_eq!(action.applies_to(), states);
            assert_eq!(action.leads_to(), result);
        }
    }
}
