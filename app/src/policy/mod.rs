//! The organisation's policy: its page and its forms.

mod forms;
mod networks;
mod page;
mod request;

pub(crate) use forms::forms;
pub use page::PolicyPage;

/// The page and its form.
pub const POLICY: &str = "/settings/policy";

/// The form of the networks of administrators.
pub const POLICY_NETWORKS: &str = "/settings/policy/networks";
