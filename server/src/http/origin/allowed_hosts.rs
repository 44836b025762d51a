//! The host names under which the console is opened, and those of loopback.

use std::net::IpAddr;
use std::sync::Arc;

/// The host names under which a browser may use this console, in lower case.
#[derive(Clone, Debug)]
pub struct AllowedHosts(Arc<[String]>);

impl AllowedHosts {
    /// Adds `localhost` to `names`, of which empty ones are ignored.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let names = names.into_iter().chain(["localhost"]);
        let names = names.map(canonical).filter(|name| !name.is_empty());
        Self(names.collect())
    }

    /// Whether requests for `host` are answered. An IP address is always allowed: a page of another
    /// site can make a name point here, but not an address.
    pub fn allow(&self, host: &str) -> bool {
        let host = canonical(host);
        address(&host).is_some() || self.0.contains(&host)
    }
}

/// Lower case and without the dot of the root.
fn canonical(name: &str) -> String {
    name.trim().trim_end_matches('.').to_ascii_lowercase()
}

/// The address that a host is in the place of a name; IPv6 has brackets (RFC 3986 section 3.2.2).
fn address(host: &str) -> Option<IpAddr> {
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    bracketed.unwrap_or(host).parse().ok()
}

/// Whether the request names this machine's loopback interface.
pub fn is_loopback(host: &str) -> bool {
    canonical(host) == "localhost" || address(host).is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_and_addresses_are_allowed() {
        let hosts = AllowedHosts::new(["mail.example.org", "Gate", ""]);
        for (host, allowed) in [
            ("mail.example.org", true),
            ("MAIL.example.ORG.", true),
            ("gate", true),
            ("localhost", true),
            ("127.0.0.1", true),
            ("192.0.2.7", true),
            ("[::1]", true),
            ("[2001:db8::7]", true),
            ("", false),
            ("example.org", false),
            ("other.mail.example.org", false),
            ("mail.example.org.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
        ] {
            assert_eq!(hosts.allow(host), allowed, "{host}");
        }
    }

    #[test]
    fn only_loopback_is_this_machine() {
        for (host, loopback) in [
            ("localhost", true),
            ("LOCALHOST.", true),
            ("127.0.0.2", true),
            ("[::1]", true),
            ("192.0.2.7", false),
            ("[2001:db8::7]", false),
            ("mail.example.org", false),
        ] {
            assert_eq!(is_loopback(host), loopback, "{host}");
        }
    }
}
