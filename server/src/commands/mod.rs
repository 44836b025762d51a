//! The commands other than services: how each opens Postern, and how its errors are reported.

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
