//! The suppression list: the addresses that mail is not sent to, and their removal.

mod forms;
mod page;
mod removal;
mod search_form;

pub(crate) use forms::forms;
pub use page::SuppressionsPage;

/// The page.
pub const SUPPRESSIONS: &str = "/suppressions";

/// The form that removes addresses.
pub const REMOVE: &str = "/suppressions/remove";
