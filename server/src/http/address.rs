//! The address of a client: the peer, or the X-Forwarded-For of a trusted proxy.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The networks of proxies whose X-Forwarded-For is trusted.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

#[derive(Debug, thiserror::Error)]
#[error("{0} is not a network, as in 10.0.0.0/8 or 192.0.2.7")]
pub struct NotANetwork(String);

impl TrustedProxies {
    /// Parses networks or addresses separated by commas.
    pub fn parse(list: &str) -> Result<Self, NotANetwork> {
        list.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| {
                item.parse()
                    .or_else(|_| item.parse().map(|address: IpAddr| address.into()))
                    .map_err(|_| NotANetwork(item.to_owned()))
            })
            .collect::<Result<Arc<[IpNet]>, _>>()
            .map(Self)
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0
            .iter()
            .any(|network| network.contains(&address.to_canonical()))
    }

    /// The client's address: the last one in X-Forwarded-For that is not a trusted proxy, if the
    /// peer itself is one.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let forwarded = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect::<Vec<_>>();
        for hop in forwarded.iter().rev() {
            if !self.contain(client) {
                break;
            }
            match hop.trim().parse::<IpAddr>() {
                Ok(address) => client = address.to_canonical(),
                Err(_) => break,
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_names_the_client() {
        for (trusted, peer, header, client) in [
            ("", "192.0.2.1", "198.51.100.7", "192.0.2.1"),
            ("10.0.0.0/8", "10.1.1.1", "198.51.100.7", "198.51.100.7"),
            ("10.0.0.0/8", "192.0.2.1", "198.51.100.7", "192.0.2.1"),
            (
                "10.0.0.0/8",
                "10.1.1.1",
                "203.0.113.9, 198.51.100.7, 10.2.2.2",
                "198.51.100.7",
            ),
            ("10.0.0.0/8", "10.1.1.1", "nonsense", "10.1.1.1"),
            (
                "127.0.0.1",
                "::ffff:127.0.0.1",
                "2001:db8::1",
                "2001:db8::1",
            ),
        ] {
            let proxies = TrustedProxies::parse(trusted).expect("networks");
            let headers = HeaderMap::from_iter([(
                axum::http::HeaderName::from_static("x-forwarded-for"),
                header.parse().expect("a header"),
            )]);
            let found = proxies.client(peer.parse().expect("an address"), &headers);
            assert_eq!(found.to_string(), client, "{trusted} {peer} {header}");
        }
        assert!(TrustedProxies::parse("10.0.0.0/8, proxy.example").is_err());
    }
}
