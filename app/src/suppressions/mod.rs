//! The suppression list: the addresses that mail is not sent to, and their removal.

mod page;

pub use page::SuppressionsPage;

use crate::request::with_query;

/// The page.
pub const SUPPRESSIONS: &str = "/suppressions";

/// The form that removes an address.
pub const REMOVE: &str = "/suppressions/remove";

/// The form that removes an address.
#[derive(serde::Deserialize)]
pub struct RemovalForm {
    pub address: String,
    /// The prefix that the list was searched for.
    #[serde(default)]
    pub prefix: String,
}

impl RemovalForm {
    /// The page with the same search and a confirmation.
    pub fn done_url(&self) -> String {
        let query = [("prefix", &self.prefix), ("removed", &self.address)];
        let query = query.into_iter().filter(|(_, value)| !value.is_empty());
        with_query(SUPPRESSIONS, query)
    }
}
