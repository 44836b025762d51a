//! Known causes of failures: tables of rules that map an observation to a cause with steps.
//!
//! The words of a reply outrank its codes. Of the rules by words, and of those by code, the more
//! specific come first.

mod alternatives;
mod class;
mod codes;
mod faults;
mod finding;
mod observation;
mod phrases;
mod reading;
mod rule;
mod tables;
mod words;

#[cfg(test)]
mod testing;

pub use alternatives::Alternative;
pub use class::CauseClass;
pub use finding::{Basis, Finding};
pub use observation::Observation;
use phrases::PHRASES;
use reading::Evidence;
pub use rule::Cause;
use tables::rules;

/// Finds the cause of a failure; none when no rule matches. A rule matches every 4xx and 5xx reply.
pub fn find(observation: &Observation<'_>) -> Option<Finding> {
    let evidence = Evidence::of(observation);
    let matched = PHRASES.rules_in(evidence.text());
    let (_, (by, rule)) = rules().enumerate().find(|(index, (_, rule))| {
        let worded = rule.words.is_empty() || matched.contains(*index);
        worded && (rule.when)(&evidence)
    })?;
    Some(Finding {
        cause: rule.cause,
        by,
        alternative: alternatives::of(rule.cause, &evidence),
    })
}
