//! The senders of a message, compared with those that an API token may send from.

use domain::{EmailAddress, Kind, Refusal};

use super::mailbox::Mailbox;
use super::raw_header::RawHeader;
use super::submission::ComposedMessage;

/// The key of an address, by which addresses are compared.
fn key(address: EmailAddress) -> Option<String> {
    Mailbox::new("", address).ok().map(|mailbox| mailbox.key())
}

impl ComposedMessage {
    /// Returns the message if its envelope and every address in its header field From is one of
    /// `allowed`; without any, every address is.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `from`.
    pub fn check_senders(self, allowed: &[String]) -> Result<Self, Refusal> {
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
        let authors = match RawHeader::read(&self.bytes) {
            Ok(header) => header.addresses("From"),
            Err(_) => Vec::new(),
        };
        let mut parsed = authors.iter().map(|text| text.parse());
        if is_allowed(self.from.clone())
            && !authors.is_empty()
            && parsed.all(|author| author.is_ok_and(is_allowed))
        {
            return Ok(self);
        }
        let text = format!("This token sends only from {}.", allowed.join(", "));
        Err(Refusal::of(Kind::Invalid, "from", text))
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
        match composed.check_senders(&allowed) {
            Ok(_) => true,
            Err(refusal) => {
                assert!(refusal.fields["from"].contains("app@example.org"));
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
            // Without an author the sender of the envelope becomes it.
            ("app@example.org", Some("Subject: Hello\n\nText"), true),
            ("ceo@example.org", Some("Subject: Hello\n\nText"), false),
        ] {
            assert_eq!(is_allowed(from, raw), allowed, "{from} {raw:?}");
        }
    }
}
