//! The test mail itself: who sent it, through what, and how encrypted.

use std::time::{Duration, UNIX_EPOCH};

use domain::{EmailAddress, Kind, Label, Refusal, SmtpSettings, Timestamp};
use lettre::Message;
use lettre::message::header::{self, ContentType};
use lettre::message::{Mailbox, Mailboxes, SinglePart};

use super::RECIPIENT;
use crate::smtp::to_ascii;

/// A mail ready for the wire.
pub struct Mail {
    /// With its angle brackets.
    pub id: String,
    pub bytes: Vec<u8>,
}

/// The heads of a test mail, checked before anything is sent.
pub struct Letter {
    from: Mailbox,
    to: Mailbox,
    reply_to: Option<Mailbox>,
}

impl Letter {
    pub fn new(settings: &SmtpSettings, recipient: &EmailAddress) -> Result<Self, Refusal> {
        let name = Some(settings.from_name.clone()).filter(|name| !name.is_empty());
        let reply_to = settings.reply_to.as_ref();
        Ok(Self {
            from: mailbox(name, &settings.from_address, Label::FromAddress.as_str())?,
            to: mailbox(None, recipient, RECIPIENT)?,
            reply_to: reply_to
                .map(|address| mailbox(None, address, Label::ReplyTo.as_str()))
                .transpose()?,
        })
    }

    /// The mail. `encryption` is what the session has, `postern` where the console is.
    pub fn write(
        &self,
        settings: &SmtpSettings,
        encryption: Option<&str>,
        postern: &str,
        now: Timestamp,
    ) -> Mail {
        let id = format!("<{}@{}>", ulid::Ulid::new(), self.from.email.domain());
        let body = format!(
            "This is a test email from Postern.\r\n\
             If you can read it, the configuration works.\r\n\
             \r\n\
             Sent by: {postern}\r\n\
             Relay: {}\r\n\
             Encryption: {}\r\n\
             Connection type: {}\r\n\
             Authentication: {}\r\n\
             Time: {now}\r\n",
            settings.host.with_port(settings.port),
            encryption.unwrap_or("none, it travelled in the clear"),
            settings.connection,
            settings.authentication
        );
        let date = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
        // Before a mail is whole lettre reads its From back, and cannot read every address that it
        // writes: `ops@[192.0.2.1]` for one. So it is given a plain one first.
        let stand_in: Mailbox = "postern@example.invalid".parse().expect("an address");
        let mut builder = Message::builder()
            .from(stand_in.clone())
            .to(stand_in)
            .subject("Test email from Postern")
            .message_id(Some(id.clone()))
            .date(date);
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(reply_to.clone());
        }
        let text = SinglePart::builder()
            .header(ContentType::TEXT_PLAIN)
            .body(body);
        let mut message = builder
            .singlepart(text)
            .expect("a mail with one From and one To is whole");
        let headers = message.headers_mut();
        headers.set(header::From::from(Mailboxes::from(self.from.clone())));
        headers.set(header::To::from(Mailboxes::from(self.to.clone())));
        Mail {
            id,
            bytes: message.formatted(),
        }
    }
}

/// An address as a header holds it; a domain of another script as A-labels, so that the header
/// stays 7-bit.
pub(crate) fn mailbox(
    name: Option<String>,
    address: &EmailAddress,
    field: &str,
) -> Result<Mailbox, Refusal> {
    to_ascii(address.domain())
        .and_then(|domain| lettre::Address::new(address.local_part(), domain).ok())
        .map(|address| Mailbox::new(name, address))
        .ok_or_else(|| {
            let text = "This address cannot stand in the head of a mail; use a plainer one.";
            Refusal::of(Kind::Invalid, field, text)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Form, Label};

    fn settings(label: Label, value: &str) -> SmtpSettings {
        Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587")
            .with(label, value)
            .parse()
            .expect("valid")
    }

    #[test]
    fn it_says_who_sent_it_and_through_what() {
        let settings = settings(Label::FromName, "Grüße, \"Ops\"");
        let to = "me@example.net".parse().expect("valid");
        let letter = Letter::new(&settings, &to).expect("addresses");
        let mail = letter.write(
            &settings,
            Some("TLS 1.3"),
            "http://gate.example",
            Timestamp(0),
        );
        let text = String::from_utf8(mail.bytes).expect("7-bit");
        assert!(text.is_ascii());
        for line in [
            "To: me@example.net\r\n",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
            "Sent by: http://gate.example\r\n",
            "Relay: smtp.example.org:587\r\n",
            "Encryption: TLS 1.3\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.contains(&format!("Message-ID: {}\r\n", mail.id)));
        assert!(mail.id.ends_with("@example.org>"));
    }

    #[test]
    fn an_address_without_a_domain_is_written_as_it_is() {
        for address in ["ops@[192.0.2.1]", "ops@[IPv6:2001:db8::1]"] {
            let settings = settings(Label::FromAddress, address);
            let letter = Letter::new(&settings, &settings.from_address).expect("addresses");
            let mail = letter.write(&settings, None, "", Timestamp(0));
            let text = String::from_utf8(mail.bytes).expect("7-bit");
            assert!(text.contains(&format!("From: {address}\r\n")), "{text}");
            assert!(text.contains(&format!("To: {address}\r\n")), "{text}");
        }
    }

    #[test]
    fn a_domain_of_another_script_stays_seven_bit() {
        let settings = settings(Label::FromAddress, "alerts@bücher.example");
        let to = "me@例子.example".parse().expect("valid");
        let letter = Letter::new(&settings, &to).expect("addresses");
        let mail = letter.write(&settings, None, "", Timestamp(0));
        assert!(mail.bytes.is_ascii());
        assert!(
            String::from_utf8_lossy(&mail.bytes).contains("From: alerts@xn--bcher-kva.example")
        );
    }
}
