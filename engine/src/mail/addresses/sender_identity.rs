//! Addresses and domains that an account may send from, and how senders are compared.

use std::collections::HashSet;
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use domain::{EmailAddress, Kind, Refusal};

use crate::smtp::to_ascii;

/// What to do about a sender that is not allowed.
pub const ADD_SENDER: &str = " Add the address on the page Sender addresses (/senders) or have an \
                              administrator add it.";

/// How many allowed senders a refusal names.
const NAMED: usize = 20;

/// An address, or every address of a domain but none of its subdomains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SenderIdentity {
    /// One address.
    Address(EmailAddress),
    /// A domain.
    Domain(String),
}

impl SenderIdentity {
    /// Parses `a@example.org`, or `example.org` or `@example.org` for the domain.
    ///
    /// # Errors
    /// The fault, as a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const NO_DOMAIN: &str = "Enter an address, as in alerts@example.org, or a domain, as in \
                                 example.org.";
        let text = text.trim();
        let domain = text.strip_prefix('@').unwrap_or(text);
        let identity = if domain.contains('@') || text.is_empty() {
            Self::Address(text.parse()?)
        } else {
            let any: EmailAddress = format!("any@{domain}").parse().map_err(|_| NO_DOMAIN)?;
            if any.domain().starts_with('[') || any.domain() != domain {
                return Err(NO_DOMAIN);
            }
            Self::Domain(domain.to_owned())
        };
        match identity.key() {
            Some(_) => Ok(identity),
            None => Err(NO_DOMAIN),
        }
    }

    /// The key by which it is compared; `None` where the domain has no form in ASCII.
    pub fn key(&self) -> Option<String> {
        match self {
            Self::Address(address) => address_key(address),
            Self::Domain(domain) => domain_key(domain),
        }
    }
}

impl fmt::Display for SenderIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.write_str(address.as_str()),
            Self::Domain(domain) => f.write_str(domain),
        }
    }
}

/// The key of an address: as the addresses of accounts in lower case, the domain as A-labels.
fn address_key(address: &EmailAddress) -> Option<String> {
    let mut key = String::with_capacity(address.as_str().len());
    for letter in address.local_part().chars() {
        push_folded(&mut key, letter);
    }
    key.push_str(&domain_key(address.domain())?);
    Some(key)
}

/// Adds a letter in lower case, if it is the capital of that letter. The lower case of the Kelvin sign is
/// `k`, whose capital is another letter: addresses that differ in it may belong to different people.
fn push_folded(key: &mut String, letter: char) {
    let lower = letter.to_lowercase();
    match lower.clone().flat_map(char::to_uppercase).eq([letter]) {
        true => key.extend(lower),
        false => key.push(letter),
    }
}

/// The key of a domain, which begins with `@`.
fn domain_key(domain: &str) -> Option<String> {
    Some(format!("@{}", to_ascii(domain)?.to_ascii_lowercase()))
}

/// Whether a key is that of a domain.
pub fn is_domain_key(key: &str) -> bool {
    key.starts_with('@')
}

/// The addresses and domains of an account, beside its own address.
#[derive(Clone, Debug, Default)]
pub struct SenderSet {
    keys: HashSet<String>,
    /// As people read them.
    shown: Vec<String>,
}

impl SenderSet {
    /// Adds an address or a domain with its key.
    pub fn add(&mut self, address: &str, key: String) {
        self.shown.push(match is_domain_key(&key) {
            true => format!("every address of {address}"),
            false => address.to_owned(),
        });
        self.keys.insert(key);
    }
}

/// The senders that the mail of an account may name.
#[derive(Clone, Debug)]
pub struct AccountSenders {
    /// The address of the account, and the From address of its queue if that is another.
    always: Vec<EmailAddress>,
    added: Option<Arc<SenderSet>>,
}

impl AccountSenders {
    /// Those of the account with this address, whose queue has this From address.
    pub fn new(email: &str, from: Option<&EmailAddress>, added: Option<Arc<SenderSet>>) -> Self {
        let mut always: Vec<EmailAddress> = email.parse::<EmailAddress>().into_iter().collect();
        let is_other = |from: &&EmailAddress| {
            let key = address_key(from);
            always.iter().all(|own| address_key(own) != key)
        };
        if let Some(from) = from.filter(is_other) {
            always.push(from.clone());
        }
        Self { always, added }
    }

    /// Refuses another address than these.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `field`, with the list.
    pub fn require(&self, address: &EmailAddress, field: &str) -> Result<(), Refusal> {
        match self.allows(address) {
            true => Ok(()),
            false => {
                let text = format!("{}.{ADD_SENDER}", self.only());
                Err(Refusal::of(Kind::Invalid, field, text))
            }
        }
    }

    /// The beginning of a refusal, without its full stop.
    pub fn only(&self) -> String {
        format!("This account sends only from {self}")
    }

