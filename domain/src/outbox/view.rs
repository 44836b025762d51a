//! Views of the outbox: rows, messages, delivery events, counts and workers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use super::{Cursor, MessageAction, Priority, RecipientState, RelayChoice, SuppressionLimit};
use crate::cause::Finding;
use crate::{Failure, Timestamp};

/// A row of the list: a message for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// The id of the message.
    pub id: String,
    /// The index of the recipient within the message, from 0.
    pub position: i64,
    /// When the message was accepted.
    pub accepted: Timestamp,
    /// The envelope sender; `<>` is the null sender.
    pub from: String,
    /// The recipient's address.
    pub to: String,
    /// The decoded subject.
    pub subject: String,
    /// The priority class in the queue.
    pub priority: Priority,
    /// The delivery state.
    pub state: RecipientState,
    /// Whether a worker holds a lease on the recipient.
    pub leased: bool,
    /// The number of failed attempts.
    pub attempts: i64,
    /// The time of the next attempt; none when there is none.
    pub due: Option<Timestamp>,
    /// The last reply or failure.
    pub reply: Option<String>,
}

/// A page of the list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRows {
    /// The rows.
    pub lines: Vec<OutboxRow>,
    /// The cursor of the next page; none on the last page.
    pub next: Option<Cursor>,
}

/// A message with its recipients and their delivery events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// The id of the message.
    pub id: String,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// The account that submitted it; `local` for a program of this machine without an account, empty for
    /// the command line.
    pub by: String,
    /// The envelope sender; `<>` is the null sender.
    pub from: String,
    /// The decoded subject.
    pub subject: String,
    /// The priority class in the queue.
    pub priority: Priority,
    /// The Message-ID header field with its angle brackets.
    pub message_id: String,
    /// The size in octets.
    pub size: i64,
    /// Whether the content is still stored.
    pub kept: bool,
    /// Whether no viewer may see the content, because it may contain a link that sets a password.
    pub confidential: bool,
    /// Its recipients, by index.
    pub recipients: Vec<RecipientView>,
    /// The relays of the message if it is due and none of them takes messages; otherwise the relays that
    /// it is pinned to and that take none.
    pub waits_for: Vec<UnavailableRelay>,
    /// The opens, if they are tracked.
    pub opens: Option<MessageOpens>,
}

/// Loads of the image of a message whose opens are tracked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageOpens {
    /// The number of loads, of all recipients together.
    pub opens: i64,
    /// The time of the first load.
    pub first: Option<Timestamp>,
    /// The time of the last load.
    pub last: Option<Timestamp>,
}

/// A relay that takes no messages at present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnavailableRelay {
    /// The name that an administrator gave the relay.
    pub name: String,
    /// Whether it is the own relay of the account.
    pub own: bool,
    /// The condition in which it takes none: it backs off, does not reply, or is at its limit of
    /// messages.
    pub backoff: BackoffView,
}

/// A recipient of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientView {
    /// The index within the message, from 0.
    pub position: i64,
    /// The recipient's address.
    pub address: String,
    /// The delivery state.
    pub state: RecipientState,
    /// Whether a worker holds a lease on the recipient.
    pub leased: bool,
    /// The number of failed attempts.
    pub attempts: i64,
    /// The time of the next attempt; none when there is none.
    pub due: Option<Timestamp>,
    /// The delivery events after acceptance, oldest first.
    pub timeline: Vec<DeliveryEvent>,
}

impl RecipientView {
    /// The last reply of a relay, or the failure observed instead, without the events of reports to the
    /// sender.
    pub fn last_reply(&self) -> Option<&str> {
        let results = self.timeline.iter().rev();
        let results = results.filter(|event| event.kind != EventKind::Reported);
        let mut replies = results.map(|event| event.reply.as_str());
        replies.find(|reply| !reply.is_empty())
    }
}

/// The kind of a delivery event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum EventKind {
    /// The relay accepted the message.
    Delivered,
    /// An attempt failed, and another follows.
    Deferred,
    /// The message failed permanently.
    Failed,
    /// The message may have arrived [`MAXIMAL_UNANSWERED`](super::MAXIMAL_UNANSWERED) times and is held.
    Unanswered,
    /// A person requested another attempt.
    Retried,
    /// A person requested that a delivered message be sent again.
    Resent,
    /// A person cancelled the message.
    Cancelled,
    /// A person held the message.
    Held,
    /// A person released the message.
    Released,
    /// The result was reported to the sender, or could not be reported.
    Reported,
}

