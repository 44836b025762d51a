//! What `bench`, `crash` and `powercut` share: a Postern driven from outside as its users drive it,
//! over HTTP and the command line, and the relay it delivers to.

pub mod environment;
pub mod http;
pub mod metrics;
pub mod postern;
pub mod postgres;
pub mod process;
pub mod random;
pub mod sink;

use std::{thread::sleep, time::Duration};

/// Asks again and again, at most `limit` long; whether the answer was yes.
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
