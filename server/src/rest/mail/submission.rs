//! The body of `send-email`: one mail or an array of them, decoded into what the engine takes.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use domain::outbox::Priority;
use domain::{Kind, Refusal, sanitize};
use engine::{Attachment, Submission, Submissions};
use indexmap::IndexMap;
use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::rest::request::json::{self, Faults, Json, Lenient, Path, lenient};

/// The most entries of a list of addresses; the engine takes fewer.
const ENTRIES: usize = 1000;

/// The most header fields and attachments that are passed on; the engine takes one fewer.
const PARTS: usize = 101;

const EXPECTED: &str = "This is neither a JSON object nor an array of them";

/// Decodes a body. One of 4 KB takes 5.9 µs (3.4 µs where no string has escapes), which is 0.5 µs more
/// than a visitor written for this body alone would, and a mail costs 76 µs of processor time.
///
/// # Errors
/// [`Kind::BadRequest`] where it is not such JSON; [`Kind::Invalid`] with every fault by field,
/// those of an array as `[3].to`.
pub fn decode(body: &[u8]) -> Result<Submissions, Refusal> {
    let faults = Faults::default();
    let submissions = match json::parse(body, EXPECTED)? {
        mail @ Json::Object(_) => {
            Submissions::One(Box::new(decode_mail(mail, Path::Body, &faults)))
        }
        Json::Array(mails) => {
            if !(1..=Submissions::MAX).contains(&mails.len()) {
                let text = format!("An array has 1 to {} mails.", Submissions::MAX);
                return Err(Refusal::new(Kind::Invalid, text));
            }
            let mails = mails
                .into_iter()
                .enumerate()
                .map(|(index, mail)| decode_mail(mail, Path::Item(&Path::Body, index), &faults));
            Submissions::Many(mails.collect())
        }
        _ => return Err(Refusal::new(Kind::BadRequest, format!("{EXPECTED}."))),
    };
    faults.into_result()?;
    Ok(submissions)
}

fn decode_mail(value: Json<'_>, path: Path<'_>, faults: &Faults) -> Submission {
    match json::decode::<SendEmail>(value, path, faults) {
        Some(mail) => mail.into_submission(path, faults),
        None => Submission::default(),
    }
}

/// The body as a whole: a mail, or an array of 1 to [`Submissions::MAX`].
pub struct SendEmailBody;

impl PartialSchema for SendEmailBody {
    fn schema() -> RefOr<Schema> {
        let mail = || Ref::from_schema_name(SendEmail::name());
        let mails = ArrayBuilder::new()
            .items(mail())
            .min_items(Some(1))
            .max_items(Some(Submissions::MAX));
        OneOfBuilder::new().item(mail()).item(mails).into()
    }
}

impl ToSchema for SendEmailBody {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((SendEmail::name().into_owned(), SendEmail::schema()));
        SendEmail::schemas(schemas);
    }
}