    /// Whether a message may name this address.
    pub fn allows(&self, address: &EmailAddress) -> bool {
        let (Some(key), Some(domain)) = (address_key(address), domain_key(address.domain())) else {
            return false;
        };
        let mut always = self.always.iter().filter_map(address_key);
        let is_added = |set: &Arc<SenderSet>| set.keys.contains(&key) || set.keys.contains(&domain);
        always.any(|own| own == key) || self.added.as_ref().is_some_and(is_added)
    }
}

/// The list of the allowed senders.
impl fmt::Display for AccountSenders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let added = self.added.iter().flat_map(|set| &set.shown);
        let always = self.always.iter().map(EmailAddress::as_str);
        let all: Vec<&str> = always.chain(added.map(String::as_str)).collect();
        let mut text = all[..all.len().min(NAMED)].join(", ");
        if all.len() > NAMED {
            let _ = write!(text, " and {} more", all.len() - NAMED);
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn senders(own: &str, from: Option<&str>, added: &[&str]) -> AccountSenders {
        let mut set = SenderSet::default();
        for text in added {
            let identity = SenderIdentity::parse(text).expect("an address or a domain");
            set.add(&identity.to_string(), identity.key().expect("a key"));
        }
        let from = from.map(|text| text.parse().expect("an address"));
        AccountSenders::new(own, from.as_ref(), Some(Arc::new(set)))
    }

    #[test]
    fn an_account_sends_from_its_addresses_and_domains() {
        let added = [
            "Team@News.example",
            "b\u{fc}ro@b\u{fc}cher.example",
            "example.net",
            "@xn--mnchen-3ya.example",
        ];
        let senders = senders("ann@example.org", Some("alerts@relay.example"), &added);
        for (address, allowed) in [
            ("ann@example.org", true),
            ("Ann@EXAMPLE.org", true),
            ("anna@example.org", false),
            ("ann@sub.example.org", false),
            ("ann@example.org.example", false),
            ("alerts@relay.example", true),
            ("ops@relay.example", false),
            ("team@news.example", true),
            ("TEAM@NEWS.EXAMPLE", true),
            ("other@news.example", false),
            ("B\u{dc}RO@xn--bcher-kva.example", true),
            ("buero@b\u{fc}cher.example", false),
            ("any@example.net", true),
            ("\"any body\"@Example.NET", true),
            ("any@sub.example.net", false),
            ("any@notexample.net", false),
            ("any@m\u{fc}nchen.example", true),
            ("any@munchen.example", false),
        ] {
            let parsed = address.parse().expect("an address");
            assert_eq!(senders.allows(&parsed), allowed, "{address}");
        }
    }

    #[test]
    fn a_sign_that_looks_like_a_capital_is_another_letter() {
        for (letter, capital, sign) in [
            ("k", "K", "\u{212a}"),
            ("\u{e5}", "\u{c5}", "\u{212b}"),
            ("\u{3c9}", "\u{3a9}", "\u{2126}"),
        ] {
            let address = |first: &str| format!("{first}en@example.org");
            let allows = |of: &AccountSenders, first: &str| {
                of.allows(&address(first).parse().expect("an address"))
            };
            let own = senders(&address(letter), None, &[]);
            assert!(allows(&own, letter) && allows(&own, capital), "{capital}");
            assert!(!allows(&own, sign), "{sign}");
            let added = senders("ann@example.org", None, &[&address(sign)]);
            assert!(allows(&added, sign), "{sign}");
            assert!(!allows(&added, letter) && !allows(&added, capital));
        }
    }

    #[test]
    fn an_address_has_an_at_sign_and_a_domain_none() {
        for (text, expected) in [
            (" a@example.org ", Some(("a@example.org", "a@example.org"))),
            ("A@Example.org", Some(("A@Example.org", "a@example.org"))),
            ("Example.org", Some(("Example.org", "@example.org"))),
            ("@example.org", Some(("example.org", "@example.org"))),
            (
                "b\u{fc}cher.example",
                Some(("b\u{fc}cher.example", "@xn--bcher-kva.example")),
            ),
            ("", None),
            ("@", None),
            ("@@example.org", None),
            ("a@", None),
            ("example.org.", None),
            ("*.example.org", None),
            ("two words", None),
            ("[192.0.2.1]", None),
            ("a@example.org, b@example.org", None),
            ("a@\u{ff11}\u{ff12}\u{ff17}.0.0.1", None),
        ] {
            let parsed = SenderIdentity::parse(text).ok();
            let shown = parsed.map(|parsed| (parsed.to_string(), parsed.key().expect("a key")));
            let expected = expected.map(|(shown, key)| (shown.to_owned(), key.to_owned()));
            assert_eq!(shown, expected, "{text:?}");
        }
    }

    #[test]
    fn the_list_names_each_sender_once_and_at_most_twenty() {
        let few = senders("a@example.org", Some("A@example.org"), &["example.net"]);
        assert_eq!(
            few.to_string(),
            "a@example.org, every address of example.net"
        );
        let others: Vec<String> = (0..30).map(|n| format!("{n}@example.org")).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let many = senders("a@example.org", None, &others).to_string();
        assert!(many.ends_with(", 18@example.org and 11 more"), "{many}");
    }
}
