//! Mailboxes as applications write them: `a@b` or `Name <a@b>`.

use domain::EmailAddress;

use crate::smtp::to_ascii;

/// The longest display name, in characters.
const NAME: usize = 250;

/// The fault of a text that lists several mailboxes.
const SEVERAL: &str = "A string contains one address; send several as a list of strings.";

/// An address with an optional display name. Neither contains a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mail) struct Mailbox {
    /// The display name, not empty.
    pub name: Option<String>,
    /// The address as it was given.
    pub address: EmailAddress,
    /// The domain as A-labels (RFC 5890), as written to the header.
    pub domain: String,
}

impl Mailbox {
    /// A mailbox with this display name, which may be empty.
    ///
    /// # Errors
    /// The fault, as a sentence: the name has control characters or is too long, or the domain has
    /// no form in ASCII.
    pub fn new(name: &str, address: EmailAddress) -> Result<Self, &'static str> {
        if name.chars().any(char::is_control) {
            return Err("A name has no line breaks and no other control characters.");
        }
        if name.len() > NAME && name.chars().count() > NAME {
            return Err("A name has at most 250 characters.");
        }
        let domain = to_ascii(address.domain())
            .ok_or("The part after the @ is not a domain, as in example.org.")?;
        Ok(Self {
            name: Some(name.trim())
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            address,
            domain,
        })
    }

    /// Parses `a@b` or `Name <a@b>`. The name may be a quoted string. White space at either end is
    /// removed, as from an [`EmailAddress`].
    ///
    /// # Errors
    /// The fault, as a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let Some((name, address)) = text
            .strip_suffix('>')
            .and_then(|rest| rest.rsplit_once('<'))
        else {
            let address = text.parse().map_err(|fault| {
                if text.matches('@').count() > 1 && text.contains([',', ';']) {
                    SEVERAL
                } else {
                    fault
                }
            })?;
            return Self::new("", address);
        };
        let name = name.trim();
        let quoted = name
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let name = match quoted {
            Some(inner) => {
                unquoted(inner).ok_or("The name before the < is not quoted correctly.")?
            }
            None if name.contains(['<', '>']) && name.contains([',', ';']) => return Err(SEVERAL),
            None if name.contains(['<', '>']) => {
                return Err("Write this as in Alerts <alerts@example.org>.");
            }
            None if name.contains('@') && name.contains([',', ';']) => return Err(SEVERAL),
            None => name.to_owned(),
        };
        Self::new(&name, address.parse()?)
    }

    /// The key by which mailboxes are compared as recipients: the local part as it is, the domain
    /// as A-labels in lower case.
    pub fn key(&self) -> String {
        let mut key = format!("{}@", self.address.local_part());
        key.extend(self.domain.chars().map(|c| c.to_ascii_lowercase()));
        key
    }
}

/// Checks that an address can be written to a header: its domain has a form in ASCII (RFC 5890).
///
/// # Errors
/// The fault, as a sentence.
pub fn check_address(address: &EmailAddress) -> Result<(), &'static str> {
    Mailbox::new("", address.clone()).map(drop)
}

