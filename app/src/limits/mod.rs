//! Limits of what accounts and tokens send: what is left of them, and the form that changes them.

mod fields;
mod forms;
mod page;
mod remaining;
mod request;

pub use fields::{LimitFields, typed_limit};
pub(crate) use forms::forms;
pub use page::LimitsPage;
pub use remaining::{LimitFacts, LimitLines, OwnLimitsSection};
pub use request::{LimitsTarget, TypedLimits};

/// The page with the limits of an account or a token, and its form.
pub const LIMITS: &str = "/accounts/limits";
