//! The outbox service: accepts messages, answers queries on them, carries out actions.
//!
//! `accept` composes messages (with `crate::mail`), and `group_commit` writes them for accounts that are still
//! there. In `accept` are also `limits`, those of accounts and tokens, for which the group commit counts messages;
//! `reservation`, which leases messages to the worker of this process in the same commit; and `own_mail`, for mail
//! of Postern itself. `queries`, `relays` and `actions` are for people; in `actions` is also `hold`, which pauses
//! delivery for `--hold-mail`. `meter` counts, and `open_tracking` counts loads of the images of messages. `spans`
//! are for traces. Delivery is a service of its own: `crate::delivery`.

mod accept;
mod actions;
mod group_commit;
mod meter;
mod open_tracking;
mod queries;
mod relays;
mod service;
#[cfg(feature = "otel")]
mod spans;

pub(crate) use accept::disk_space::DiskSpace;
pub(crate) use accept::own_mail::OwnMail;
pub(crate) use accept::reservation::LocalWorker;
pub use accept::{Accepted, Submissions};
pub(crate) use actions::hold::{HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, Hold, forget_processes};
pub(crate) use group_commit::request::{
    ControlState, Lease, NewMessage, WriteRequest, WriteResult,
};
pub(crate) use group_commit::transaction::KEY_LIFETIME;
pub use meter::{LATENCY_BOUNDS, Meter, MeterReading};
pub use open_tracking::OPEN_IMAGE_PATH;
pub(crate) use queries::COUNTED;
pub use queries::MetricsSnapshot;
pub use queries::feed::{FeedItem, LiveFeed, OutboxQuery, OutboxView, TimedView};
pub use relays::mail_outage::MailOutage;
pub use relays::status::RelayStatus;
pub use service::Outbox;
#[cfg(feature = "otel")]
pub use spans::{MailAttempt, MailSpan, MailSpans, MailStep};
