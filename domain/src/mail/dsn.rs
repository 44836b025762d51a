//! Requests for delivery status notifications: parameters of MAIL and RCPT (RFC 3461 section 4).

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::refusal::TextFault;

/// The maximum length of ENVID, in octets as sent (RFC 3461 section 4.4).
pub const ENVID_MAX: usize = 100;

/// The maximum length of ORCPT, in octets as sent.
const ORCPT_MAX: usize = 500;

/// The part of the message that a report of a failure contains: the parameter RET (RFC 3461 section
/// 4.3). Parsing is case-insensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[strum(
    ascii_case_insensitive,
    parse_err_ty = TextFault,
    parse_err_fn = unknown_return_content
)]
pub enum ReturnContent {
    /// The whole message.
    #[serde(rename = "FULL")]
    #[strum(serialize = "FULL")]
    Full,
    /// The header of the message.
    #[serde(rename = "HDRS")]
    #[strum(serialize = "HDRS")]
    Headers,
}

impl ReturnContent {
    /// The value in the command MAIL.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

fn unknown_return_content(_: &str) -> TextFault {
    "RET is FULL or HDRS."
}

/// The results that the sender requests a report for: the parameter NOTIFY (RFC 3461 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "one field for each keyword of the parameter"
)]
pub struct NotifyOn {
    /// The sender requests no report. This excludes the others.
    pub never: bool,
    /// A report of delivery.
    pub success: bool,
    /// A report of failure.
    pub failure: bool,
    /// A report of delay.
    pub delay: bool,
}

impl NotifyOn {
    /// Parses `NEVER`, or a list such as `SUCCESS,DELAY`, case-insensitively.
    ///
    /// # Errors
    /// If a keyword is unknown, or `NEVER` is not alone.
    pub fn parse(text: &str) -> Result<Self, TextFault> {
        const FAULT: TextFault = "NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY.";
        let mut notify = Self {
            never: false,
            success: false,
            failure: false,
            delay: false,
        };
        for keyword in text.split(',') {
            let flag = match keyword.to_ascii_uppercase().as_str() {
                "NEVER" => &mut notify.never,
                "SUCCESS" => &mut notify.success,
                "FAILURE" => &mut notify.failure,
                "DELAY" => &mut notify.delay,
                _ => return Err(FAULT),
            };
            *flag = true;
        }
        match notify.never && notify.has_event() {
            true => Err(FAULT),
            false => Ok(notify),
        }
    }

    fn has_event(self) -> bool {
        self.success || self.failure || self.delay
    }
}

impl fmt::Display for NotifyOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.never || !self.has_event() {
            return f.write_str("NEVER");
        }
        let keywords = [
            (self.success, "SUCCESS"),
            (self.failure, "FAILURE"),
            (self.delay, "DELAY"),
        ];
        let set = keywords.into_iter().filter(|(is_set, _)| *is_set);
        for (index, (_, keyword)) in set.enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(keyword)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for NotifyOn {
    type Error = TextFault;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<NotifyOn> for String {
    fn from(notify: NotifyOn) -> Self {
        notify.to_string()
    }
}

/// The parameters of RCPT for reports about the recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecipientDsn {
    /// The results that are reported; `None` if the sender does not name them, which means failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<NotifyOn>,
    /// The original recipient as received, `rfc822;` and its address as xtext (RFC 3461 section 4.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orcpt: Option<String>,
}

/// The parameters of the envelope of a message for reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageDsn {
    /// The part of the message that a report of a failure contains; `None` if the sender does not name
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ret: Option<ReturnContent>,
    /// The sender's id of the envelope as received, xtext (RFC 3461 section 4.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envid: Option<String>,
    /// The recipients in the order of the envelope; empty if none has parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<RecipientDsn>,
}

impl MessageDsn {
    /// The compact JSON that is stored with the message.
    ///
    /// # Panics
    /// Never: every value can be represented in JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and lists have a form in JSON")
    }

    /// Parses stored JSON; `None` for any other text.
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The parameters of the recipient at this position of the envelope.
    pub fn recipient(&self, position: usize) -> Option<&RecipientDsn> {
        self.recipients.get(position)
    }

    /// The parameters for an envelope with only the recipients at these positions, in this order.
    pub fn at_positions(&self, positions: impl Iterator<Item = usize>) -> Self {
        let recipients = match self.recipients.is_empty() {
            true => Vec::new(),
            false => positions
                .map(|position| self.recipient(position).cloned().unwrap_or_default())
                .collect(),
        };
        Self {
            recipients,
            ret: self.ret,
            envid: self.envid.clone(),
        }
    }
}

