//! The name of a domain as people type it.

use std::net::IpAddr;

use domain::mail::host::check_name;
use domain::{Kind, Refusal};

use crate::smtp::to_ascii;

/// A domain as typed, in ASCII and lower case.
///
/// # Errors
/// [`Kind::Invalid`] under `domain`.
pub(super) fn parse(typed: &str) -> Result<String, Refusal> {
    let refused = |text: &str| Refusal::of(Kind::Invalid, "domain", text);
    let typed = typed.trim().trim_end_matches('.');
    let ascii = to_ascii(typed).ok_or_else(|| refused("This name has no form in DNS."))?;
    check_name(&ascii).map_err(refused)?;
    if ascii.is_empty() || !ascii.contains('.') || ascii.parse::<IpAddr>().is_ok() {
        return Err(refused("Enter the name of a domain, as in example.org."));
    }
    Ok(ascii.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_parsed() {
        for (typed, expected) in [
            ("example.org", Some("example.org")),
            (" Example.ORG. ", Some("example.org")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("", None),
            ("localhost", None),
            ("192.0.2.1", None),
            ("a b.example", None),
            ("user@example.org", None),
            ("example..org", None),
            ("a\0b.example", None),
        ] {
            assert_eq!(parse(typed).ok().as_deref(), expected, "{typed:?}");
        }
    }
}
