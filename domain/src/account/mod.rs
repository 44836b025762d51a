//! Rules of accounts: the length of their passwords, and how long mailed links work.

pub mod mailed_link;
pub mod password;
