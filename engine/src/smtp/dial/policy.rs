//! Which addresses Postern may connect to: the operator's lists, and what is denied by default.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};
use thiserror::Error;

/// Denied unless the operator allows them by name: "this host", link-local, and the metadata
/// addresses at which clouds give a machine its credentials.
const BUILT_IN: [&str; 11] = [
    "0.0.0.0/8",
    "::/128",
    "169.254.0.0/16",
    "fe80::/10",
    "169.254.169.254/32",
    "192.0.0.192/32",
    "fd00:ec2::23/128",
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
    /// The operator's prefixes of NAT64, beside the well-known one and those of RFC 8215.
    nat64: Vec<Ipv6Net>,
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    network: IpNet,
    /// Among rules of the same prefix length the highest decides.
    rank: u8,
    allows: bool,
}

/// An entry of the operator's lists that is invalid.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PolicyError {
    /// Of the networks that are allowed or denied.
    #[error("`{0}` is neither an IP address nor a network such as 192.0.2.0/24")]
    Network(String),
    /// Of the prefixes of NAT64.
    #[error(
        "`{0}` is not a NAT64 prefix, which is an IPv6 network of 32, 40, 48, 56, 64 or 96 bits"
    )]
    Nat64(String),
}

impl Default for AddressPolicy {
    fn default() -> Self {
        Self::denying(&BUILT_IN)
    }
}

impl AddressPolicy {
    /// Denies these networks, and no others.
    pub(super) fn denying(networks: &[&str]) -> Self {
        let rules = networks
            .iter()
            .filter_map(|text| text.parse().ok())
            .map(|network| Rule {
                network,
                rank: 0,
                allows: false,
            })
            .collect();
        Self {
            rules,
            nat64: Vec::new(),
        }
    }

    /// Parses the operator's two lists: addresses or networks in CIDR notation, separated by
    /// commas. Either may be empty.
    ///
    /// # Errors
    /// The first entry that cannot be read.
    pub fn parse(allow: &str, deny: &str) -> Result<Self, PolicyError> {
        Self::default().with_lists(allow, deny)
    }

    /// Adds the entries of two lists, which decide over the built-in networks of the same length.
    pub(super) fn with_lists(mut self, allow: &str, deny: &str) -> Result<Self, PolicyError> {
        for (list, rank, allows) in [(allow, 1, true), (deny, 2, false)] {
            for entry in entries(list) {
                self.rules.push(Rule {
                    network: network(entry)
                        .ok_or_else(|| PolicyError::Network(entry.to_owned()))?,
                    rank,
                    allows,
                });
            }
        }
        Ok(self)
    }

    /// Adds the prefixes of the operator's own NAT64 (RFC 6052 section 2.2), separated by commas.
    ///
    /// # Errors
    /// The first entry that is not an IPv6 network with one of the prefix lengths of RFC 6052.
    pub fn with_nat64(mut self, prefixes: &str) -> Result<Self, PolicyError> {
        for entry in entries(prefixes) {
            let prefix = entry
                .parse()
                .ok()
                .filter(|prefix: &Ipv6Net| PREFIX_LENGTHS.contains(&prefix.prefix_len()));
            let prefix = prefix.ok_or_else(|| PolicyError::Nat64(entry.to_owned()))?;
            self.nat64.push(prefix.trunc());
        }
        Ok(self)
    }

    /// Whether Postern may connect to this very address.
    pub fn permits(&self, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        let mut embedded = self.embedded_v4(canonical).into_iter();
        self.decide(canonical) && embedded.all(|v4| self.decide(v4.into()))
    }

