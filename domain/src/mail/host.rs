//! Relay hosts, domain name syntax and address literals.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The host of a relay: a DNS name (RFC 1123 section 2.1) or an IP address. Non-ASCII labels are valid;
/// the engine converts them to A-labels. An IPv6 address may be in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A DNS name in lower case without a trailing dot.
    Name(String),
    /// An IP address.
    Address(IpAddr),
}

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err("Enter the host name or IP address of the relay.");
        }
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Some(inner) = bare {
            return inner
                .parse::<Ipv6Addr>()
                .map(|address| Self::Address(IpAddr::V6(address)))
                .map_err(|_| "This is not an IPv6 address, as in [2001:db8::25].");
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address));
        }
        if text.contains("://") || text.contains('/') {
            return Err("Enter only the host name, without https:// and without a path.");
        }
        if let Some((_, port)) = text.rsplit_once(':')
            && port.bytes().all(|b| b.is_ascii_digit())
        {
            return Err("Enter only the host name; the port has its own field.");
        }
        if text.contains('@') {
            return Err("This is an e-mail address; enter the host name of the relay.");
        }
        check_name(text)?;
        Ok(Self::Name(text.trim_end_matches('.').to_lowercase()))
    }
}

impl Host {
    /// Host and port, with an IPv6 address in brackets (RFC 3986 section 3.2.2).
    pub fn with_port(&self, port: u16) -> String {
        match self {
            Self::Address(address) => SocketAddr::new(*address, port).to_string(),
            Self::Name(name) => format!("{name}:{port}"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Validates the syntax of a domain name: labels of 1 to 63 octets, 253 in total, letters, digits and
/// inner hyphens (RFC 1123 section 2.1). Underscores are valid because internal hosts use them.
///
/// # Errors
/// The first fault, as a sentence for the user.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > 253 {
        return Err("A host name has at most 253 bytes.");
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err("A host name cannot begin with a dot or contain two in a row.");
        }
        if label.len() > 63 {
            return Err("A part of a host name between two dots has at most 63 bytes.");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("A part of a host name cannot begin or end with a hyphen.");
        }
        if !label
            .chars()
            .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        {
            return Err(
                "A host name can contain only letters, digits, hyphens, underscores and dots.",
            );
        }
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    if last.bytes().all(|b| b.is_ascii_digit()) {
        return Err("This is neither a host name nor an IPv4 address (four numbers 0 to 255).");
    }
    Ok(())
}

/// Whether `name` is `domain` or a name below it. Both are in lower case.
pub(crate) fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Formats an address literal, as in `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 section 4.1.3).
pub fn address_literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("[{v4}]"),
        IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
    }
}

/// Parses an address literal (RFC 5321 section 4.1.3).
pub fn parse_address_literal(text: &str) -> Option<IpAddr> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    if let Some(v6) = inner
        .get(..5)
        .filter(|tag| tag.eq_ignore_ascii_case("IPv6:"))
    {
        return inner[v6.len()..].parse::<Ipv6Addr>().ok().map(IpAddr::from);
    }
    inner.parse::<Ipv4Addr>().ok().map(IpAddr::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_port_is_distinguished_from_an_address() {
        for (typed, expected) in [
            ("smtp.example.org", "smtp.example.org:25"),
            ("192.0.2.1", "192.0.2.1:25"),
            ("2001:db8::1", "[2001:db8::1]:25"),
        ] {
            let host: Host = typed.parse().expect("a host");
            assert_eq!(host.with_port(25), expected);
        }
    }

    #[test]
    fn hosts_that_are_accepted() {
        for (typed, kept) in [
            ("smtp.example.org", "smtp.example.org"),
            ("SMTP.Example.ORG.", "smtp.example.org"),
            ("localhost", "localhost"),
            ("mail_relay", "mail_relay"),
            ("bücher.example", "bücher.example"),
            ("192.0.2.7", "192.0.2.7"),
            ("2001:DB8::25", "2001:db8::25"),
            ("[2001:db8::25]", "2001:db8::25"),
            ("3com.example", "3com.example"),
        ] {
            assert_eq!(
                typed.parse::<Host>().map(|h| h.to_string()).as_deref(),
                Ok(kept),
                "{typed}"
            );
        }
    }

    #[test]
    fn hosts_that_are_refused() {
        for typed in [
            "",
            "smtp example",
            "smtp..example",
            "-smtp.example",
            "smtp-.example",
            "https://smtp.example",
            "smtp.example:587",
            "me@smtp.example",
            "256.1.1.1",
            "1.2.3",
            "[192.0.2.7]",
            "smtp.example\r\nQUIT",
            "smtp\0.example",
            &"a".repeat(64),
            &format!("{}.example", "a.".repeat(130)),
        ] {
            assert!(typed.parse::<Host>().is_err(), "{typed:?}");
        }
    }

    #[test]
    fn limits_are_exact() {
        assert_eq!(check_name(&"a".repeat(63)), Ok(()));
        let name = |last| format!("{}{}", "a.".repeat(125), "b".repeat(last));
        assert_eq!(check_name(&name(3)), Ok(()));
        assert!(check_name(&name(4)).is_err());
    }

    #[test]
    fn the_fault_names_the_mistake() {
        for (text, word) in [
            ("smtp.example:587", "port"),
            ("smtp.example:", "port"),
            ("a:b", "letters"),
            ("smtp.example/", "without a path"),
            ("me@smtp.example", "e-mail address"),
            ("[::1", "port"),
            ("1.2.3.400", "four numbers"),
        ] {
            let fault = text.parse::<Host>().expect_err("not valid");
            assert!(fault.contains(word), "{text}: {fault}");
        }
    }

    #[test]
    fn literals_need_brackets_and_the_tag_of_their_version() {
        for (text, parsed) in [
            ("[192.0.2.1]", true),
            ("[ipv6:2001:db8::1]", true),
            ("[2001:db8::1]", false),
            ("[IPv6:192.0.2.1]", false),
            ("192.0.2.1", false),
            ("[192.0.2.1", false),
            ("[é]", false),
        ] {
            assert_eq!(parse_address_literal(text).is_some(), parsed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_parsed_host_is_a_host_again(text in prop_oneof!["[A-Za-z0-9.:é_-]{0,80}", any::<String>()]) {
            if let Ok(host) = text.parse::<Host>() {
                let shown = host.to_string();
                prop_assert!(!shown.chars().any(|c| c.is_control() || c.is_whitespace()));
                prop_assert_eq!(shown.parse::<Host>(), Ok(host));
            }
        }

        #[test]
        fn an_address_survives_its_literal(address in any::<IpAddr>()) {
            prop_assert_eq!(parse_address_literal(&address_literal(address)), Some(address));
        }
    }
}
