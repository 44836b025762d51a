//! The number of connections of each client address, within a limit.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::http::origin::address::TrustedProxies;

/// The shortest time between two warnings that a client has too many connections.
const WARNING: Duration = Duration::from_secs(60);

/// The connections by address. Cheap to clone.
#[derive(Clone)]
pub struct Addresses {
    limit: usize,
    proxies: TrustedProxies,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    connections: HashMap<IpAddr, usize>,
    warned: Option<Instant>,
}

/// The permit of one connection, until it is dropped.
pub struct ConnectionPermit {
    /// `None` for a proxy, whose connections are not counted.
    counted: Option<(Addresses, IpAddr)>,
}

impl Addresses {
    pub fn new(limit: usize, proxies: TrustedProxies) -> Self {
        Self {
            limit,
            proxies,
            open: Arc::default(),
        }
    }

    /// Counts a connection; `None` where its address has as many as it may. The log says so once a
    /// minute.
    pub fn enter(&self, address: IpAddr) -> Option<ConnectionPermit> {
        if self.proxies.contain(address) {
            return Some(ConnectionPermit { counted: None });
        }
        let network = network(address);
        let mut open = self.open.lock();
        let connections = open.connections.entry(network).or_default();
        if *connections < self.limit {
            *connections += 1;
            let counted = Some((self.clone(), network));
            return Some(ConnectionPermit { counted });
        }
        if open.warned.is_none_or(|at| at.elapsed() >= WARNING) {
            open.warned = Some(Instant::now());
            tracing::warn!(%address, limit = self.limit, "too many connections from one address; further ones are closed (--max-connections-per-address)");
        }
        None
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let Some((addresses, network)) = &self.counted else {
            return;
        };
        let mut open = addresses.open.lock();
        if let Some(connections) = open.connections.get_mut(network) {
            *connections -= 1;
            if *connections == 0 {
                open.connections.remove(network);
            }
        }
    }
}

/// An IPv4 address, or the first 64 bits of an IPv6 address: one customer has as many of the others as
/// it likes.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        IpAddr::V4(address) => IpAddr::V4(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_limited_number_of_connections() {
        let proxies = TrustedProxies::parse("10.0.0.0/8").expect("a network");
        let addresses = Addresses::new(2, proxies);
        let enter = |address: &str| addresses.enter(address.parse().expect("an address"));
        let permits: Vec<_> = ["192.0.2.1", "::ffff:192.0.2.1"].map(enter).into();
        assert!(permits.iter().all(Option::is_some));
        assert!(enter("192.0.2.1").is_none());
        assert!(enter("192.0.2.2").is_some(), "another address");
        drop(permits);
        assert!(enter("192.0.2.1").is_some(), "after they were dropped");
        assert_eq!(addresses.open.lock().connections.len(), 0);
    }

    #[test]
    fn a_network_of_64_bits_is_one_client() {
        let addresses = Addresses::new(1, TrustedProxies::default());
        let enter = |address: &str| addresses.enter(address.parse().expect("an address"));
        let _permit = enter("2001:db8::1").expect("a permit");
        assert!(enter("2001:db8::ffff:1").is_none());
        assert!(enter("2001:db8:0:1::1").is_some());
    }

    #[test]
    fn proxies_are_not_counted() {
        let proxies = TrustedProxies::parse("10.0.0.0/8").expect("a network");
        let addresses = Addresses::new(0, proxies);
        assert!(
            addresses
                .enter("10.1.2.3".parse().expect("an address"))
                .is_some()
        );
        assert!(
            addresses
                .enter("192.0.2.1".parse().expect("an address"))
                .is_none()
        );
    }
}
