//! Which addresses Postern may connect to: the operator's lists, and what is denied by default.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use thiserror::Error;

/// Denied unless the operator allows them by name: "this host", link-local, and the metadata
/// addresses at which clouds give a machine its credentials.
const BUILT_IN: [&str; 9] = [
    "0.0.0.0/8",
    "::/128",
    "169.254.0.0/16",
    "fe80::/10",
    "169.254.169.254/32",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
    "100.100.100.200/32",
    "168.63.129.16/32",
];

/// The networks that Postern may and may not connect to.
///
/// Of all networks that contain an address the most specific one decides, as in routing; of equally
/// specific ones the operator's denial, then the operator's permission, then the built-in denials.
/// An address in no network is allowed, also an internal one. For example:
/// - `deny = 10.0.0.0/8`, `allow = 10.1.2.3`: only this relay of network 10;
/// - `deny = 0.0.0.0/0, ::/0`, `allow = 192.0.2.25`: only this relay;
/// - `allow = 0.0.0.0/0` allows nothing more; `allow = 169.254.7.0/24` allows that link-local
///   network.
///
/// An IPv6 address that carries an IPv4 address (IPv4-mapped, NAT64, 6to4) must be allowed as both.
#[derive(Clone, Debug)]
pub struct AddressPolicy {
    rules: Vec<Rule>,
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    network: IpNet,
    /// Among rules of the same prefix length the highest decides.
    rank: u8,
    allows: bool,
}

/// An entry of the operator's lists that is no network.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{0}` is neither an IP address nor a network such as 192.0.2.0/24")]
pub struct PolicyError(pub String);

impl Default for AddressPolicy {
    fn default() -> Self {
        let rules = BUILT_IN
            .iter()
            .filter_map(|text| text.parse().ok())
            .map(|network| Rule {
                network,
                rank: 0,
                allows: false,
            })
            .collect();
        Self { rules }
    }
}

impl AddressPolicy {
    /// Parses the operator's two lists: addresses or networks in CIDR notation, separated by
    /// commas. Either may be empty.
    ///
    /// # Errors
    /// The first entry that cannot be read.
    pub fn parse(allow: &str, deny: &str) -> Result<Self, PolicyError> {
        let mut policy = Self::default();
        for (list, rank, allows) in [(allow, 1, true), (deny, 2, false)] {
            for entry in list.split(',').map(str::trim).filter(|e| !e.is_empty()) {
                policy.rules.push(Rule {
                    network: network(entry).ok_or_else(|| PolicyError(entry.to_owned()))?,
                    rank,
                    allows,
                });
            }
        }
        Ok(policy)
    }

    /// Whether Postern may connect to this very address.
    pub fn permits(&self, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        self.decide(canonical) && embedded_v4(canonical).is_none_or(|v4| self.decide(v4.into()))
    }

    fn decide(&self, address: IpAddr) -> bool {
        self.rules
            .iter()
            .filter(|rule| rule.network.contains(&address))
            .max_by_key(|rule| (rule.network.prefix_len(), rule.rank))
            .is_none_or(|rule| rule.allows)
    }
}

/// A network, or a single address as one. IPv4-mapped addresses count as IPv4.
fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address.to_canonical()));
    }
    text.parse::<IpNet>().ok().map(|network| network.trunc())
}

/// The IPv4 address inside an IPv6 address of NAT64 (RFC 6052) or 6to4 (RFC 3056), or of the
/// deprecated IPv4-compatible form.
fn embedded_v4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if v6 != Ipv6Addr::LOCALHOST => v4(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(allow: &str, deny: &str, address: &str) -> bool {
        AddressPolicy::parse(allow, deny)
            .unwrap()
            .permits(address.parse().unwrap())
    }

    #[test]
    fn every_built_in_network_can_be_read() {
        assert_eq!(AddressPolicy::default().rules.len(), BUILT_IN.len());
    }

    #[test]
    fn internal_networks_are_allowed_and_metadata_is_not() {
        for (address, allowed) in [
            ("192.0.2.1", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("10.0.0.25", true),
            ("fd12:3456::25", true),
            ("2001:db8::25", true),
            ("::ffff:192.0.2.1", true),
            ("0.0.0.0", false),
            ("::", false),
            ("169.254.169.254", false),
            ("169.254.1.1", false),
            ("::ffff:169.254.169.254", false),
            ("::169.254.169.254", false),
            ("64:ff9b::169.254.169.254", false),
            ("2002:a9fe:a9fe::1", false),
            ("fe80::1", false),
            ("febf::1", false),
            ("fd00:ec2::254", false),
            ("100.100.100.200", false),
            ("::ffff:100.100.100.200", false),
            ("100.100.100.201", true),
        ] {
            assert_eq!(permits("", "", address), allowed, "{address}");
        }
    }

    #[test]
    fn the_most_specific_network_decides() {
        for (allow, deny, address, allowed) in [
            ("", "10.0.0.0/8", "10.1.2.3", false),
            ("", "10.0.0.0/8", "::ffff:10.1.2.3", false),
            ("", "::ffff:10.1.2.3", "10.1.2.3", false),
            ("10.1.2.3", "10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "10.1.2.3", "10.1.2.3", false),
            ("10.1.2.3", "10.1.2.3", "10.1.2.3", false),
            ("192.0.2.25", "0.0.0.0/0, ::/0", "192.0.2.25", true),
            ("192.0.2.25", "0.0.0.0/0, ::/0", "192.0.2.26", false),
            ("192.0.2.25", "0.0.0.0/0, ::/0", "2001:db8::1", false),
            ("0.0.0.0/0", "", "169.254.169.254", false),
            ("169.254.0.0/16", "", "169.254.7.7", true),
            ("169.254.0.0/16", "", "169.254.169.254", false),
            ("169.254.169.254", "", "169.254.169.254", true),
            ("169.254.169.254", "", "::ffff:169.254.169.254", true),
            ("fe80::/64,", " ", "fe80::1", true),
        ] {
            assert_eq!(
                permits(allow, deny, address),
                allowed,
                "allow {allow}, deny {deny}: {address}"
            );
        }
    }

    #[test]
    fn an_entry_that_is_no_network_is_named() {
        for bad in ["example.org", "10.0.0.0/33", "10.0.0", "fe80::1%eth0"] {
            assert_eq!(
                AddressPolicy::parse(&format!("192.0.2.1, {bad}"), "").unwrap_err(),
                PolicyError(bad.to_owned())
            );
        }
    }
}
