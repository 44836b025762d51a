//! The outbox service: accepts messages, answers queries on them, carries out actions.
//!
//! `accept` composes the messages of a request (`batch`, with `crate::mail`) above the reserve of `disk_space`, and
//! its `write` has `group_commit` write them: for `known_accounts`, within `limits`, in the flows of `flow_ids`, and
//! with a `reservation` leased to the worker of this process. `own_mail` is mail of Postern itself. `relays` has those
//! that mail leaves through, for people and for own mail; `queries` and `actions` are for people. `processes` are
//! those on the database, and `hold` pauses delivery in all of them for `--hold-mail`. `meter` counts, and
//! `open_tracking` counts loads of the images of messages. `spans` are for traces. Delivery is a service of its own:
//! `crate::delivery`.

mod accept;
mod actions;
mod group_commit;
mod hold;
mod meter;
mod open_tracking;
mod processes;
mod queries;
mod relays;
mod service;
#[cfg(feature = "otel")]
mod spans;

pub(crate) use accept::disk_space::DiskSpace;
pub(crate) use accept::own_mail::OwnMail;
pub(crate) use accept::reservation::LocalWorker;
pub use accept::{Accepted, Idempotency, Submissions};
pub(crate) use group_commit::request::{
    ControlState, Lease, NewMessage, WriteRequest, WriteResult,
};
pub(crate) use group_commit::transaction::KEY_LIFETIME;
pub(crate) use hold::Hold;
pub use meter::{Meter, MeterReading};
pub use open_tracking::OPEN_IMAGE_PATH;
pub(crate) use processes::{HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, forget_processes};
pub(crate) use queries::COUNTED;
pub use queries::MetricsSnapshot;
pub use queries::feed::{FeedItem, LiveFeed, OutboxQuery, OutboxView, TimedView};
pub use relays::mail_outage::MailOutage;
pub use relays::status::RelayStatus;
pub use service::Outbox;
pub(crate) use service::OutboxServices;
#[cfg(feature = "otel")]
pub use spans::{MailAttempt, MailSpan, MailSpans, MailStep};
