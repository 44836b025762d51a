//! The senders of a message, compared with those that its account and its API token may send from.

use domain::{EmailAddress, Refusal};

use super::mailbox::Mailbox;
use super::sender_identity::{ADD_SENDER, AccountSenders};
use crate::mail::header::raw::RawHeader;
use crate::mail::submission::ComposedMessage;

/// The key of an address, by which the addresses of tokens are compared.
fn key(address: &EmailAddress) -> Option<String> {
    let mailbox = Mailbox::new("", address.clone()).ok();
    mailbox.map(|mailbox| mailbox.key())
}

/// The header fields that name who sends a message for its authors, or sends it again (RFC 5322
/// sections 3.6.2 and 3.6.6).
const ON_BEHALF: [&str; 3] = ["Sender", "Resent-From", "Resent-Sender"];

/// The senders that messages may name. What limits the token and what limits the account both hold.
#[derive(Clone, Debug, Default)]
pub struct SenderLimits {
    /// The addresses of the token; empty if it may send from every address.
    pub token: Vec<String>,
    /// Those of the account; `None` if the actor may send from every address.
    pub account: Option<AccountSenders>,
}

impl ComposedMessage {
    /// Returns the message if the sender of its envelope and every address in its header fields From and
    /// [`ON_BEHALF`] is allowed; the null sender always is. `headers` is the field of the submission that
    /// has the latter.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) under `from` and `headers`.
    pub fn check_senders(self, limits: &SenderLimits, headers: &str) -> Result<Self, Refusal> {
        if !limits.token.is_empty() {
            let allowed = limits.token.iter();
            let keys: Vec<String> = allowed
                .filter_map(|text| key(&text.parse::<EmailAddress>().ok()?))
                .collect();
            let only = format!("This token sends only from {}", limits.token.join(", "));
            let is_allowed =
                |address: &EmailAddress| key(address).is_some_and(|key| keys.contains(&key));
            self.check(headers, &only, "", is_allowed)?;
        }
        if let Some(account) = &limits.account {
            let only = account.only();
            self.check(headers, &only, ADD_SENDER, |address| {
                account.allows(address)
            })?;
        }
        Ok(self)
    }

