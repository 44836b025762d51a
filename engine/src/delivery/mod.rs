//! The delivery service: takes messages from the outbox to the relay. Several nodes may run it.
//!
//! `scheduler` leases messages that are due, in the shares of their flows, and admits those that are just
//! being accepted; `leases` holds and renews what is leased. `pool` holds the local queues and connections,
//! and chooses the relay of a message by what `relay` knows of it: its route, circuit, concurrency limit,
//! quota and pipelining. `task` delivers over one connection, one message after the other or several ahead;
//! `disposition` turns replies into results and records them. `limits` bounds the messages in doubt and the
//! octets in memory, with a share for each relay. `worker` has the parts of a worker, `heartbeat` reports
//! it, `delays` are reported to senders, `retention` deletes old rows, and `pulse` says whether the loop takes
//! its turns.

mod config;
mod delays;
mod disposition;
mod heartbeat;
mod leases;
mod limits;
mod pool;
mod pulse;
mod relay;
mod retention;
mod scheduler;
mod service;
mod task;
mod worker;

pub(crate) use config::DeliveryServices;
pub use config::{DeliveryConfig, Retention};
pub use pulse::DeliveryPulse;
pub(crate) use pulse::LastTurn;
pub use service::Delivery;