/// Resolves the quoted pairs of a quoted string (RFC 5322 section 3.2.4). `inner` has no enclosing
/// quotes. `None` if it contains a bare quote or ends with a backslash.
fn unquoted(inner: &str) -> Option<String> {
    let mut name = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => name.push(chars.next()?),
            c => name.push(c),
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_parsed_with_and_without_a_name() {
        for (text, name, address) in [
            ("a@example.org", None, "a@example.org"),
            (" a@example.org ", None, "a@example.org"),
            ("\ta@example.org\r\n", None, "a@example.org"),
            ("Ops\t< a@example.org >", Some("Ops"), "a@example.org"),
            ("\"a\"@example.org", None, "a@example.org"),
            ("Ops <\"a\"@example.org>", Some("Ops"), "a@example.org"),
            ("<a@example.org>", None, "a@example.org"),
            ("  <a@example.org>", None, "a@example.org"),
            ("\"\" <a@example.org>", None, "a@example.org"),
            ("Ops <a@example.org>", Some("Ops"), "a@example.org"),
            ("Ops<a@example.org>", Some("Ops"), "a@example.org"),
            (
                "Müller, Hans <a@example.org>",
                Some("Müller, Hans"),
                "a@example.org",
            ),
            (
                "\"A, \\\"B\\\" \\\\\" <a@example.org>",
                Some("A, \"B\" \\"),
                "a@example.org",
            ),
            (
                "\"x@y, z\" <a@example.org>",
                Some("x@y, z"),
                "a@example.org",
            ),
            (
                "a@example.org <a@example.org>",
                Some("a@example.org"),
                "a@example.org",
            ),
            (
                "=?utf-8?q?x?= <a@example.org>",
                Some("=?utf-8?q?x?="),
                "a@example.org",
            ),
            (
                "監視 🚪 <用户@例子.广告>",
                Some("監視 🚪"),
                "用户@例子.广告",
            ),
            (
                "Two <\"two words\"@example.org>",
                Some("Two"),
                "\"two words\"@example.org",
            ),
        ] {
            let mailbox = Mailbox::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
            assert_eq!(mailbox.name.as_deref(), name, "{text}");
            assert_eq!(mailbox.address.as_str(), address, "{text}");
        }
    }

    #[test]
    fn anything_but_a_single_mailbox_is_refused() {
        for text in [
            "",
            " ",
            "Ops",
            "Ops <>",
            "Ops <a@example.org",
            "Ops <a@example.org> x",
            "<<a@example.org>>",
            "\"Ops\" x\" <b> <a@example.org>",
            "\"O\"ps\" <a@example.org>",
            "\"Ops\\\" <a@example.org>",
            "Ops\r\nBcc: x@example.org <a@example.org>",
            "O\nps <a@example.org>",
            "O\tps <a@example.org>",
            "\"\"@example.org",
            "Ops <\"\"@example.org>",
            "a@example.org\r\nRCPT TO:<b@example.org>",
            "a@example.org\0",
            "a@１２７.０.０.１",
            &format!("{} <a@example.org>", "ü".repeat(251)),
        ] {
            assert!(Mailbox::parse(text).is_err(), "{text:?}");
        }
        for text in [
            "a@example.org, b@example.org",
            "a@example.org;b@example.org",
            "A <a@example.org>, B <b@example.org>",
            "a@example.org, B <b@example.org>",
        ] {
            assert_eq!(Mailbox::parse(text), Err(SEVERAL), "{text}");
        }
    }

    #[test]
    fn spellings_of_one_recipient_have_the_same_key() {
        let key = |text| Mailbox::parse(text).expect("a mailbox").key();
        assert_eq!(key("A <a@Bücher.Example>"), key("a@xn--bcher-kva.example"));
        assert_ne!(key("A@example.org"), key("a@example.org"));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_without_line_breaks(text in any::<String>()) {
            if let Ok(mailbox) = Mailbox::parse(&text) {
                let name = mailbox.name.as_deref().unwrap_or_default();
                for part in [name, mailbox.address.as_str(), &mailbox.domain] {
                    prop_assert!(!part.contains(char::is_control), "{part:?}");
                }
                prop_assert!(mailbox.domain.is_ascii());
            }
        }

        #[test]
        fn a_quoted_name_is_unquoted(name in "[^\\p{C}\\s]([^\\p{C}]{0,30}[^\\p{C}\\s])?") {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            let mailbox = Mailbox::parse(&format!("\"{quoted}\" <a@example.org>"));
            let mailbox = mailbox.map_err(TestCaseError::fail)?;
            prop_assert_eq!(mailbox.name, Some(name));
            prop_assert_eq!(mailbox.address.as_str(), "a@example.org");
        }
    }
}
