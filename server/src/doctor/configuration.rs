//! Checks of the public URL and of the saved relays.

use std::net::SocketAddr;

use engine::RelayFindings;

use super::finding::Finding;
use crate::http::origin::address::TrustedProxies;
use crate::http::origin::public_url::PublicUrl;

/// The public URL, where `listen` is the address of HTTP, with TLS or without.
pub fn public_url(configured: Option<&str>, listen: SocketAddr, has_tls: bool) -> Finding {
    const CHECK: &str = "public URL";
    const SET: &str = "set --public-url to the URL that people use, as in https://mail.example.org";
    let url = match configured
        .filter(|url| !url.is_empty())
        .map(PublicUrl::parse)
    {
        None => PublicUrl::of(listen, has_tls),
        Some(Ok(url)) => url,
        Some(Err(error)) => return Finding::fault(CHECK, error.to_string(), SET),
    };
    if has_tls && !url.is_https() {
        let text = format!("{url} is not https, which --tls-cert serves");
        return Finding::fault(CHECK, text, SET);
    }
    if url.is_loopback() {
        let text = format!("{url} works on this machine only, also in links of mails");
        return Finding::warning(CHECK, text, SET);
    }
    if !url.is_https() {
        let text = format!("{url} is not encrypted: passwords cross the network in the open");
        let repair = "give --tls-cert and --tls-key, or put a proxy in front and set --public-url";
        return Finding::warning(CHECK, text, repair);
    }
    Finding::ok(CHECK, url.to_string())
}

/// The proxies in front, where they are not networks.
pub fn proxies(list: &str) -> Option<Finding> {
    let error = TrustedProxies::parse(list).err()?;
    let repair = "correct --trusted-proxies";
    Some(Finding::fault("trusted proxies", error.to_string(), repair))
}

/// The relays; `None` where the database cannot be read.
pub fn relay(relays: Option<&RelayFindings>) -> Finding {
    const CHECK: &str = "relay";
    match relays {
        None => Finding::warning(
            CHECK,
            "not known without a database of this version",
            "start postern serve once",
        ),
        Some(RelayFindings { number: 0, .. }) => Finding::warning(
            CHECK,
            "none is configured: accepted mail waits",
            "save the settings of a relay in the console",
        ),
        Some(RelayFindings { host: None, .. }) => Finding::fault(
            CHECK,
            "the settings of no relay are valid",
            "save them again in the console",
        ),
        Some(RelayFindings {
            number,
            host: Some(host),
        }) => {
            let text = format!("{number} configured, {host} first; postern diagnose checks it");
            Finding::ok(CHECK, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::FindingState;
    use super::*;

    #[test]
    fn a_public_url_is_one_that_others_reach() {
        let listen: SocketAddr = ([127, 0, 0, 1], 3000).into();
        let open: SocketAddr = ([192, 0, 2, 7], 443).into();
        for (configured, listen, has_tls, expected) in [
            (None, listen, false, FindingState::Warning),
            (Some(""), listen, true, FindingState::Warning),
            (None, open, false, FindingState::Warning),
            (None, open, true, FindingState::Ok),
            (
                Some("https://mail.example.org"),
                listen,
                false,
                FindingState::Ok,
            ),
            (
                Some("http://mail.example.org"),
                open,
                true,
                FindingState::Fault,
            ),
            (Some("mail.example.org"), open, true, FindingState::Fault),
        ] {
            let finding = public_url(configured, listen, has_tls);
            assert_eq!(finding.state, expected, "{finding:?}");
        }
    }

    #[test]
    fn proxies_are_networks() {
        assert_eq!(proxies(""), None);
        assert_eq!(proxies("10.0.0.0/8, 192.0.2.7"), None);
        let fault = proxies("proxy.example").expect("a finding");
        assert_eq!(fault.state, FindingState::Fault, "{fault:?}");
    }

    #[test]
    fn mail_needs_a_relay_with_valid_settings() {
        let of = |number, host: Option<&str>| RelayFindings {
            number,
            host: host.map(|host| host.parse().expect("a host")),
        };
        for (relays, expected) in [
            (None, FindingState::Warning),
            (Some(of(0, None)), FindingState::Warning),
            (Some(of(1, None)), FindingState::Fault),
            (Some(of(2, Some("relay.example.org"))), FindingState::Ok),
        ] {
            assert_eq!(relay(relays.as_ref()).state, expected, "{relays:?}");
        }
    }
}
