//! The outbox service: accepts messages, answers queries on them, carries out actions.
//!
//! `accept` has `batch` compose messages (with `crate::mail`) and `group_commit` write them, by `write` for
//! accounts that are still there.
//! `sending_limits` are those of accounts and tokens, for which the group commit counts messages.
//! `reservation` leases them to the worker of this process in the same commit. `hold` pauses delivery
//! for `--hold-mail`. `queries` (with `waiting` and `failures`), `actions`, `pause` and `suppressions`
//! are for people; `bulk_action` is the progress of an action on many messages. `own_mail` is for mail of
//! Postern itself. `meter` counts, and `open_tracking` counts loads of
//! the images of messages. `spans` are for traces. Delivery is a service of its own: `crate::delivery`.

mod accept;
mod actions;
mod batch;
mod bulk_action;
mod disk_space;
mod failures;
mod feed;
mod flow_ids;
mod group_commit;
mod hold;
mod known_accounts;
mod last_limits;
mod mail_outage;
mod meter;
mod oldest;
mod open_tracking;
mod own_mail;
mod pause;
mod queries;
mod relay_settings;
mod relay_status;
mod reservation;
mod sending_limits;
mod service;
#[cfg(feature = "otel")]
mod spans;
mod suppressions;
mod turns;
mod waiting;
mod write;

pub use accept::{Accepted, Submissions};
pub(crate) use disk_space::DiskSpace;
pub use feed::{FeedItem, LiveFeed, OutboxQuery, OutboxView, TimedView};
pub(crate) use group_commit::request::{
    ControlState, Lease, NewMessage, WriteRequest, WriteResult,
};
pub(crate) use group_commit::transaction::KEY_LIFETIME;
pub(crate) use hold::{HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, Hold, forget_processes};
pub use mail_outage::MailOutage;
pub use meter::{LATENCY_BOUNDS, Meter, MeterReading};
pub use open_tracking::OPEN_IMAGE_PATH;
pub(crate) use own_mail::OwnMail;
pub(crate) use queries::COUNTED;
pub use queries::MetricsSnapshot;
pub use relay_status::RelayStatus;
pub(crate) use reservation::LocalWorker;
pub use service::Outbox;
#[cfg(feature = "otel")]
pub use spans::{MailAttempt, MailSpan, MailSpans, MailStep};