/// A mail to send. Null is the same as absent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(expecting = "an object")]
#[schema(example = json!({
    "to": "desk@example.org",
    "subject": "Fire",
    "text": "Leave the building.",
}))]
pub struct SendEmail {
    /// The From address: `a@example.org` or `Name <a@example.org>`. The default is the address of the
    /// configuration, or of the account's own relay. White space at either end of an address is removed,
    /// here and in every other field.
    #[serde(default, deserialize_with = "lenient")]
    from: Option<String>,
    /// The recipients, at most 100 in `to`, `cc` and `bcc` together. An address in `from`, `to` or `cc`
    /// with other characters than ASCII before the @ makes the mail need a relay with SMTPUTF8 for every
    /// recipient; submit it separately where the relay may have none.
    #[serde(default, deserialize_with = "lenient")]
    to: Option<AddressList>,
    #[serde(default, deserialize_with = "lenient")]
    cc: Option<AddressList>,
    #[serde(default, deserialize_with = "lenient")]
    bcc: Option<AddressList>,
    /// The Reply-To address. The default is that of the configuration.
    #[serde(default, deserialize_with = "lenient")]
    reply_to: Option<AddressList>,
    #[serde(default, deserialize_with = "lenient")]
    subject: Option<String>,
    /// The body as plain text. A mail has `text`, `html` or both.
    #[serde(default, deserialize_with = "lenient")]
    text: Option<String>,
    /// The body as HTML.
    #[serde(default, deserialize_with = "lenient")]
    html: Option<String>,
    /// Further header fields by name: a value, or an array of values. Not Bcc, Received or
    /// Content-…. Sender is one address, In-Reply-To and References are Message-IDs. A value is
    /// folded at its spaces; no line may exceed 998 octets.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = Option<std::collections::HashMap<String, AddressList>>)]
    headers: Option<IndexMap<String, HeaderValues>>,
    /// The attachments, at most 100.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = Option<Vec<AttachedFile>>)]
    attachments: Option<Attachments>,
    /// A raw message (RFC 5322) in base64, in place of `subject`, `text`, `html`, `headers` and
    /// `attachments`. It is changed only by its line ends, by leaving out Bcc, and by a Date,
    /// Message-ID or From where one is missing; octets above 127 in its header become encoded words
    /// (RFC 2047), or are refused where a header may have none. The header has at most 1 MiB.
    /// Without `to`, `cc` and `bcc` its recipients are those of Resent-To, Resent-Cc and Resent-Bcc,
    /// or where it has none, those of To, Cc and Bcc. With one of them, only the addresses in these
    /// fields get the mail, and a Bcc header that names another is refused.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = Option<String>, content_encoding = "base64")]
    raw: Option<Base64>,
    /// The priority: `high` for mail that a person waits for, `bulk` for mail to many. The default is
    /// that of the token, which is `normal` unless it has another. A priority above the highest of the
    /// token is refused. Of twelve mails that are sent while all classes wait, eight are high, three
    /// normal and one bulk; within a class the accounts are served in turn.
    #[serde(default, deserialize_with = "lenient")]
    priority: Option<Priority>,
    /// Whether to count how often the mail is opened; off by default. Postern adds an image to `html`,
    /// which each recipient's mail program loads when it shows the mail, unless it blocks images. The
    /// number of loads and the times of the first and the last are in `open_tracking` of the message; no
    /// address and no program is recorded. It cannot be used with `raw`, or while the policy switches it
    /// off.
    #[serde(default, deserialize_with = "lenient")]
    track_opens: Option<bool>,
    /// Whether each recipient that fails is reported by mail (RFC 3464) to the address in From; off by
    /// default. Recipients that fail at the same time are in one report. No report is sent to a
    /// suppressed address.
    #[serde(default, deserialize_with = "lenient")]
    report: Option<bool>,
    /// The id of a webhook of your account (`/api/message-webhooks`), which gets the events of this mail:
    /// `message.delivered`, `message.deferred` and `message.failed`, for each recipient.
    #[serde(default, deserialize_with = "lenient")]
    webhook: Option<String>,
}

impl SendEmail {
    fn into_submission(self, path: Path<'_>, faults: &Faults) -> Submission {
        let list = |list: Option<AddressList>| list.map(|AddressList(list)| list);
        Submission {
            from: self.from,
            to: list(self.to).unwrap_or_default(),
            cc: list(self.cc).unwrap_or_default(),
            bcc: list(self.bcc).unwrap_or_default(),
            reply_to: list(self.reply_to).unwrap_or_default(),
            subject: self.subject,
            text: self.text,
            html: self.html,
            headers: headers(self.headers.unwrap_or_default(), path, faults),
            attachments: attachments(self.attachments.unwrap_or_default(), path, faults),
            raw: self.raw.map(|Base64(octets)| octets),
            priority: self.priority,
            track_opens: self.track_opens.unwrap_or_default(),
            report: self.report.unwrap_or_default(),
            webhook: self.webhook,
        }
    }
}

/// Faults of header fields are under `headers`: a name chosen by the client is not a field.
fn headers(
    named: IndexMap<String, HeaderValues>,
    path: Path<'_>,
    faults: &Faults,
) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (name, values) in named {
        let left = PARTS.saturating_sub(headers.len());
        match values {
            HeaderValues::One(value) => headers.extend((left > 0).then_some((name, value))),
            HeaderValues::Many(values) => {
                let named = values.into_iter().map(|value| (name.clone(), value));
                headers.extend(named.take(left));
            }
            HeaderValues::Other(_) => {
                let name = sanitize::printable(&name, 80);
                let text = format!("“{name}” is a string, or an array of strings.");
                faults.add(&Path::Member(&path, "headers").field(), &text);
            }
        }
    }
    headers
}

