//! The senders of a message, compared with those that an API token may send from.

use domain::{EmailAddress, Refusal};

use super::mailbox::Mailbox;
use super::raw_header::RawHeader;
use super::submission::ComposedMessage;

/// The key of an address, by which addresses are compared.
fn key(address: EmailAddress) -> Option<String> {
    Mailbox::new("", address).ok().map(|mailbox| mailbox.key())
}

/// The header fields that name who sends a message for its authors, or sends it again (RFC 5322
/// sections 3.6.2 and 3.6.6).
const ON_BEHALF: [&str; 3] = ["Sender", "Resent-From", "Resent-Sender"];

impl ComposedMessage {
    /// Returns the message if its envelope and every address in its header fields From and
    /// [`ON_BEHALF`] is one of `allowed`; without any, every address is. `headers` is the field of the
    /// submission that has the latter.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) under `from` and `headers`.
    pub fn check_senders(self, allowed: &[String], headers: &str) -> Result<Self, Refusal> {
        if allowed.is_empty() {
            return Ok(self);
        }
        let keys: Vec<String> = allowed
            .iter()
            .filter_map(|text| key(text.parse().ok()?))
            .collect();
        let is_allowed =
            |address: EmailAddress| key(address).is_some_and(|key| keys.contains(&key));
        // The From of a raw message may differ from the sender of its envelope.
        let header = RawHeader::read(&self.bytes).map_err(|_| Refusal::internal())?;
        let names_allowed = |name: &str| {
            let addresses = header.addresses(name);
            let mut parsed = addresses.iter().map(|text| text.parse());
            !addresses.is_empty() && parsed.all(|address| address.is_ok_and(is_allowed))
        };
        let only = format!("This token sends only from {}", allowed.join(", "));
        let mut faults = Refusal::invalid();
        if !is_allowed(self.from.clone()) || !names_allowed("From") {
            faults.add("from", format!("{only}."));
        }
        let mut others = ON_BEHALF.into_iter();
        if let Some(name) = others.find(|name| header.has(name) && !names_allowed(name)) {
            faults.add(
                headers,
                format!("{only}, and {name} names another address."),
            );
        }
        faults.or_ok()?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use crate::mail::Submission;

    fn is_allowed(from: &str, raw: Option<&str>) -> bool {
        let submission = Submission {
            from: Some(from.to_owned()),
            to: vec!["desk@example.net".to_owned()],
            text: raw.is_none().then(|| "Leave.".to_owned()),
            raw: raw.map(|raw| raw.replace('\n', "\r\n").into_bytes()),
            ..Submission::default()
        };
        let composed = submission.compose(None, "01JD", Timestamp(0));
        let composed = composed.expect("composes");
        let allowed = ["app@example.org", "app@b\u{fc}cher.example"].map(str::to_owned);
        match composed.check_senders(&allowed, "raw") {
            Ok(_) => true,
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
}
