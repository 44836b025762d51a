//! Causes, and the rules that lead to them.

use serde::Serialize;

use super::class::CauseClass;
use super::reading::Evidence;

/// A known cause of a failure, with steps to resolve it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cause {
    /// The title in a few words, such as `The port is filtered`. It is unique among all causes.
    pub title: &'static str,
    /// The class of the failure.
    pub class: CauseClass,
    /// The explanation in one sentence.
    pub cause: &'static str,
    /// The steps to resolve it, in order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub steps: &'static [&'static str],
}

/// A rule of the tables.
pub(super) struct Rule {
    /// Phrases of which the reply contains one, in the form of `ReplyText`. Empty for a rule
    /// by code or fault.
    pub words: &'static [&'static str],
    /// Whether the rule matches beyond its words. The first matching rule of the tables counts.
    pub when: fn(&Evidence<'_>) -> bool,
    pub cause: &'static Cause,
}
