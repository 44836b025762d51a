//! Accepting connections, Unix sockets and their peers, and sockets of the service manager.

pub mod accept;
pub mod inherited;
pub mod peer;
pub mod unix_listener;
