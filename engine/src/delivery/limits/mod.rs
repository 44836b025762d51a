//! Limits of a worker whatever its connections: mails in doubt and octets in memory, by relay.

pub(super) mod in_doubt;
pub(super) mod message_memory;
mod permits;
mod shares;
