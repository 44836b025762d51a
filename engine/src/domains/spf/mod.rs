//! SPF (RFC 7208): the record of a domain, its evaluation for an address, and records to suggest.

mod evaluation;
#[cfg(test)]
mod evaluation_tests;
mod macros;
mod record;
mod suggestion;

pub use evaluation::{SpfOutcome, SpfResult, evaluate, is_spf};
pub use record::SpfRecord;
pub use suggestion::{covering_mechanism, merged};
