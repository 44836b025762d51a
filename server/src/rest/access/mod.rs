//! Operations on who may do what: accounts, sessions, tokens, senders, limits and the policy.

pub mod accounts;
pub mod administrator_networks;
pub mod limits;
pub mod policy;
pub mod senders;
pub mod sessions;
pub mod tokens;
