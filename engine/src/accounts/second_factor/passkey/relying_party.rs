//! The relying party of WebAuthn: the public URL, where passkeys can be used with it.

use url::{Host, Url};

/// The relying party (Web Authentication Level 2, section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// The host name, which passkeys are bound to.
    pub id: String,
    /// The origin of the console's pages.
    pub origin: String,
}

impl RelyingParty {
    /// The relying party of this public URL. `None` where browsers offer no passkeys: they need https and a
    /// host name, or `localhost`.
    pub fn of(public_url: &str) -> Option<Self> {
        let url = Url::parse(public_url).ok()?;
        let Some(Host::Domain(id)) = url.host() else {
            return None;
        };
        let is_secure = url.scheme() == "https" || (url.scheme() == "http" && id == "localhost");
        is_secure.then(|| Self {
            id: id.to_owned(),
            origin: url.origin().ascii_serialization(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_need_https_and_a_name_or_localhost() {
        for (url, expected) in [
            (
                "https://mail.example.org",
                Some(("mail.example.org", "https://mail.example.org")),
            ),
            (
                "https://mail.example.org:8443",
                Some(("mail.example.org", "https://mail.example.org:8443")),
            ),
            (
                "https://mail.example.org:443",
                Some(("mail.example.org", "https://mail.example.org")),
            ),
            (
                "http://localhost:3000",
                Some(("localhost", "http://localhost:3000")),
            ),
            ("http://mail.example.org", None),
            ("http://127.0.0.1:3000", None),
            ("https://192.0.2.7", None),
            ("https://[2001:db8::1]", None),
            ("", None),
        ] {
            let expected = expected.map(|(id, origin)| RelyingParty {
                id: id.to_owned(),
                origin: origin.to_owned(),
            });
            assert_eq!(RelyingParty::of(url), expected, "{url}");
        }
    }
}
