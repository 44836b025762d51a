//! The test rig of `bench`, `crash` and `powercut`: Postern over HTTP, PostgreSQL and a relay.

pub mod environment;
pub mod http;
pub mod metrics;
pub mod postern;
pub mod postgres;
pub mod process;
pub mod random;
pub mod sink;

use std::{thread::sleep, time::Duration};

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
