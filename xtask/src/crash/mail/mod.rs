//! The mail of crash runs: its producers, its relay and webhook, and the ledger that compares them.

pub mod ledger;
pub mod producers;
pub mod relay;
mod smtp;
pub mod webhook;
