//! What console, engine and interfaces say of accounts: their passwords, and links that are mailed to them.

pub mod mailed_link;
pub mod password;
