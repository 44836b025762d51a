//! Parses SPF records (RFC 7208 section 4.6 and 5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The result of a mechanism that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpfQualifier {
    Pass,
    Fail,
    SoftFail,
    Neutral,
}

/// The lengths of prefixes of addresses of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpfPrefixes {
    pub v4: u8,
    pub v6: u8,
}

/// What is compared with an address. A domain that is absent is the one that is checked; it may have macros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpfMechanism {
    All,
    Include(String),
    A(Option<String>, SpfPrefixes),
    Mx(Option<String>, SpfPrefixes),
    /// It is not evaluated: RFC 7208 section 5.5 says that it should not be published.
    Ptr,
    Network(IpNet),
    Exists(String),
}

/// A mechanism with its qualifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfDirective {
    pub qualifier: SpfQualifier,
    pub mechanism: SpfMechanism,
    /// As it is written.
    pub text: String,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfRecord {
    pub directives: Vec<SpfDirective>,
    pub redirect: Option<String>,
}

impl SpfRecord {
    /// Parses a record that begins with `v=spf1`.
    ///
    /// # Errors
    /// The first fault, as in `"ip4:1" is not a network`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut record = Self {
            directives: Vec::new(),
            redirect: None,
        };
        let mut has_explanation = false;
        for term in text.split(' ').skip(1).filter(|term| !term.is_empty()) {
            if let Some((name, value)) = modifier(term) {
                let is_repeated = match name.to_ascii_lowercase().as_str() {
                    "redirect" => record.redirect.replace(domain(term, value)?).is_some(),
                    "exp" => std::mem::replace(&mut has_explanation, true),
                    _ => false,
                };
                if is_repeated {
                    return Err(format!("\"{name}\" is there twice"));
                }
            } else {
                record.directives.push(directive(term)?);
            }
        }
        Ok(record)
    }
}

/// Name and value of a modifier, as in `redirect=example.org`.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_name.then_some((name, value))
}

fn directive(term: &str) -> Result<SpfDirective, String> {
    let (qualifier, rest) = match term.as_bytes().first() {
        Some(b'+') => (SpfQualifier::Pass, &term[1..]),
        Some(b'-') => (SpfQualifier::Fail, &term[1..]),
        Some(b'~') => (SpfQualifier::SoftFail, &term[1..]),
        Some(b'?') => (SpfQualifier::Neutral, &term[1..]),
        _ => (SpfQualifier::Pass, term),
    };
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, value) = (rest[..end].to_ascii_lowercase(), &rest[end..]);
    let mechanism = match name.as_str() {
        "all" if value.is_empty() => SpfMechanism::All,
        "include" => SpfMechanism::Include(required(term, value)?),
        "exists" => SpfMechanism::Exists(required(term, value)?),
        "ptr" if value.is_empty() => SpfMechanism::Ptr,
        "ptr" => {
            required(term, value)?;
            SpfMechanism::Ptr
        }
        "a" | "mx" => {
            let (host, prefixes) = host(term, value)?;
            match name.as_str() {
                "a" => SpfMechanism::A(host, prefixes),
                _ => SpfMechanism::Mx(host, prefixes),
            }
        }
        "ip4" => SpfMechanism::Network(network::<Ipv4Addr>(term, value, 32)?),
        "ip6" => SpfMechanism::Network(network::<Ipv6Addr>(term, value, 128)?),
        _ => return Err(format!("\"{term}\" is no mechanism")),
    };
    Ok(SpfDirective {
        qualifier,
        mechanism,
        text: term.to_owned(),
    })
}

/// The domain of a term; it may have macros.
fn domain(term: &str, value: &str) -> Result<String, String> {
    let is_visible = value.bytes().all(|byte| byte.is_ascii_graphic());
    match value.is_empty() || !is_visible {
        true => Err(format!("\"{term}\" names no domain")),
        false => Ok(value.to_owned()),
    }
}

/// The domain after a colon.
fn required(term: &str, value: &str) -> Result<String, String> {
    domain(term, value.strip_prefix(':').unwrap_or_default())
}

/// The domain and the prefixes of `a` and `mx`, as in `:example.org/24//64`.
fn host(term: &str, value: &str) -> Result<(Option<String>, SpfPrefixes), String> {
    // Within braces a slash is a delimiter of a macro.
    let mut is_macro = false;
    let slash = value.find(|c: char| {
        match c {
            '{' => is_macro = true,
            '}' => is_macro = false,
            _ => {}
        }
        c == '/' && !is_macro
    });
    let (name, lengths) = value.split_at(slash.unwrap_or(value.len()));
    let name = match name {
        "" => None,
        name => Some(required(term, name)?),
    };
    let wrong = || format!("\"{term}\" has no valid length of a prefix");
    let (v4, v6) = match lengths.split_once("//") {
        Some((v4, v6)) => (v4, Some(v6)),
        None => (lengths, None),
    };
    let v4 = match v4 {
        "" => Some(32),
        text => text.strip_prefix('/').and_then(|text| length(text, 32)),
    };
    let v6 = v6.map_or(Some(128), |text| length(text, 128));
    match (v4, v6) {
        (Some(v4), Some(v6)) => Ok((name, SpfPrefixes { v4, v6 })),
        _ => Err(wrong()),
    }
}

