//! Unix sockets and their peers, and listening sockets that the service manager opened.

pub mod inherited;
pub mod peer;
pub mod unix_listener;