    /// `only` is the sentence that a refusal begins with, and `repair` the one that it ends with.
    fn check(
        &self,
        headers: &str,
        only: &str,
        repair: &str,
        is_allowed: impl Fn(&EmailAddress) -> bool,
    ) -> Result<(), Refusal> {
        // The From of a raw message may differ from the sender of its envelope.
        let header = RawHeader::read(&self.bytes).map_err(|_| Refusal::internal())?;
        let names_allowed = |name: &str| {
            let addresses = header.addresses(name);
            let mut parsed = addresses.iter().map(|text| text.parse::<EmailAddress>());
            !addresses.is_empty() && parsed.all(|address| address.is_ok_and(|a| is_allowed(&a)))
        };
        let mut faults = Refusal::invalid();
        let from_allowed = self.null_sender || is_allowed(&self.from);
        if !from_allowed || !names_allowed("From") {
            faults.add("from", format!("{only}.{repair}"));
        }
        let mut others = ON_BEHALF.into_iter();
        if let Some(name) = others.find(|name| header.has(name) && !names_allowed(name)) {
            let text = format!("{only}, and {name} names another address.{repair}");
            faults.add(headers, text);
        }
        faults.or_ok()
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::mail::Submission;

    fn checked(from: &str, raw: Option<&str>, limits: &SenderLimits) -> Result<(), Refusal> {
        let submission = Submission {
            from: Some(from.to_owned()),
            to: vec!["desk@example.net".to_owned()],
            text: raw.is_none().then(|| "Leave.".to_owned()),
            raw: raw.map(|raw| raw.replace('\n', "\r\n").into_bytes()),
            ..Submission::default()
        };
        let composed = submission.compose(None, "01JD", Timestamp(0));
        let composed = composed.expect("composes");
        composed.check_senders(limits, "raw").map(drop)
    }

    fn is_allowed(from: &str, raw: Option<&str>) -> bool {
        let limits = SenderLimits {
            token: ["app@example.org", "app@b\u{fc}cher.example"]
                .map(str::to_owned)
                .into(),
            account: None,
        };
        match checked(from, raw, &limits) {
            Ok(()) => true,
            Err(refusal) => {
                let mut texts = refusal.fields.values();
                assert!(texts.all(|text| text.contains("app@example.org")));
                false
            }
        }
    }

    #[test]
    fn the_envelope_and_every_author_are_allowed() {
        for (from, raw, allowed) in [
            ("app@example.org", None, true),
            ("App <app@EXAMPLE.org>", None, true),
            ("app@xn--bcher-kva.example", None, true),
            ("APP@example.org", None, false),
            ("ceo@example.org", None, false),
            ("app@example.org.example", None, false),
            (
                "app@example.org",
                Some("From: app@example.org\n\nText"),
                true,
            ),
            (
                "app@example.org",
                Some("From: ceo@example.org\n\nText"),
                false,
            ),
            (
                "ceo@example.org",
                Some("From: app@example.org\n\nText"),
                false,
            ),
            (
                "app@example.org",
                Some("From: app@example.org, ceo@example.org\n\nText"),
                false,
            ),
            ("app@example.org", Some("From: The boss\n\nText"), false),
            (
                "app@example.org",
                Some("From: app@example.org\nSender: app@example.org\n\nText"),
                true,
            ),
            (
                "app@example.org",
                Some("From: app@example.org\nSender: ceo@example.org\n\nText"),
                false,
            ),
            (
                "app@example.org",
                Some(
                    "From: app@example.org\nResent-From: ceo@example.org\nResent-To: desk@example.net\n\nText",
                ),
                false,
            ),
            (
                "app@example.org",
                Some(
                    "From: app@example.org\nResent-From: app@example.org\nResent-Sender: nobody\nResent-To: desk@example.net\n\nText",
                ),
                false,
            ),
            // Without an author the sender of the envelope becomes it.
            ("app@example.org", Some("Subject: Hello\n\nText"), true),
            ("ceo@example.org", Some("Subject: Hello\n\nText"), false),
        ] {
            assert_eq!(is_allowed(from, raw), allowed, "{from} {raw:?}");
        }
    }

    #[test]
    fn the_account_limits_the_token_as_well() {
        let limits = |token: &[&str]| SenderLimits {
            token: token.iter().map(|text| (*text).to_owned()).collect(),
            account: Some(AccountSenders::new("ann@example.org", None, None)),
        };
        for (from, raw, token, fault) in [
            ("ann@example.org", None, &[][..], None),
            ("ANN@Example.org", None, &[], None),
            ("ceo@example.org", None, &[], Some("from")),
            ("ceo@example.org", None, &["ceo@example.org"], Some("from")),
            ("ann@example.org", None, &["ceo@example.org"], Some("from")),
            ("ann@example.org", None, &["ann@example.org"], None),
            (
                "ann@example.org",
                Some("From: ceo@example.org\n\nPay"),
                &[],
                Some("from"),
            ),
            (
                "ceo@example.org",
                Some("From: ann@example.org\n\nPay"),
                &[],
                Some("from"),
            ),
            (
                "ann@example.org",
                Some("From: Ann <ann@example.org>, ceo@example.org\n\nPay"),
                &[],
                Some("from"),
            ),
            (
                "ann@example.org",
                Some("From: ann@example.org\nSender: ceo@example.org\n\nPay"),
                &[],
                Some("raw"),
            ),
        ] {
            let checked = checked(from, raw, &limits(token));
            let field = checked.err().map(|refusal| {
                let (field, text) = refusal.fields.into_iter().next().expect("a fault");
                assert!(text.contains(" sends only from "), "{text}");
                field
            });
            assert_eq!(field.as_deref(), fault, "{from} {raw:?} {token:?}");
        }
    }
}
