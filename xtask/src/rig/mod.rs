//! The rig of `bench`, `crash`, `powercut` and `fuzz`: Postern, PostgreSQL, a relay and proxies.

pub mod balancer;
pub mod environment;
pub mod http;
pub mod metrics;
pub mod postern;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod random;
pub mod smtp;

use std::{
    thread::{available_parallelism, sleep},
    time::Duration,
};
use testkit::RelayScript;

/// The processors that this process may use; 1 where the system does not report them.
pub fn processors() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Polls `reached` every `pause`; `false` if it is still false after `limit`.
pub fn until(limit: Duration, pause: Duration, mut reached: impl FnMut() -> bool) -> bool {
    let start = std::time::Instant::now();
    while !reached() {
        if start.elapsed() > limit {
            return false;
        }
        sleep(pause);
    }
    true
}

/// A relay that accepts everything, with the extensions that matter for throughput.
pub fn accepting_relay() -> RelayScript {
    RelayScript::offering(&[
        "PIPELINING",
        "SIZE 52428800",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
    ])
}

/// As [`accepting_relay`], and with CHUNKING: several mails on a connection are in doubt at once.
pub fn chunking_relay() -> RelayScript {
    let mut script = accepting_relay();
    script.extensions.push("CHUNKING".to_owned());
    script
}