fn attachments(files: Attachments, path: Path<'_>, faults: &Faults) -> Vec<Attachment> {
    let mut attachments = Vec::new();
    let path = Path::Member(&path, "attachments");
    // The fault of an absent field has already been recorded.
    let files = files.into_iter().enumerate().take(PARTS);
    for (index, file) in files.filter_map(|(index, Lenient(file))| Some((index, file?))) {
        let path = Path::Item(&path, index);
        let required = |name| faults.add_missing(&Path::Member(&path, name).field());
        if file.filename.is_none() {
            required("filename");
        }
        if file.content.is_none() {
            required("content");
        }
        attachments.push(Attachment {
            filename: file.filename.unwrap_or_default(),
            content_type: file.content_type,
            content_id: file.content_id,
            content: file
                .content
                .map(|Base64(octets)| octets)
                .unwrap_or_default(),
        });
    }
    attachments
}

type Attachments = Vec<Lenient<AttachedFile>>;

/// An attachment.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(expecting = "an object")]
pub struct AttachedFile {
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = String, required)]
    filename: Option<String>,
    /// The media type. The default follows from the extension of `filename`; for an unknown one it is
    /// `application/octet-stream`.
    #[serde(default, deserialize_with = "lenient")]
    content_type: Option<String>,
    /// The Content-ID by which the HTML refers to an image: `cid:` and this (RFC 2392). It must be
    /// unique among the attachments.
    #[serde(default, deserialize_with = "lenient")]
    content_id: Option<String>,
    /// The content in base64.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(value_type = String, required, content_encoding = "base64")]
    content: Option<Base64>,
}

/// The values of a header field.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum HeaderValues {
    One(String),
    Many(Vec<String>),
    Other(IgnoredAny),
}

/// A string, or an array of strings.
#[derive(Debug, Default)]
pub struct AddressList(Vec<String>);

impl PartialSchema for AddressList {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        OneOfBuilder::new()
            .item(text())
            .item(ArrayBuilder::new().items(text()))
            .description(Some("A string, or an array of strings."))
            .into()
    }
}

impl ToSchema for AddressList {}

impl<'de> Deserialize<'de> for AddressList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = AddressList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or an array of strings")
            }

            fn visit_str<E>(self, entry: &str) -> Result<AddressList, E> {
                Ok(AddressList(vec![entry.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<AddressList, A::Error> {
                let mut entries = Vec::with_capacity(items.size_hint().unwrap_or(0).min(ENTRIES));
                while let Some(Lenient(entry)) = items.next_element()? {
                    if entries.len() == ENTRIES {
                        return Err(A::Error::custom("This has at most 1000 entries."));
                    }
                    entries.extend(entry);
                }
                Ok(AddressList(entries))
            }
        }

        deserializer.deserialize_any(Entries)
    }
}

/// Octets in base64 with the standard alphabet (RFC 4648 section 4), with or without padding. Line
/// breaks inside are ignored.
#[derive(Debug, PartialEq, Eq)]
struct Base64(Vec<u8>);

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Base64 {
    fn decode(text: &str) -> Option<Self> {
        let octets = BASE64.decode(text).or_else(|fault| {
            if !text.contains(['\r', '\n']) {
                return Err(fault);
            }
            let mut line = text.as_bytes().to_vec();
            line.retain(|byte| !matches!(byte, b'\r' | b'\n'));
            BASE64.decode(line)
        });
        octets.ok().map(Self)
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Base64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64 (a string): A to Z, a to z, 0 to 9, + and /")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Base64, E> {
                Base64::decode(text)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(""), &self))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_with_line_breaks_and_without_padding() {
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("aGk=", Some(b"hi")),
            ("aGk", Some(b"hi")),
            ("aG\r\nk=\n", Some(b"hi")),
            ("+/+/", Some(b"\xfb\xff\xbf")),
            ("-_-_", None),
            ("aG k=", None),
            ("a", None),
            ("aGl=", None),
            ("aGk==", None),
            ("aGk=aGk=", None),
            ("ü", None),
        ] {
            let expected = expected.map(|octets| Base64(octets.to_vec()));
            assert_eq!(Base64::decode(text), expected, "{text:?}");
        }
    }
}
