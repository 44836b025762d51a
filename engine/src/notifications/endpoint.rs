//! The URL of an endpoint: validated, and taken apart for the connection and the request.

use domain::Host;
use domain::webhook::WEBHOOK_URL_MAX;
use url::{Position, Url};

/// Where events are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The URL in its normal form.
    pub url: String,
    pub host: Host,
    pub port: u16,
    /// Whether TLS is used.
    pub encrypted: bool,
    /// Host and port, as the header `Host` has them. It contains no secret, as a path may.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

impl Endpoint {
    /// Parses a URL. It is `https`; `http` is for this machine alone, where no other machine reads
    /// the traffic.
    ///
    /// # Errors
    /// The fault, as a sentence for the user.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("Enter the URL of the receiver, as in https://example.org/hooks/postern.");
        }
        if text.len() > WEBHOOK_URL_MAX {
            return Err("A URL has at most 2048 bytes.");
        }
        let url = Url::parse(text).map_err(
            |_| "This is not a URL. Enter it in full, as in https://example.org/hooks/postern.",
        )?;
        let encrypted = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err("The URL begins with https://."),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "The URL has a user name or a password. Leave it out: the receiver verifies the signature.",
            );
        }
        if url.fragment().is_some() {
            return Err("The URL has a part after #, which is never sent. Leave it out.");
        }
        let host: Host = url
            .host_str()
            .and_then(|host| host.parse().ok())
            .ok_or("The host of the URL is not valid; check it.")?;
        if !encrypted && !is_this_machine(&host) {
            return Err("Events go unencrypted only to this machine (localhost). Use https://.");
        }
        let port = url
            .port_or_known_default()
            .filter(|port| *port > 0)
            .ok_or("The port of the URL is not valid; check it.")?;
        Ok(Self {
            host,
            port,
            encrypted,
            authority: url[Position::BeforeHost..Position::AfterPort].to_owned(),
            target: url[Position::BeforePath..Position::AfterQuery].to_owned(),
            url: url.into(),
        })
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Name(name) => name == "localhost",
        Host::Address(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (text, authority, port, encrypted, target) in [
            ("https://Example.org", "example.org", 443, true, "/"),
            (
                " https://example.org:8443/a/b?c=d ",
                "example.org:8443",
                8443,
                true,
                "/a/b?c=d",
            ),
            (
                "https://bücher.example/x",
                "xn--bcher-kva.example",
                443,
                true,
                "/x",
            ),
            ("https://[2001:db8::1]/", "[2001:db8::1]", 443, true, "/"),
            ("https://192.0.2.1:443/", "192.0.2.1", 443, true, "/"),
            ("http://localhost:9000/", "localhost:9000", 9000, false, "/"),
            ("http://127.0.0.1/x", "127.0.0.1", 80, false, "/x"),
            ("http://[::1]:81/", "[::1]:81", 81, false, "/"),
        ] {
            let endpoint = Endpoint::parse(text).expect(text);
            let parts = (
                endpoint.authority.as_str(),
                endpoint.port,
                endpoint.encrypted,
                endpoint.target.as_str(),
            );
            assert_eq!(parts, (authority, port, encrypted, target), "{text}");
        }
        let address = Endpoint::parse("https://[2001:db8::1]/").expect("valid");
        assert!(matches!(address.host, Host::Address(_)));
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        let long = format!("https://example.org/{}", "x".repeat(WEBHOOK_URL_MAX));
        for text in [
            "",
            "example.org",
            "/hooks",
            "ftp://example.org/",
            "mailto:a@example.org",
            "http://example.org/",
            "http://192.0.2.1/",
            "http://localhost.example.org/",
            "https://user@example.org/",
            "https://:secret@example.org/",
            "https://example.org/#part",
            "https://example.org:0/",
            "https://",
            &long,
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }
}
