//! What requests carry: extractors with refusals in the envelope, memory budgets and JSON bodies.

pub mod body_budget;
pub mod extract;
pub mod json;
