//! The public URL of the console. It determines the cookie, HSTS and links in mails.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::Uri;

/// An origin, as in `https://mail.example.org`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: Arc<str>,
    authority: Arc<str>,
}

#[derive(Debug, thiserror::Error)]
#[error("the public URL must look like https://mail.example.org, without a path")]
pub struct PublicUrlError;

impl PublicUrl {
    pub fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let uri: Uri = text
            .trim_end_matches('/')
            .parse()
            .map_err(|_| PublicUrlError)?;
        let scheme = uri
            .scheme_str()
            .filter(|scheme| matches!(*scheme, "http" | "https"));
        let authority = uri
            .authority()
            .filter(|authority| !authority.as_str().contains('@'));
        match (scheme, authority, uri.path(), uri.query()) {
            (Some(scheme), Some(authority), "/" | "", None) => Ok(Self {
                scheme: scheme.into(),
                authority: authority.as_str().to_lowercase().into(),
            }),
            _ => Err(PublicUrlError),
        }
    }

    /// That of a listener at this address, with TLS or without.
    pub fn of(address: SocketAddr, has_tls: bool) -> Self {
        Self {
            scheme: if has_tls { "https" } else { "http" }.into(),
            authority: address.to_string().into(),
        }
    }

    /// The host, without the port.
    pub fn host(&self) -> &str {
        match self.authority.rfind(':') {
            Some(colon) if !self.authority.ends_with(']') => &self.authority[..colon],
            _ => &self.authority,
        }
    }

    /// Whether it names this machine to itself, and works nowhere else.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    pub fn is_https(&self) -> bool {
        &*self.scheme == "https"
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_origin_is_a_public_url() {
        for (text, expected) in [
            (
                "https://Mail.example.org/",
                Some("https://mail.example.org"),
            ),
            ("http://[::1]:3000", Some("http://[::1]:3000")),
            ("https://mail.example.org/postern", None),
            ("https://user@mail.example.org", None),
            ("ftp://mail.example.org", None),
            ("mail.example.org", None),
            ("", None),
        ] {
            let parsed = PublicUrl::parse(text).map(|url| url.to_string()).ok();
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_url_of_loopback_works_on_this_machine_only() {
        for (text, expected) in [
            ("http://127.0.0.1:3000", true),
            ("http://127.1.2.3", true),
            ("http://[::1]:3000", true),
            ("http://localhost:3000", true),
            ("https://LOCALHOST", true),
            ("http://192.0.2.1:3000", false),
            ("http://gate:3000", false),
            ("https://localhost.example.org", false),
        ] {
            let url = PublicUrl::parse(text).expect("a URL");
            assert_eq!(url.is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn the_host_has_no_port() {
        for (text, host) in [
            ("https://mail.example.org", "mail.example.org"),
            ("http://gate:3000", "gate"),
            ("http://[::1]", "[::1]"),
            ("http://[::1]:3000", "[::1]"),
        ] {
            assert_eq!(PublicUrl::parse(text).expect("a URL").host(), host);
        }
    }
}
