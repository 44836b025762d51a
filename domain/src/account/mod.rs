//! Accounts: views, roles, passwords, sessions, mailed links, and the policy of the organisation.

pub mod mailed_link;
pub mod password;
pub mod policy;
pub mod session;
mod view;

pub use view::{AccountState, AccountView, Role, SessionView};
