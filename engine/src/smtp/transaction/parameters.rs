//! The parameters of MAIL and RCPT that a mail needs or asks for, and the relay offers.

use domain::mail::dsn::MessageDsn;
use domain::{EmailAddress, Failure, Fault, Stage};

use super::envelope::Envelope;
use super::message::{CheckedMessage, EightBitText};
use crate::smtp::wire::Capabilities;

/// The parameters of MAIL and RCPT.
pub(super) struct Parameters<'a> {
    size: Option<usize>,
    eight_bit: bool,
    /// Whether MAIL has SMTPUTF8.
    pub smtputf8: bool,
    /// Those of RFC 3461, where the relay offers DSN.
    dsn: Option<&'a MessageDsn>,
}

impl<'a> Parameters<'a> {
    /// Chooses the parameters of a mail for a relay.
    ///
    /// # Errors
    /// What the mail needs and the relay does not offer.
    pub fn choose(
        envelope: &'a Envelope,
        message: Option<CheckedMessage<'_>>,
        relay: &Capabilities,
    ) -> Result<Self, Failure> {
        let refused = |fault, detail: String| Err(Failure::new(Stage::Mail, fault, detail));
        let size = message.map(|message| message.size());
        if let (Some(Some(limit)), Some(size)) = (relay.size, size)
            && size as u64 > limit
        {
            let detail = format!("the mail has {size} bytes, the relay accepts {limit}");
            return refused(Fault::TooBig(limit), detail);
        }
        let in_header = message.and_then(|message| message.eight_bit_text());
        let sender = envelope.from.as_ref();
        let sender = sender.filter(|address| address.needs_smtputf8());
        let needs_smtputf8 = in_header.is_some() || sender.is_some();
        if !relay.smtputf8 {
            match (sender, in_header) {
                (Some(sender), _) => return Err(sender_without_smtputf8(sender)),
                (None, Some(text)) => return Err(header_without_smtputf8(&text)),
                (None, None) => {}
            }
        }
        let eight_bit = message.is_some_and(|message| message.eight_bit);
        if eight_bit && !relay.eight_bit_mime {
            return refused(
                Fault::EightBitNotOffered,
                "the mail needs 8BITMIME, which the relay does not offer".to_owned(),
            );
        }
        let recipients_use_it = envelope.to.iter().any(EmailAddress::needs_smtputf8);
        Ok(Self {
            size: size.filter(|_| relay.size.is_some()),
            eight_bit,
            smtputf8: needs_smtputf8 || (relay.smtputf8 && recipients_use_it),
            dsn: envelope.dsn.as_ref().filter(|_| relay.dsn),
        })
    }

    /// What follows the path in MAIL.
    pub fn of_mail(&self) -> String {
        let mut text = String::new();
        if let Some(size) = self.size {
            text.push_str(&format!(" SIZE={size}"));
        }
        if self.eight_bit {
            text.push_str(" BODY=8BITMIME");
        }
        if self.smtputf8 {
            text.push_str(" SMTPUTF8");
        }
        if let Some(dsn) = self.dsn {
            if let Some(ret) = dsn.ret {
                text.push_str(&format!(" RET={}", ret.as_str()));
            }
            if let Some(envid) = &dsn.envid {
                text.push_str(&format!(" ENVID={envid}"));
            }
        }
        text
    }

    /// What follows the path in the RCPT of the recipient at this position of the envelope.
    pub fn of_rcpt(&self, position: usize) -> String {
        let mut text = String::new();
        if let Some(dsn) = self.dsn.and_then(|dsn| dsn.recipient(position)) {
            if let Some(notify) = dsn.notify {
                text.push_str(&format!(" NOTIFY={notify}"));
            }
            if let Some(orcpt) = &dsn.orcpt {
                text.push_str(&format!(" ORCPT={orcpt}"));
            }
        }
        text
    }
}

fn sender_without_smtputf8(address: &EmailAddress) -> Failure {
    without_smtputf8(format!(
        "the sender {address} needs SMTPUTF8, which the relay does not offer; send from an address \
         with only ASCII characters before the @, or use a relay with SMTPUTF8"
    ))
}

/// The failure of all recipients because of one address in the header.
fn header_without_smtputf8(text: &EightBitText) -> Failure {
    let EightBitText { field, word } = text;
    without_smtputf8(if word.contains('@') {
        format!(
            "{field} has the address {word}, so the mail needs SMTPUTF8 for every recipient, and the \
             relay does not offer it; submit the mail to that address separately, or use a relay \
             with SMTPUTF8"
        )
    } else {
        format!(
            "{field} has the text “{word}” in 8-bit characters, so the mail needs SMTPUTF8, and the \
             relay does not offer it; write {field} in ASCII, or use a relay with SMTPUTF8"
        )
    })
}

/// The failure of one recipient.
pub(super) fn recipient_without_smtputf8(address: &EmailAddress) -> Failure {
    without_smtputf8(format!(
        "the recipient {address} needs SMTPUTF8, which the relay does not offer; use an address with \
         only ASCII characters before the @, or a relay with SMTPUTF8"
    ))
}

fn without_smtputf8(detail: String) -> Failure {
    Failure::new(Stage::Mail, Fault::SmtpUtf8NotOffered, detail)
}
