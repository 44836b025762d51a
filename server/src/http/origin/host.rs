//! The host that a request names: one of this console's own, against DNS rebinding.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Version};
use domain::{Kind, Refusal};

use crate::http::bearer::bearer;
use crate::http::state::AppState;

/// Requires a host of this console, except with a bearer token: no browser sends one by itself.
///
/// # Errors
/// [`Kind::Misdirected`] for another host; those of [`named`].
pub fn check(state: &AppState, request: &Request) -> Result<(), Refusal> {
    match named(request)? {
        Some(host) if bearer(request.headers()).is_none() && !state.hosts.allow(&host) => {
            Err(Refusal::new(
                Kind::Misdirected,
                "This console does not answer under this host name. Open it at its public URL, or \
                 start it with --allowed-host and the name.",
            ))
        }
        _ => Ok(()),
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
