//! Delivery to relays: sessions, results, failover, fairness and workers on several nodes.

mod chunking;
mod failover;
mod fairness;
mod in_doubt;
mod interruptions;
mod lifetime;
mod nodes;
mod not_begun;
mod refusals;
mod relay_failures;
mod silent_relays;
mod unanswered;
