//! What delivery knows of a relay: its route, circuit, concurrency, limits and pipelining.

mod backoff;
pub(super) mod circuit;
mod concurrency_limit;
pub(super) mod messages_per_connection;
pub(super) mod observations;
pub(super) mod pipelining;
pub(super) mod quota;
pub(super) mod refusal_streak;
pub(super) mod reports;
pub(super) mod resumption;
pub(super) mod route;
mod usage;
