//! Limits of connections: their number, and the times in which clients send and take data.

use std::time::Duration;

use crate::http::origin::address::TrustedProxies;

/// How long a client may be silent before a request head is complete: the first, or the next after a
/// response. Proxies keep idle connections open for a minute.
const IDLE: Duration = Duration::from_secs(75);

/// How long a client may take to send a request head, from its first octet.
const HEAD: Duration = Duration::from_secs(10);

/// The largest request head, in octets. A larger one is answered 431.
pub const HEAD_MAX: usize = 16 * 1024;

/// How long a client without a request may still send one once the process stops.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a client may take nothing of a response. One that does not read would keep its connection
/// for ever, and be busy where others wait for room.
const WRITE: Duration = Duration::from_secs(10);

/// How many connections are served at once, and for how long one may be silent.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections in all. Where they are used up, new ones wait, and those without a complete request
    /// head are closed, the oldest first.
    pub connections: usize,
    /// Connections of one address, or of one IPv6 network of 64 bits. Further ones are closed.
    pub per_address: usize,
    /// Proxies, whose connections are those of many clients.
    pub proxies: TrustedProxies,
    /// The time until a request head is complete.
    pub idle: Duration,
    /// The time for a request head from its first octet.
    pub head: Duration,
    /// The time in which a client takes a part of a response.
    pub write: Duration,
    /// The time in which a client may send one more request once the process stops.
    pub drain: Duration,
}

impl Limits {
    pub fn new(connections: usize, per_address: usize, proxies: TrustedProxies) -> Self {
        Self {
            connections,
            per_address,
            proxies,
            idle: IDLE,
            head: HEAD,
            write: WRITE,
            drain: DRAIN,
        }
    }
}
