//! The mail of crash runs: its producers, its relay and webhook, and what compares them.

pub mod duplicates;
pub mod ledger;
pub mod producers;
pub mod relay;
mod smtp;
pub mod webhook;
