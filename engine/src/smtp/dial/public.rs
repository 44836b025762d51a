//! Public addresses: those that the relays of accounts may have, unless the operator allows more.

use std::net::IpAddr;

use super::policy::{AddressPolicy, PolicyError};

/// The networks of the IANA special-purpose registries that are not reachable from everywhere, and
/// multicast. An IPv6 address that carries an IPv4 address is classified by its IPv4 address.
const NOT_PUBLIC: [&str; 24] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/9",
    "ff00::/8",
];

/// The addresses that relays of accounts may have: public ones, and those in networks that the
/// operator allows. [`AddressPolicy`] applies as well.
///
/// Of all networks that contain an address the most specific one decides, as in [`AddressPolicy`].
#[derive(Clone, Debug)]
pub struct PublicAddresses(AddressPolicy);

impl Default for PublicAddresses {
    fn default() -> Self {
        Self(AddressPolicy::denying(&NOT_PUBLIC))
    }
}

impl PublicAddresses {
    /// Parses the networks that are allowed although they are not public: addresses or networks in
    /// CIDR notation, separated by commas.
    ///
    /// # Errors
    /// The first entry that cannot be read.
    pub fn parse(allow: &str) -> Result<Self, PolicyError> {
        Ok(Self(Self::default().0.with_lists(allow, "")?))
    }

    /// Adds the prefixes of the operator's own NAT64, as [`AddressPolicy::with_nat64`].
    ///
    /// # Errors
    /// The first entry that is not a NAT64 prefix.
    pub fn with_nat64(self, prefixes: &str) -> Result<Self, PolicyError> {
        Ok(Self(self.0.with_nat64(prefixes)?))
    }

    /// Whether the relay of an account may have this very address.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.permits(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_allowed() {
        let public = PublicAddresses::default();
        for (address, allowed) in [
            ("8.8.8.8", true),
            ("192.1.0.1", true),
            ("172.32.0.1", true),
            ("100.128.0.1", true),
            ("2606:4700::1111", true),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::8.8.8.8", true),
            ("127.0.0.1", false),
            ("127.8.9.1", false),
            ("10.0.0.25", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.168.1.1", false),
            ("100.64.0.1", false),
            ("169.254.169.254", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("192.0.2.1", false),
            ("198.18.0.1", false),
            ("::1", false),
            ("::", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b:1::a00:1", false),
            ("2002:a00:1::1", false),
            ("2001::1", false),
            ("fd12:3456::25", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
        ] {
            let parsed = address.parse().expect("an address");
            assert_eq!(public.contain(parsed), allowed, "{address}");
        }
    }

    #[test]
    fn the_operator_allows_more_networks() {
        let allowed = PublicAddresses::parse("10.1.0.0/16, ::1").expect("networks");
        for (address, contained) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("::1", true),
            ("::ffff:10.1.2.3", true),
            ("127.0.0.1", false),
            ("8.8.8.8", true),
        ] {
            let parsed = address.parse().expect("an address");
            assert_eq!(allowed.contain(parsed), contained, "{address}");
        }
        assert!(PublicAddresses::parse("10.1.0.0/33").is_err());
        let prefix = PublicAddresses::default().with_nat64("2001:67c::/96");
        let behind = "2001:67c::a00:1".parse().expect("an address");
        assert!(!prefix.expect("a prefix").contain(behind), "10.0.0.1");
    }
}