/// Checks the value of ENVID: xtext of at most 100 octets (RFC 3461 section 4.4).
///
/// # Errors
/// The fault, as a sentence.
pub fn check_envid(text: &str) -> Result<(), TextFault> {
    if text.len() > ENVID_MAX {
        return Err("ENVID has at most 100 characters.");
    }
    match decode_xtext(text) {
        Some(decoded) if !decoded.is_empty() => Ok(()),
        _ => Err("ENVID is not valid xtext (RFC 3461 section 4)."),
    }
}

/// Checks the value of ORCPT: the type of the address, `;`, and the address as xtext, together at most
/// 500 octets (RFC 3461 section 4.2).
///
/// # Errors
/// The fault, as a sentence.
pub fn check_orcpt(text: &str) -> Result<(), TextFault> {
    if text.len() > ORCPT_MAX {
        return Err("ORCPT has at most 500 characters.");
    }
    let (kind, address) = text
        .split_once(';')
        .ok_or("ORCPT needs the type of the address, as in rfc822;ann@example.org.")?;
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*-/?^_`{|}~.".contains(&byte);
    if kind.is_empty() || !kind.bytes().all(is_atom) {
        return Err("The type of the address in ORCPT is not valid, as in rfc822;ann@example.org.");
    }
    match decode_xtext(address) {
        Some(decoded) if !decoded.is_empty() => Ok(()),
        _ => Err("The address in ORCPT is not valid xtext (RFC 3461 section 4)."),
    }
}

/// Decodes xtext (RFC 3461 section 4): printable ASCII, with `+` and two capital hexadecimal digits for an
/// octet. `None` for anything else, and where an octet is not printable ASCII or a space: the text is
/// safe in a header field.
pub fn decode_xtext(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let octet = match byte {
            b'+' => 16 * hexadecimal(bytes.next()?)? + hexadecimal(bytes.next()?)?,
            b'!'..=b'~' if byte != b'=' => byte,
            _ => return None,
        };
        match octet {
            b' '..=b'~' => decoded.push(char::from(octet)),
            _ => return None,
        }
    }
    Some(decoded)
}

/// Encodes a text as xtext (RFC 3461 section 4). Octets that are not printable ASCII, `+` and `=` become
/// `+` and two hexadecimal digits.
pub fn encode_xtext(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'+' | b'=') => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("+{byte:02X}")),
        }
    }
    encoded
}

/// The value of a hexadecimal digit; letters are capitals.
fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ret_is_parsed_in_any_case() {
        for (text, expected) in [
            ("FULL", Some(ReturnContent::Full)),
            ("full", Some(ReturnContent::Full)),
            ("Hdrs", Some(ReturnContent::Headers)),
            ("", None),
            ("HEADERS", None),
            ("FULL,HDRS", None),
        ] {
            assert_eq!(text.parse::<ReturnContent>().ok(), expected, "{text}");
        }
    }

    #[test]
    fn notify_is_parsed_and_written_as_the_rfc_writes_it() {
        for (text, written) in [
            ("NEVER", Some("NEVER")),
            ("never", Some("NEVER")),
            ("SUCCESS", Some("SUCCESS")),
            ("Delay,failure", Some("FAILURE,DELAY")),
            ("DELAY,SUCCESS,FAILURE", Some("SUCCESS,FAILURE,DELAY")),
            ("FAILURE,FAILURE", Some("FAILURE")),
            ("", None),
            ("NEVER,FAILURE", None),
            ("SUCCESS,", None),
            ("SUCCESS, DELAY", None),
            ("ALWAYS", None),
        ] {
            let parsed = NotifyOn::parse(text).ok();
            let shown = parsed.map(|notify| notify.to_string());
            assert_eq!(shown.as_deref(), written, "{text}");
        }
        let delay = NotifyOn::parse("DELAY").expect("valid");
        assert!(delay.delay && !delay.never && !delay.success && !delay.failure);
    }

    #[test]
    fn xtext_is_decoded_to_printable_ascii_only() {
        for (text, decoded) in [
            ("", Some("")),
            ("QQ314159", Some("QQ314159")),
            ("Bob+40example.org", Some("Bob@example.org")),
            ("a+2Bb+3Dc+20d", Some("a+b=c d")),
            ("a=b", None),
            ("a b", None),
            ("+2b", None),
            ("+2", None),
            ("+", None),
            ("a+0D+0AFrom:", None),
            ("+00", None),
            ("+7F", None),
            ("+C3+BC", None),
            ("\u{fc}", None),
            ("a\r\nb", None),
        ] {
            assert_eq!(decode_xtext(text).as_deref(), decoded, "{text:?}");
        }
        assert_eq!(encode_xtext("a+b=c d\u{fc}"), "a+2Bb+3Dc+20d+C3+BC");
    }

    #[test]
    fn envid_and_orcpt_are_checked() {
        for (text, valid) in [
            ("QQ314159", true),
            (&"x".repeat(100), true),
            (&"x".repeat(101), false),
            ("", false),
            ("a b", false),
            ("a+0A", false),
        ] {
            assert_eq!(check_envid(text).is_ok(), valid, "{text}");
        }
        for (text, valid) in [
            ("rfc822;Bob@Example.ORG", true),
            ("rfc822;a+2Bb@example.org", true),
            ("utf-8;\\x{FC}@example.org", true),
            ("rfc822;", false),
            (";a@example.org", false),
            ("a@example.org", false),
            ("rfc 822;a@example.org", false),
            ("rfc822;a+0D+0A@example.org", false),
            (&format!("rfc822;{}", "x".repeat(493)), true),
            (&format!("rfc822;{}", "x".repeat(494)), false),
        ] {
            assert_eq!(check_orcpt(text).is_ok(), valid, "{text}");
        }
    }

    #[test]
    fn it_is_stored_as_compact_json() {
        let notify = |text| RecipientDsn {
            notify: Some(NotifyOn::parse(text).expect("valid")),
            orcpt: None,
        };
        let dsn = MessageDsn {
            ret: Some(ReturnContent::Headers),
            envid: Some("QQ+20314".to_owned()),
            recipients: vec![
                notify("DELAY,SUCCESS"),
                RecipientDsn::default(),
                RecipientDsn {
                    orcpt: Some("rfc822;a@example.org".to_owned()),
                    ..notify("NEVER")
                },
            ],
        };
        let text = r#"{"ret":"HDRS","envid":"QQ+20314","recipients":[{"notify":"SUCCESS,DELAY"},{},{"notify":"NEVER","orcpt":"rfc822;a@example.org"}]}"#;
        assert_eq!(dsn.to_json(), text);
        assert_eq!(MessageDsn::from_json(text), Some(dsn.clone()));
        assert_eq!(MessageDsn::default().to_json(), "{}");
        assert_eq!(MessageDsn::from_json("{}"), Some(MessageDsn::default()));
        assert_eq!(MessageDsn::from_json(r#"{"ret":"ALL"}"#), None);

        let some = dsn.at_positions([2, 0, 7].into_iter());
        let expected = [
            dsn.recipients[2].clone(),
            dsn.recipients[0].clone(),
            RecipientDsn::default(),
        ];
        assert_eq!(some.recipients, expected);
        assert_eq!((some.ret, &some.envid), (dsn.ret, &dsn.envid));
        let without = MessageDsn::default().at_positions([1].into_iter());
        assert_eq!(without, MessageDsn::default());
    }

    proptest! {
        #[test]
        fn printable_text_survives_xtext(text in "[ -~]{0,40}") {
            let encoded = encode_xtext(&text);
            prop_assert!(!encoded.contains([' ', '=']));
            prop_assert_eq!(decode_xtext(&encoded), Some(text));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in any::<String>()) {
            if let Some(decoded) = decode_xtext(&text) {
                prop_assert!(!decoded.contains(char::is_control));
                prop_assert!(!text.contains(char::is_whitespace));
            }
            let _ = (check_envid(&text), check_orcpt(&text), NotifyOn::parse(&text));
        }
    }
}
