//! The organisation's policy: its page and its forms.

mod networks;
mod page;
mod request;

pub use networks::{TypedNetworks, networks_change};
pub use page::PolicyPage;
pub use request::policy_change;

/// The page and its form.
pub const POLICY: &str = "/settings/policy";

/// The form of the networks of administrators.
pub const POLICY_NETWORKS: &str = "/settings/policy/networks";
