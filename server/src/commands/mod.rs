//! The commands that act and end, how they open Postern, and how they report that they failed.

pub mod account;
pub mod audit;
pub mod backup;
pub mod bootstrap;
pub mod error;
pub mod export;
pub mod keys;
pub mod migrate;
pub mod policy;
pub mod relay;
mod senders;
pub mod setup_link;
pub mod token;
