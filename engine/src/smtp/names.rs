//! Internationalised domain names as DNS and plain SMTP carry them: A-labels (RFC 5890).

use std::borrow::Cow;

use domain::EmailAddress;
use domain::mail::host::check_name;

/// A domain name in ASCII. `None` where it has no such form.
///
/// The result is validated again: the mapping of UTS 46 turns some letters into dots and digits.
pub(crate) fn to_ascii(name: &str) -> Option<String> {
    if name.is_ascii() {
        return Some(name.to_owned());
    }
    let ascii = idna::domain_to_ascii(name).ok()?;
    (ascii.is_ascii() && check_name(&ascii).is_ok()).then_some(ascii)
}

/// A mailbox as an argument of MAIL and RCPT: unchanged with SMTPUTF8 (RFC 6531), otherwise with its
/// domain in ASCII. `None` where the domain has no such form.
pub(super) fn path(address: &EmailAddress, smtputf8: bool) -> Option<Cow<'_, str>> {
    if smtputf8 || address.as_str().is_ascii() {
        return Some(address.as_str().into());
    }
    let domain = to_ascii(address.domain())?;
    Some(format!("{}@{domain}", address.local_part()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_scripts_become_a_labels() {
        for (name, expected) in [
            ("smtp.example.org", Some("smtp.example.org")),
            ("mail_relay", Some("mail_relay")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("例子.广告", Some("xn--fsqu00a.xn--4rr70v")),
            ("straße.example", Some("xn--strae-oqa.example")),
            // Digits of another plan are digits, and this is then no name.
            ("１２７.０.０.１", None),
            ("⒈example", None),
            (&format!("{}.example", "ü".repeat(60)), None),
        ] {
            assert_eq!(to_ascii(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn an_address_keeps_its_script_only_within_smtputf8() {
        let path =
            |typed: &str, smtputf8| path(&typed.parse().unwrap(), smtputf8).map(Cow::into_owned);
        for (typed, smtputf8, expected) in [
            ("a@example.org", true, "a@example.org"),
            ("a@bücher.example", false, "a@xn--bcher-kva.example"),
            ("ü@bücher.example", true, "ü@bücher.example"),
            ("a@[192.0.2.1]", false, "a@[192.0.2.1]"),
        ] {
            assert_eq!(path(typed, smtputf8).as_deref(), Some(expected));
        }
    }
}
