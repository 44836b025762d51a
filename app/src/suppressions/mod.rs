//! The suppression list: the addresses that mail is not sent to, and their removal.

mod page;
mod removal;
mod search_form;

pub use page::SuppressionsPage;
pub use removal::{Removal, RemovalRequest};

/// The page.
pub const SUPPRESSIONS: &str = "/suppressions";

/// The form that removes addresses.
pub const REMOVE: &str = "/suppressions/remove";
