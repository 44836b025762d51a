//! The test mail: a submission whose text names the relay and the encryption it was sent with.

use domain::{EmailAddress, Kind, Label, Refusal, SmtpSettings, Timestamp};

use super::RECIPIENT;
use crate::mail::{ComposedMessage, DefaultSender, Submission};

/// A validated test mail, composed when the encryption of its session is known.
pub struct TestMessage {
    sender: DefaultSender,
    recipient: String,
    /// The URL of the console.
    public_url: String,
}

impl TestMessage {
    /// Validates the sender and the recipient of the mail.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `from_address`, or under [`RECIPIENT`] for the recipient.
    pub fn new(
        settings: &SmtpSettings,
        recipient: &EmailAddress,
        public_url: &str,
    ) -> Result<Self, Refusal> {
        let message = Self {
            sender: DefaultSender {
                address: settings.from_address.clone(),
                name: settings.from_name.clone(),
                reply_to: settings.reply_to.clone(),
            },
            recipient: recipient.as_str().to_owned(),
            public_url: public_url.to_owned(),
        };
        match message.submit(settings, None, Timestamp(0)) {
            Ok(_) => Ok(message),
            Err(refusal) => {
                let field = match refusal.fields.keys().next().map(String::as_str) {
                    Some("to") => RECIPIENT,
                    _ => Label::FromAddress.as_str(),
                };
                Err(Refusal::of(Kind::Invalid, field, refusal.to_string()))
            }
        }
    }

    /// Composes the mail for a session. `encryption` is `None` if the session is not encrypted.
    pub fn compose(
        &self,
        settings: &SmtpSettings,
        encryption: Option<&str>,
        now: Timestamp,
    ) -> ComposedMessage {
        let composed = self.submit(settings, encryption, now);
        composed.expect("`new` composed it from the same addresses")
    }

    fn submit(
        &self,
        settings: &SmtpSettings,
        encryption: Option<&str>,
        now: Timestamp,
    ) -> Result<ComposedMessage, Refusal> {
        let text = format!(
            "This is a test email from Postern.\n\
             If you can read it, the configuration works.\n\
             \n\
             Sent by: {}\n\
             Relay: {}\n\
             Encryption: {}\n\
             Connection type: {}\n\
             Authentication: {}\n\
             Time: {now}\n",
            self.public_url,
            settings.host.with_port(settings.port),
            encryption.unwrap_or("none, it was sent unencrypted"),
            settings.connection,
            settings.authentication
        );
        let submission = Submission {
            to: vec![self.recipient.clone()],
            subject: Some("Test email from Postern".to_owned()),
            text: Some(text),
            ..Submission::default()
        };
        let id = ulid::Ulid::new().to_string();
        submission.compose(Some(&self.sender), &id, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Form;

    fn settings(label: Label, value: &str) -> SmtpSettings {
        Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587")
            .with(label, value)
            .parse()
            .expect("valid")
    }

    fn composed(settings: &SmtpSettings, to: &EmailAddress) -> ComposedMessage {
        let message = TestMessage::new(settings, to, "").expect("addresses");
        message.compose(settings, None, Timestamp(0))
    }

    #[test]
    fn it_names_its_sender_and_relay() {
        let settings = settings(Label::FromName, "Grüße, \"Ops\"");
        let to = "me@example.net".parse().expect("valid");
        let message = TestMessage::new(&settings, &to, "http://gate.example").expect("addresses");
        let mail = message.compose(&settings, Some("TLS 1.3"), Timestamp(0));
        let text = String::from_utf8(mail.bytes).expect("7-bit");
        assert!(text.is_ascii());
        for line in [
            "To: me@example.net\r\n",
            "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n",
            "Sent by: http://gate.example\r\n",
            "Relay: smtp.example.org:587\r\n",
            "Encryption: TLS 1.3\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.contains(&format!("Message-ID: {}\r\n", mail.message_id)));
        assert!(mail.message_id.ends_with("@example.org>"));
    }

    #[test]
    fn an_address_without_a_domain_is_unchanged() {
        for address in ["ops@[192.0.2.1]", "ops@[IPv6:2001:db8::1]"] {
            let settings = settings(Label::FromAddress, address);
            let mail = composed(&settings, &settings.from_address);
            let text = String::from_utf8(mail.bytes).expect("7-bit");
            assert!(text.contains(&format!("From: {address}\r\n")), "{text}");
            assert!(text.contains(&format!("To: {address}\r\n")), "{text}");
        }
    }

    #[test]
    fn a_domain_of_another_script_stays_seven_bit() {
        let settings = settings(Label::FromAddress, "alerts@bücher.example");
        let to = "me@例子.example".parse().expect("valid");
        let mail = composed(&settings, &to);
        assert!(mail.bytes.is_ascii());
        assert!(
            String::from_utf8_lossy(&mail.bytes).contains("From: alerts@xn--bcher-kva.example")
        );
    }

    #[test]
    fn a_recipient_without_an_ascii_form_is_refused_by_its_field() {
        let settings = settings(Label::FromName, "");
        let to = "a@⒈.example"
            .parse()
            .expect("valid as far as a page can tell");
        let refusal = TestMessage::new(&settings, &to, "").err().expect("refused");
        assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), [RECIPIENT]);
    }
}
