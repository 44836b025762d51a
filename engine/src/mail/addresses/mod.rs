//! Addresses in messages: mailboxes, lists of them, recipients, and who may send from which.

pub(super) mod list;
pub(super) mod mailbox;
pub(super) mod recipients;
pub(super) mod sender_identity;
pub(super) mod senders;
