//! What monitoring reads: metrics and probes.

pub mod metrics;
pub mod probes;
