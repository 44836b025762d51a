//! The organisation's policy: its page and its form.

mod page;
mod request;

pub use page::PolicyPage;
pub use request::policy_change;

/// The page and its form.
pub const POLICY: &str = "/settings/policy";
