//! Causes at the sending side: the client, its account, the sender and the sender's domain.

pub mod account;
pub mod domain_authentication;
pub mod identity;
pub mod reputation;
pub mod sender;
