//! The outbox: its list, message and confirm pages, and the snapshots that keep them up to date.

mod action_request;
mod actions;
mod bulk_act;
mod confirm;
mod confirm_page;
mod content;
mod counts;
mod delivery_status;
mod empty;
mod form_result;
mod format;
mod list;
mod list_page;
mod message;
mod message_page;
mod overview;
mod page_request;
mod paths;
mod pause;
mod public_url;
mod search;
mod suppression_notice;
mod throughput;
mod timeline;
mod viewer;
mod waiting;
mod watch;

pub use action_request::ActionRequest;
pub use confirm_page::ConfirmPage;
pub(crate) use format::grouped;
pub use list_page::ListPage;
pub use message_page::MessagePage;
pub use paths::{ACT, CONFIRM, OUTBOX, PAUSE, STOP_ACT, message_path, source_path};
pub use pause::pauses;
pub use public_url::PublicUrl;
pub use watch::snapshots;