impl EventKind {
    /// Whether the event is an action of a person and not an attempt.
    pub fn is_act(self) -> bool {
        matches!(
            self,
            Self::Retried | Self::Resent | Self::Cancelled | Self::Held | Self::Released
        )
    }

    /// The name in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An entry in the timeline of a recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryEvent {
    /// The time of the event.
    pub at: Timestamp,
    /// The kind of event.
    pub kind: EventKind,
    /// Host and port of the relay for an attempt, the actor for an action.
    pub by: String,
    /// The relay of an attempt and the reason of its choice, if known.
    pub choice: Option<RelayChoice>,
    /// The relay's reply, or the observed failure.
    pub reply: String,
    /// The duration of the attempt.
    pub took: Option<Duration>,
    /// Whether the whole message was sent and no reply arrived: it may have been delivered.
    pub may_have_arrived: bool,
}

/// The number of recipients in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The state.
    pub state: RecipientState,
    /// The number of recipients.
    pub number: i64,
    /// When the oldest of them was accepted.
    pub oldest: Option<Timestamp>,
}

/// The recipients that an action on all that match would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionCount {
    /// The number of recipients.
    pub number: i64,
    /// The newest message counted; none where nothing matches. Later messages are not acted on.
    pub up_to: Option<String>,
}

/// An action on all that match, of the process that carries it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkAction {
    /// The action.
    pub action: MessageAction,
    /// The account that requested it.
    pub by: String,
    /// The number of recipients that was confirmed.
    pub number: i64,
    /// The number of recipients changed so far.
    pub done: i64,
    /// The state of the action.
    pub state: BulkActionState,
    /// When the action began; for one that ended, when it ended.
    pub at: Timestamp,
}

/// The state of an action on all that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BulkActState))]
#[serde(rename_all = "lowercase")]
pub enum BulkActionState {
    /// The action is running.
    Running,
    /// All matching recipients are changed.
    Done,
    /// An administrator stopped the action.
    Stopped,
    /// The database failed.
    Failed,
}

/// A summary of the outbox and its workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// The count of every state, in the order of [`RecipientState::ALL`]. Delivered and cancelled
    /// recipients count for 24 hours after acceptance.
    pub counts: Vec<Count>,
    /// The pause of delivery, if it is paused.
    pub pause: Option<Pause>,
    /// Whether relay settings are saved.
    pub configured: bool,
    /// The running delivery workers. Without one, mail stays queued.
    pub workers: Vec<Worker>,
    /// The action on many messages that this process runs, or that ended within the last minutes.
    pub act: Option<BulkAction>,
    /// The limit of suppressions of the saved relay, once it is reached.
    pub suppression_limit: Option<SuppressionLimit>,
}

/// Delivery is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it was paused; none when a process was started with `POSTERN_HOLD_MAIL`, which cannot be
    /// ended at run time.
    pub since: Option<Timestamp>,
    /// The account or local user that paused it; the host of the process with `POSTERN_HOLD_MAIL`;
    /// [`Pause::RESTORE`] or [`Pause::MOVE`].
    pub by: String,
}

impl Pause {
    /// The value of `by` in a database that was restored from a backup.
    pub const RESTORE: &str = "postern restore";

    /// The value of `by` in a database whose rows were moved to another one.
    pub const MOVE: &str = "postern migrate";

    /// The text between [`Pause::RESTORE`] and the time at which the backup was made.
    const BACKUP: &str = ", backup of ";

    /// The value of `by` in a database that was restored from a backup made at this time.
    pub fn by_restore(backup: Option<Timestamp>) -> String {
        match backup {
            Some(at) => format!("{}{}{at}", Self::RESTORE, Self::BACKUP),
            None => Self::RESTORE.to_owned(),
        }
    }

    /// Whether delivery is paused because the database was restored from a backup, and the viewer may
    /// see that.
    pub fn is_of_restore(&self) -> bool {
        self.since.is_some() && self.by.starts_with(Self::RESTORE)
    }

    /// When the restored backup was made, if known.
    pub fn backup_time(&self) -> Option<&str> {
        let rest = self.by.strip_prefix(Self::RESTORE)?;
        rest.strip_prefix(Self::BACKUP)
    }
}

/// A delivery worker, from its last heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// The host name of its machine.
    pub host: String,
    /// The number of open connections to relays.
    pub connections: i64,
    /// The deliveries within the last minute.
    pub per_minute: i64,
    /// The median time from acceptance to delivery in the last minute.
    pub latency: Option<Duration>,
    /// The number of relays that it delivers to.
    pub relays: i64,
    /// The relays whose last attempt failed, and those that take no messages.
    pub backoffs: Vec<BackoffView>,
}

