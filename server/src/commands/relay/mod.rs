//! The commands that try relays and domains: `diagnose`, `send-test`, `probe` and `check-domain`.

pub mod check_domain;
pub mod diagnose;
pub mod probe;
