//! The delivery service: takes messages from the outbox to the relay. Several nodes may run it.
//!
//! `claim` leases messages that are due, in the shares of `claim_shares`; `local_worker` admits those
//! that are just being accepted. `pool` holds the local queues and connections, and chooses the relay
//! of a message by `route` and `relay_health`, which `concurrency_limit`, `relay_backoff` and
//! `refusal_streak` belong to. `task` delivers over one `connection` and `ahead` several messages at
//! once, `disposition` turns replies into results, which `record` writes while `in_doubt` limits how
//! many are not on disk. `message_memory` limits the octets in memory; of both limits each relay has a
//! share (`relay_permits`, `relay_shares`). `broken_session` decides after a session that ended, and `interruptions` knows the messages that end sessions. `leases` holds
//! what is leased and `lease_renewal` renews it, `heartbeat` reports the worker and, with `resumption`,
//! the relays that take mail again, and `relay_reports` what the checks of relays have to know, `delays`
//! are reported to senders, `retention` deletes old rows, and `pulse` says whether the loop takes its
//! turns.

mod ahead;
mod broken_session;
mod claim;
mod claim_shares;
mod concurrency_limit;
mod config;
mod connection;
mod delays;
mod disposition;
#[cfg(test)]
mod disposition_tests;
mod heartbeat;
mod in_doubt;
mod interruptions;
mod lease_renewal;
mod leases;
mod local_worker;
mod message_memory;
mod pipelining;
mod pool;
mod pulse;
mod queued_message;
mod record;
mod refusal_streak;
mod relay_backoff;
mod relay_health;
mod relay_news;
mod relay_permits;
mod relay_quota;
mod relay_reports;
mod relay_shares;
mod relay_usage;
mod reservations;
mod resumption;
mod retention;
mod route;
mod service;
mod task;
mod worker;

pub(crate) use config::DeliveryServices;
pub use config::{DeliveryConfig, Retention};
pub use pulse::DeliveryPulse;
pub(crate) use pulse::LastTurn;
pub use service::Delivery;
