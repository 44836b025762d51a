//! E-mail addresses: parsing and validation (RFC 5321 section 4.1.2, RFC 6531).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::mail::host;

/// A mailbox: local part, `@`, domain or address literal (RFC 5321 section 4.1.2), in any script
/// (RFC 6531). At most 64 octets before the `@` and 254 in total. It contains no control characters,
/// so it is safe in an SMTP command.
///
/// Every interface parses addresses by these rules:
/// - White space at either end, line breaks included, is removed.
/// - A local part may be a quoted string that is not empty. Quotes and backslashes that are not needed
///   are removed, so that `"alerts"@example.org` is `alerts@example.org`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    text: String,
    at: usize,
}

impl EmailAddress {
    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the last `@`.
    pub fn local_part(&self) -> &str {
        &self.text[..self.at]
    }

    /// The part after the last `@`: a domain name or an address literal.
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// Whether the local part requires SMTPUTF8 (RFC 6531). A non-ASCII domain does not: it is sent
    /// as A-labels.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local_part().is_ascii()
    }

    /// The address with its local part removed, for logs.
    pub fn redacted(&self) -> String {
        format!("…@{}", self.domain())
    }
}

impl FromStr for EmailAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err("Enter an e-mail address.");
        }
        if text.chars().any(char::is_control) {
            return Err("An e-mail address cannot contain control characters.");
        }
        if text.len() > 254 {
            return Err("An e-mail address has at most 254 bytes.");
        }
        if text.contains('<') || text.contains('>') {
            return Err("Enter only the address, as in alerts@example.org.");
        }
        let at = text
            .rfind('@')
            .ok_or("An e-mail address needs an @, as in alerts@example.org.")?;
        let local = local_part(&text[..at])?;
        let domain = &text[at + 1..];
        if domain.is_empty() {
            return Err("The domain after the @ is missing, as in alerts@example.org.");
        }
        if domain.starts_with('[') {
            host::parse_address_literal(domain)
                .ok_or("The part in brackets is not an IP address.")?;
        } else if domain.ends_with('.') {
            return Err("Remove the dot at the end of the address.");
        } else {
            host::check_name(domain)
                .map_err(|_| "The part after the @ is not a domain, as in example.org.")?;
        }
        Ok(Self {
            at: local.len(),
            text: format!("{local}@{domain}"),
        })
    }
}

/// Validates a local part, and removes quotes and backslashes that are not needed.
fn local_part(local: &str) -> Result<Cow<'_, str>, &'static str> {
    if local.is_empty() {
        return Err("The name before the @ is missing, as in alerts@example.org.");
    }
    if local.len() > 64 {
        return Err("The part before the @ has at most 64 bytes.");
    }
    if let Some(inner) = local
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        let inner = unquoted(inner).ok_or("The quoted part before the @ is not valid.")?;
        if inner.is_empty() {
            return Err("The quoted part before the @ is empty.");
        }
        if is_dot_atom(&inner) {
            return Ok(Cow::Owned(inner));
        }
        let escaped = inner.replace('\\', "\\\\").replace('"', "\\\"");
        return Ok(Cow::Owned(format!("\"{escaped}\"")));
    }
    if local.split('.').any(str::is_empty) {
        return Err(
            "The part before the @ cannot begin or end with a dot or contain two in a row.",
        );
    }
    if let Some(bad) = local.chars().find(|c| !is_atext_or_dot(*c)) {
        return Err(match bad {
            '@' => "An e-mail address has only one @.",
            c if c.is_whitespace() => "An e-mail address cannot contain spaces.",
            ',' | ';' => "Enter only one address.",
            _ => "The part before the @ contains a character that is not allowed.",
        });
    }
    Ok(Cow::Borrowed(local))
}

/// Resolves the quoted pairs of a quoted string (RFC 5321 section 4.1.2); `None` if it contains a
/// bare quote or an invalid quoted pair.
fn unquoted(inner: &str) -> Option<String> {
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.push(match c {
            '"' => return None,
            '\\' => chars.next().filter(|c| matches!(c, ' '..='~'))?,
            c => c,
        });
    }
    Some(text)
}

/// Whether a local part needs no quotes.
fn is_dot_atom(local: &str) -> bool {
    local.chars().all(is_atext_or_dot) && !local.split('.').any(str::is_empty)
}

