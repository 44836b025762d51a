//! Causes at the receiving side: relaying, the recipient, the mailbox and its rules.

pub mod mailbox;
pub mod recipient;
pub mod recipient_policy;
pub mod relaying;
mod stages;
