//! The outbox: its list, message and confirm pages, and the snapshots that keep them up to date.

mod action;
mod format;
mod forms;
mod list;
mod message;
mod overview;
mod page;
mod paths;
mod public_url;
mod viewer;
mod watch;

pub use action::ConfirmPage;
pub(crate) use format::{age, ago, ahead, counted, grouped};
pub(crate) use forms::forms;
pub(crate) use overview::{Backoff, StateBadge};
pub use page::{ListPage, MessagePage};
pub(crate) use paths::list_url;
pub use paths::{ACT, CONFIRM, OUTBOX, PAUSE, STOP_ACT, message_path, source_path};
pub use public_url::PublicUrl;
pub use watch::snapshots;
