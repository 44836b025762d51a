//! The address of a client: the peer, or the X-Forwarded-For of a trusted proxy.

use std::net::{IpAddr, SocketAddr};
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

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is one of a trusted proxy.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0
            .iter()
            .any(|network| network.contains(&address.to_canonical()))
    }

    /// The client's address: the last one in X-Forwarded-For that is not a trusted proxy, if the
    /// peer itself is one.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        // From the right: what stands before the entry of a trusted proxy is the client's own claim,
        // and need not even be text.
        let values = headers.get_all("x-forwarded-for").iter().rev();
        for hop in values.flat_map(|value| value.as_bytes().rsplit(|octet| *octet == b',')) {
            if !self.contain(client) {
                break;
            }
            match hop_address(hop) {
                Some(address) => client = address.to_canonical(),
                None => break,
            }
        }
        client
    }
}

/// The address of an entry of X-Forwarded-For; some proxies add brackets or the port.
fn hop_address(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?.trim();
    let address = entry.parse().or_else(|_| {
        let bracketed = entry
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        bracketed.unwrap_or(entry).parse()
    });
    address.ok().or_else(|| {
        let with_port: SocketAddr = entry.parse().ok()?;
        Some(with_port.ip())
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

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
                "10.0.0.0/8",
                "10.1.1.1",
                "198.51.100.7:49152",
                "198.51.100.7",
            ),
            ("10.0.0.0/8", "10.1.1.1", "[2001:db8::1]", "2001:db8::1"),
            (
                "10.0.0.0/8",
                "10.1.1.1",
                "[2001:db8::1]:49152",
                "2001:db8::1",
            ),
            (
                "10.0.0.0/8",
                "10.1.1.1",
                "\u{fc}, 198.51.100.7",
                "198.51.100.7",
            ),
            (
                "10.0.0.0/8",
                "10.1.1.1",
                "198.51.100.7, nonsense",
                "10.1.1.1",
            ),
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
                HeaderValue::from_bytes(header.as_bytes()).expect("a header"),
            )]);
            let found = proxies.client(peer.parse().expect("an address"), &headers);
            assert_eq!(found.to_string(), client, "{trusted} {peer} {header}");
        }
        assert!(TrustedProxies::parse("10.0.0.0/8, proxy.example").is_err());
    }

    #[test]
    fn the_last_of_several_headers_names_the_client() {
        let proxies = TrustedProxies::parse("10.0.0.0/8").expect("networks");
        let mut headers = HeaderMap::new();
        for value in [&b"\xff\xfe"[..], b"203.0.113.9", b"198.51.100.7, 10.2.2.2"] {
            let value = HeaderValue::from_bytes(value).expect("a header");
            headers.append("x-forwarded-for", value);
        }
        let found = proxies.client("10.1.1.1".parse().expect("an address"), &headers);
        assert_eq!(found.to_string(), "198.51.100.7");
    }
}