    /// The IPv4 addresses that an IPv6 address may stand for.
    fn embedded_v4(&self, address: IpAddr) -> Vec<Ipv4Addr> {
        let IpAddr::V6(v6) = address else {
            return Vec::new();
        };
        let mut found: Vec<Ipv4Addr> = embedded_v4(v6).into_iter().collect();
        if LOCAL_NAT64.contains(&v6) {
            // A translator's prefix inside this network may have any length. What begins with 0 is
            // no address of a host, but zeros of a longer prefix.
            let lengths = PREFIX_LENGTHS.iter().filter(|length| **length >= 48);
            let possible = lengths.map(|length| translated(v6, *length));
            found.extend(possible.filter(|v4| v4.octets()[0] != 0));
        }
        let own = self.nat64.iter().filter(|prefix| prefix.contains(&v6));
        found.extend(own.map(|prefix| translated(v6, prefix.prefix_len())));
        found
    }

    fn decide(&self, address: IpAddr) -> bool {
        self.rules
            .iter()
            .filter(|rule| rule.network.contains(&address))
            .max_by_key(|rule| (rule.network.prefix_len(), rule.rank))
            .is_none_or(|rule| rule.allows)
    }
}

/// The entries of a list separated by commas.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    let entries = list.split(',').map(str::trim);
    entries.filter(|entry| !entry.is_empty())
}

/// A network, or a single address as one. IPv4-mapped addresses count as IPv4.
fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address.to_canonical()));
    }
    text.parse::<IpNet>().ok().map(|network| network.trunc())
}

/// The prefixes for local use by NAT64 (RFC 8215).
const LOCAL_NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48);

/// The prefix lengths of RFC 6052 section 2.2.
const PREFIX_LENGTHS: [u8; 6] = [32, 40, 48, 56, 64, 96];

/// The IPv4 address after a NAT64 prefix of this length (RFC 6052 section 2.2), which octet 8
/// interrupts.
fn translated(v6: Ipv6Addr, prefix_length: u8) -> Ipv4Addr {
    let octets = v6.octets();
    let first = usize::from(prefix_length / 8);
    let mut after = (first..16).filter(|index| *index != 8);
    let mut next = || after.next().map_or(0, |index| octets[index]);
    Ipv4Addr::new(next(), next(), next(), next())
}

/// The IPv4 address inside an IPv6 address of NAT64's well-known prefix (RFC 6052), of 6to4
/// (RFC 3056), or of the deprecated IPv4-compatible form.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
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
            ("192.0.0.192", false),
            ("fd00:ec2::23", false),
            ("64:ff9b:1::a9fe:a9fe", false),
            ("64:ff9b:1:a9fe:a9:fe00::", false),
            ("64:ff9b:1:0:a9:fea9:fe00:0", false),
            ("64:ff9b:1:a9:fe:a9fe::", false),
            ("64:ff9b:1::c000:201", true),
        ] {
            assert_eq!(permits("", "", address), allowed, "{address}");
        }
    }

    #[test]
    fn addresses_behind_the_operators_nat64_are_decoded() {
        for (prefix, address, allowed) in [
            ("2001:db8::/32", "2001:db8:a9fe:a9fe::", false),
            ("2001:db8::/32", "2001:db8:c000:201::", true),
            ("2001:db8:7::/48", "2001:db8:7:a9fe:a9:fe00::", false),
            ("2001:db8:7::/96", "2001:db8:7::a9fe:a9fe", false),
            (
                "2001:db8:7::/96, 2001:db8:8::/96",
                "2001:db8:8::a9fe:a9fe",
                false,
            ),
            ("2001:db8:7::/96", "2001:db8:9::a9fe:a9fe", true),
        ] {
            let policy = AddressPolicy::default().with_nat64(prefix).unwrap();
            let address = address.parse().unwrap();
            assert_eq!(policy.permits(address), allowed, "{prefix}: {address}");
        }
        for bad in ["10.0.0.0/8", "2001:db8::/33", "nat64"] {
            assert!(AddressPolicy::default().with_nat64(bad).is_err(), "{bad}");
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
                PolicyError::Network(bad.to_owned())
            );
        }
    }
}
