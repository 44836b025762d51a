//! The connections of clients: their streams, their timers, and replies in order.

pub mod connection;
#[cfg(test)]
mod connection_tests;
mod deadline;
mod outgoing;
pub mod stream;
mod times;