fn length(text: &str, most: u8) -> Option<u8> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = text == "0" || !text.starts_with('0');
    text.parse::<u8>()
        .ok()
        .filter(|length| is_number && is_short && *length <= most)
}

fn network<A: std::str::FromStr + Into<IpAddr>>(
    term: &str,
    value: &str,
    most: u8,
) -> Result<IpNet, String> {
    let parsed = || {
        let text = value.strip_prefix(':')?;
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, length(prefix, most)?),
            None => (text, most),
        };
        let address: A = address.parse().ok()?;
        IpNet::new(address.into(), prefix).ok()
    };
    parsed().ok_or_else(|| format!("\"{term}\" is no network"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mechanisms_are_parsed() {
        let whole = SpfPrefixes { v4: 32, v6: 128 };
        let net = |text: &str| SpfMechanism::Network(text.parse().expect("a network"));
        let org = || Some("example.org".to_owned());
        for (term, qualifier, mechanism) in [
            ("all", SpfQualifier::Pass, SpfMechanism::All),
            ("-ALL", SpfQualifier::Fail, SpfMechanism::All),
            ("~all", SpfQualifier::SoftFail, SpfMechanism::All),
            ("?all", SpfQualifier::Neutral, SpfMechanism::All),
            ("a", SpfQualifier::Pass, SpfMechanism::A(None, whole)),
            ("+mx", SpfQualifier::Pass, SpfMechanism::Mx(None, whole)),
            (
                "a:example.org",
                SpfQualifier::Pass,
                SpfMechanism::A(org(), whole),
            ),
            (
                "a:example.org/24",
                SpfQualifier::Pass,
                SpfMechanism::A(org(), SpfPrefixes { v4: 24, v6: 128 }),
            ),
            (
                "mx/30//64",
                SpfQualifier::Pass,
                SpfMechanism::Mx(None, SpfPrefixes { v4: 30, v6: 64 }),
            ),
            (
                "mx//64",
                SpfQualifier::Pass,
                SpfMechanism::Mx(None, SpfPrefixes { v4: 32, v6: 64 }),
            ),
            (
                "a:%{d1r/}.example.org/8",
                SpfQualifier::Pass,
                SpfMechanism::A(
                    Some("%{d1r/}.example.org".to_owned()),
                    SpfPrefixes { v4: 8, v6: 128 },
                ),
            ),
            ("ip4:192.0.2.1", SpfQualifier::Pass, net("192.0.2.1/32")),
            ("-ip4:192.0.2.0/24", SpfQualifier::Fail, net("192.0.2.0/24")),
            (
                "ip6:2001:db8::/32",
                SpfQualifier::Pass,
                net("2001:db8::/32"),
            ),
            ("ptr:example.org", SpfQualifier::Pass, SpfMechanism::Ptr),
            (
                "include:example.org",
                SpfQualifier::Pass,
                SpfMechanism::Include("example.org".to_owned()),
            ),
            (
                "exists:%{ir}.example.org",
                SpfQualifier::Pass,
                SpfMechanism::Exists("%{ir}.example.org".to_owned()),
            ),
        ] {
            let record = SpfRecord::parse(&format!("v=spf1  {term} ")).expect(term);
            let expected = SpfDirective {
                qualifier,
                mechanism,
                text: term.to_owned(),
            };
            assert_eq!(record.directives, [expected]);
        }
    }

    #[test]
    fn modifiers_are_parsed() {
        let record = SpfRecord::parse("v=spf1 mx redirect=_spf.example.com exp=e.%{d} new=1");
        let record = record.expect("valid");
        assert_eq!(record.redirect.as_deref(), Some("_spf.example.com"));
        assert_eq!(record.directives.len(), 1);
    }

    #[test]
    fn faults_are_named() {
        for term in [
            "foo",
            "all:example.org",
            "include",
            "include:",
            "exists:",
            "a:",
            "a/33",
            "a/024",
            "a//129",
            "a/24/64",
            "mx:example.org/",
            "ip4",
            "ip4:",
            "ip4:192.0.2",
            "ip4:192.0.2.1/33",
            "ip4:2001:db8::1",
            "ip6:192.0.2.1",
            "ip6:2001:db8::/129",
            "redirect=",
            "redirect=a redirect=b",
            "exp=a exp=b",
            "1x=a",
            "-",
        ] {
            let parsed = SpfRecord::parse(&format!("v=spf1 {term}"));
            assert!(parsed.is_err(), "{term}: {parsed:?}");
        }
    }

    proptest! {
        #[test]
        fn any_record_is_parsed_or_refused(
            text in "(v=spf1)?([ +~?-]|a|mx|ip4|ip6|include|exists|redirect|[:/=.%{}0-9ü]){0,30}",
        ) {
            drop(SpfRecord::parse(&text));
        }
    }
}