/// Whether a relay that is not healthy takes messages; the states that stop delivery come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RelayState {
    /// The relay takes no messages until an attempt succeeds; the next attempt is due later or is under
    /// way.
    #[default]
    BackingOff,
    /// The relay has messages in transmission and does not reply.
    Silent,
    /// The relay is at its limit of messages.
    AtLimit,
    /// The backoff is over, and the next message tries the relay again.
    HalfOpen,
}

impl RelayState {
    /// Whether the relay takes no messages because of failures, not because of a limit.
    pub const fn is_failing(self) -> bool {
        matches!(self, Self::BackingOff | Self::Silent)
    }
}

/// The backoff of a relay after failures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackoffView {
    /// Host and port.
    pub relay: String,
    /// The id of a relay of the organisation; none for one of an account, and in the heartbeat of an
    /// earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name of a relay of the organisation, if known. It is not stored, but looked up by every read.
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id of the account with this own relay; none for a relay of the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Whether the relay takes messages.
    #[serde(default)]
    pub state: RelayState,
    /// The last failure.
    pub failure: Failure,
    /// The cause of the failure, if known. It is not stored, but looked up by every read.
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Finding>,
    /// The time of the first failure in a row.
    pub since: Timestamp,
    /// The time of the next connection attempt.
    pub next: Timestamp,
}

impl BackoffView {
    /// Whether the backoff belongs to the relay of the organisation with this id and address. Several
    /// relays may have the same address, each with a user name of its own.
    pub fn is_of(&self, id: &str, address: &str) -> bool {
        let has_id = self.id.as_deref().is_none_or(|known| known == id);
        has_id && self.account.is_none() && self.relay == address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Stage};

    #[test]
    fn a_report_is_not_the_reply_of_a_relay() {
        use EventKind::{Deferred, Failed, Reported, Retried};
        for (events, last) in [
            (&[][..], None),
            (&[(Deferred, "450 later")][..], Some("450 later")),
            (&[(Failed, "550 no"), (Reported, "sent")], Some("550 no")),
            (&[(Failed, "550 no"), (Retried, "")], Some("550 no")),
            (&[(Reported, "sent")], None),
        ] {
            let timeline = events.iter().map(|(kind, reply)| DeliveryEvent {
                at: Timestamp(0),
                kind: *kind,
                by: String::new(),
                choice: None,
                reply: (*reply).to_owned(),
                took: None,
                may_have_arrived: false,
            });
            let recipient = RecipientView {
                position: 0,
                address: "desk@example.net".to_owned(),
                state: RecipientState::Failed,
                leased: false,
                attempts: 1,
                due: None,
                timeline: timeline.collect(),
            };
            assert_eq!(recipient.last_reply(), last);
        }
    }

    #[test]
    fn a_backoff_is_of_one_relay_of_the_organisation() {
        let backoff = |id: Option<&str>, account: Option<&str>| BackoffView {
            relay: "smtp.example.org:587".to_owned(),
            id: id.map(str::to_owned),
            name: None,
            account: account.map(str::to_owned),
            state: RelayState::BackingOff,
            failure: Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused"),
            cause: None,
            since: Timestamp(0),
            next: Timestamp(1),
        };
        for (id, account, address, expected) in [
            (Some("global"), None, "smtp.example.org:587", true),
            (Some("global"), None, "smtp.example.org:25", false),
            (Some("01JD"), None, "smtp.example.org:587", false),
            (None, None, "smtp.example.org:587", true),
            (None, Some("01JE"), "smtp.example.org:587", false),
        ] {
            let found = backoff(id, account).is_of("global", address);
            assert_eq!(found, expected, "{id:?} {account:?} {address}");
        }
    }

    #[test]
    fn the_pause_of_a_restoration_names_the_time_of_the_backup() {
        let pause = |by: &str| Pause {
            since: Some(Timestamp(0)),
            by: by.to_owned(),
        };
        let restored = pause(&Pause::by_restore(Some(Timestamp(0))));
        assert!(restored.is_of_restore());
        assert_eq!(restored.backup_time(), Some("1970-01-01 00:00 UTC"));
        let unknown = pause(&Pause::by_restore(None));
        assert!(unknown.is_of_restore());
        assert_eq!(unknown.backup_time(), None);
        for by in ["admin@example.org", "uid 0", ""] {
            let pause = pause(by);
            assert!(
                !pause.is_of_restore() && pause.backup_time().is_none(),
                "{by}"
            );
        }
    }
}
