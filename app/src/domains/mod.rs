//! Domains: the pages that list and check From domains, and the forms of DKIM keys.

mod badge;
mod domain_page;
mod finding;
mod forms;
mod key_row;
mod list_page;
mod removal_page;
mod requests;

pub use domain_page::DomainPage;
pub(crate) use finding::Finding;
pub(crate) use forms::forms;
pub use list_page::DomainsPage;
pub use removal_page::DkimKeyRemovalPage;
pub use requests::{DkimKeyId, typed_domain_path};

/// The page that lists the From domains.
pub const DOMAINS: &str = "/domains";

/// The form that makes a DKIM key.
pub const MAKE_DKIM_KEY: &str = "/domains/keys";

/// The form that activates a DKIM key.
pub const ACTIVATE_DKIM_KEY: &str = "/domains/keys/activate";

/// The page that asks whether to remove a DKIM key, and its form.
pub const REMOVE_DKIM_KEY: &str = "/domains/keys/remove";

/// The page of a domain.
pub fn domain_path(domain: &str) -> String {
    format!("{DOMAINS}/{domain}")
}
