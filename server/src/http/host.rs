//! The host that a request names: one of this console's own, against DNS rebinding.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Version};
use axum::middleware::Next;
use axum::response::Response;
use domain::{Kind, Refusal};

use super::authentication::bearer;
use super::refuse::refuse;
use super::state::AppState;

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
    fn allow(&self, host: &str) -> bool {
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

/// Requires a host of this console, except with a bearer token: no browser sends one by itself.
pub async fn require(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let named = named(&request);
    let allowed = named.and_then(|host| match host {
        Some(host) if bearer(request.headers()).is_none() && !state.hosts.allow(&host) => {
            Err(Refusal::new(
                Kind::Misdirected,
                "This console does not answer under this host name. Open it at its public URL, or \
                 start it with --allowed-host and the name.",
            ))
        }
        _ => Ok(()),
    });
    match allowed {
        Ok(()) => next.run(request).await,
        Err(refusal) => refuse(request.uri(), refusal),
    }
}

/// The host of a request without its port (RFC 9112 section 3.2): that of an absolute target, or of
/// the header.
///
/// # Errors
/// [`Kind::BadRequest`] where there are several, it is malformed, or HTTP/1.1 has none.
pub fn named(request: &Request) -> Result<Option<String>, Refusal> {
    let header = header(request.headers(), request.version())?;
    let authority = request.uri().authority().cloned().or(header);
    Ok(authority.map(|authority| authority.host().to_owned()))
}

fn header(headers: &HeaderMap, version: Version) -> Result<Option<Authority>, Refusal> {
    let malformed = || {
        let text = "A request has one Host header with a host and perhaps a port.";
        Refusal::new(Kind::BadRequest, text)
    };
    let mut values = headers.get_all(HOST).iter();
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value,
        // Health checks in HTTP/1.0 have none.
        (None, _) if version < Version::HTTP_11 => return Ok(None),
        _ => return Err(malformed()),
    };
    let authority: Option<Authority> = Authority::try_from(value.as_bytes()).ok();
    let authority = authority.filter(|authority| !authority.as_str().contains('@'));
    authority.map(Some).ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

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

    #[test]
    fn a_request_names_one_host() {
        for (target, version, headers, host) in [
            ("/", Version::HTTP_11, &["gate:3000"][..], Ok(Some("gate"))),
            ("/", Version::HTTP_11, &["[::1]:3000"], Ok(Some("[::1]"))),
            (
                "http://gate/",
                Version::HTTP_11,
                &["other"],
                Ok(Some("gate")),
            ),
            ("/", Version::HTTP_10, &[], Ok(None)),
            ("/", Version::HTTP_11, &[], Err(())),
            ("/", Version::HTTP_11, &["gate", "gate"], Err(())),
            ("/", Version::HTTP_11, &["me@gate"], Err(())),
            ("/", Version::HTTP_11, &["ga te"], Err(())),
            ("/", Version::HTTP_11, &["\u{e9}"], Err(())),
        ] {
            let mut request = Request::builder().uri(target).version(version);
            for value in headers {
                request = request.header(HOST, value.as_bytes());
            }
            let request = request.body(Body::empty()).expect("a request");
            let found = named(&request).map_err(|refusal| {
                assert_eq!(refusal.kind, Kind::BadRequest);
            });
            assert_eq!(
                found,
                host.map(|host| host.map(str::to_owned)),
                "{target} {headers:?}"
            );
        }
    }
}
