//! The arguments of commands on who may do what: accounts, tokens, their limits and the policy.

pub mod account;
mod limits;
pub mod policy;
pub mod token;