/// Whether a character is a dot or `atext` (RFC 5322 section 3.2.3, RFC 6531 section 3.3).
fn is_atext_or_dot(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~.".contains(c)
        || (!c.is_ascii() && !c.is_whitespace())
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_that_are_accepted() {
        for typed in [
            "alerts@example.org",
            "o'brien+tag@sub.example.org",
            "root@localhost",
            "\"two words\"@example.org",
            "ops@[192.0.2.1]",
            "ops@[IPv6:2001:db8::1]",
            "grüße@bücher.example",
            "用户@例子.广告",
        ] {
            let parsed: EmailAddress = typed.parse().unwrap_or_else(|e| panic!("{typed}: {e}"));
            assert_eq!(
                format!("{}@{}", parsed.local_part(), parsed.domain()),
                typed
            );
        }
    }

    #[test]
    fn addresses_that_are_refused() {
        for typed in [
            "",
            "alerts",
            "@example.org",
            "alerts@",
            "alerts@@example.org",
            "a b@example.org",
            "a..b@example.org",
            ".a@example.org",
            "a@example..org",
            "a@example.org.",
            "a@-example.org",
            "a@[300.1.1.1]",
            "Alerts <a@example.org>",
            "a@example.org, b@example.org",
            "a@example.org\r\nRCPT TO:<b@example.org>",
            "\"a\"b\"@example.org",
            "\"\"@example.org",
            "\"@example.org",
            "\"a\\\"@example.org",
            "\"a\"b@example.org",
            "a\u{a0}b@example.org",
            "a@example.org b",
            " ",
            "a\0@example.org",
            &format!("{}@example.org", "a".repeat(65)),
            &format!("a@{}.org", "b.".repeat(130)),
        ] {
            assert!(typed.parse::<EmailAddress>().is_err(), "{typed:?}");
        }
    }

    #[test]
    fn white_space_at_either_end_and_needless_quotes_are_removed() {
        for (typed, expected) in [
            (" alerts@example.org ", "alerts@example.org"),
            ("\talerts@example.org\r\n", "alerts@example.org"),
            ("\u{a0}alerts@example.org\u{2003}", "alerts@example.org"),
            ("\"alerts\"@example.org", "alerts@example.org"),
            ("\"a.b\"@example.org", "a.b@example.org"),
            (
                "\"gr\u{fc}\u{df}e\"@example.org",
                "gr\u{fc}\u{df}e@example.org",
            ),
            ("\"a\\.b\"@example.org", "a.b@example.org"),
            ("\"a\\ b\"@example.org", "\"a b\"@example.org"),
            ("\"a\\\"b\\\\\"@example.org", "\"a\\\"b\\\\\"@example.org"),
            ("\"a..b\"@example.org", "\"a..b\"@example.org"),
            ("\" \"@example.org", "\" \"@example.org"),
            ("\"a@b\"@example.org", "\"a@b\"@example.org"),
        ] {
            let parsed: EmailAddress = typed.parse().unwrap_or_else(|e| panic!("{typed}: {e}"));
            assert_eq!(parsed.as_str(), expected, "{typed:?}");
            assert_eq!(expected.parse(), Ok(parsed), "{typed:?}");
        }
    }

    #[test]
    fn only_the_local_part_needs_smtputf8() {
        for (typed, needs) in [("a@bücher.example", false), ("ü@example.org", true)] {
            assert_eq!(
                typed.parse::<EmailAddress>().map(|a| a.needs_smtputf8()),
                Ok(needs)
            );
        }
    }

    #[test]
    fn limits_are_exact() {
        let local = |length| format!("{}@example.org", "a".repeat(length)).parse::<EmailAddress>();
        assert!(local(64).is_ok() && local(65).is_err());
        for (length, accepted) in [(254, true), (255, false)] {
            let labels = format!("{}.{}.", "b".repeat(63), "c".repeat(63));
            let rest = length - "a@".len() - labels.len();
            let text = format!("a@{labels}{}.{}", "d".repeat(61), "e".repeat(rest - 62));
            assert_eq!(text.len(), length);
            assert_eq!(text.parse::<EmailAddress>().is_ok(), accepted, "{length}");
        }
    }

    #[test]
    fn a_log_shows_only_the_domain() {
        let address: EmailAddress = "alerts@example.org".parse().expect("valid");
        assert_eq!(address.redacted(), "…@example.org");
        assert_eq!(address.as_str(), "alerts@example.org");
        assert_eq!(address.to_string(), "alerts@example.org");
    }

    #[test]
    fn the_fault_names_the_mistake() {
        for (text, word) in [
            ("a,b@example.org", "one address"),
            ("a;b@example.org", "one address"),
            ("a b@example.org", "spaces"),
            ("a@b@example.org", "only one @"),
            ("a(b@example.org", "not allowed"),
            ("<a@example.org", "Enter only the address"),
            ("\"a\\\u{7f}\"@example.org", "control"),
            ("\"a\\é\"@example.org", "quoted"),
            ("\"\"@example.org", "empty"),
        ] {
            let fault = text.parse::<EmailAddress>().expect_err("not valid");
            assert!(fault.contains(word), "{text}: {fault}");
        }
        assert!("\"a\\ b\\\"c\"@example.org".parse::<EmailAddress>().is_ok());
    }

    proptest! {
        #[test]
        fn a_parsed_address_is_safe_in_a_command(text in address_like()) {
            if let Ok(address) = text.parse::<EmailAddress>() {
                prop_assert!(!address.as_str().chars().any(char::is_control));
                prop_assert!(address.as_str().len() <= 254 && address.local_part().len() <= 64);
                prop_assert!(!address.domain().contains(['<', '>', ' ']));
                let written = format!("{}@{}", address.local_part(), address.domain());
                prop_assert_eq!(&written, address.as_str());
                prop_assert_eq!(written.parse(), Ok(address));
            }
        }

        #[test]
        fn dot_atoms_at_a_domain_parse(
            local in "[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,8}(\\.[a-zé]{1,8}){0,4}",
            domain in "[a-z]([a-z0-9-]{0,20}[a-z])?(\\.[a-zü]{2,10}){1,3}",
        ) {
            let text = format!("{local}@{domain}");
            prop_assert!(text.parse::<EmailAddress>().is_ok(), "{}", text);
        }
    }

    /// Generates texts that resemble an address, and any other text.
    fn address_like() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zü\"\\\\ .\r\n<>]{0,70}@[a-zü0-9.\\[\\]: -]{0,80}",
            any::<String>(),
        ]
    }
}
