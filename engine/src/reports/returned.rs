//! The part of the message that a report returns: its header, or all of it (RFC 3461 section 4.3).

use std::borrow::Cow;

use domain::mail::dsn::{MessageDsn, ReturnContent};
use domain::outbox::{ReportAction, ReportedResult};
use memchr::{memmem, memrchr};
use strum::IntoStaticStr;

use super::status::reply;
use super::{Report, ReportedRecipient};
use crate::mail::quoted_printable;

/// The largest message that is returned whole, in octets; of a larger one the header is. With the rest of
/// the report it stays below the size of a message that is accepted.
const LARGEST_WHOLE: i64 = 24 * 1024 * 1024;

/// The transfer encoding of a part (RFC 2045 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
pub(super) enum PartEncoding {
    #[strum(serialize = "7bit")]
    SevenBit,
    #[strum(serialize = "8bit")]
    EightBit,
    #[strum(serialize = "quoted-printable")]
    QuotedPrintable,
}

impl PartEncoding {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a report returns of the message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReturnedPart<'a> {
    pub content_type: &'static str,
    pub encoding: PartEncoding,
    pub bytes: Cow<'a, [u8]>,
    /// Whether it is the whole message.
    pub is_whole: bool,
}

/// Whether a report of these results may return the whole message, of `size` octets: with RET=FULL a report
/// of a failure does.
pub(crate) fn returns_whole<'a>(
    dsn: &MessageDsn,
    size: i64,
    results: impl IntoIterator<Item = &'a ReportedResult>,
) -> bool {
    dsn.ret == Some(ReturnContent::Full)
        && size <= LARGEST_WHOLE
        && results
            .into_iter()
            .any(|result| result.cause.action() == ReportAction::Failed)
}

/// What a report returns; `None` where the message is no longer stored.
pub(super) fn returned<'a>(report: &Report<'a>) -> Option<ReturnedPart<'a>> {
    let bytes = report.message.bytes;
    if bytes.is_empty() {
        return None;
    }
    // A relay that does not take such messages would not take the report either. The reply in the diagnostic
    // of a recipient on the suppression list is of another message.
    let takes_eight_bit = || {
        let tried = |recipient: &&ReportedRecipient<'_>| !recipient.relay.is_empty();
        let mut tried = report.recipients.iter().filter(tried);
        tried.any(|recipient| reply(&recipient.result.diagnostic).is_some())
    };
    let is_whole = report.message.is_whole && (bytes.is_ascii() || takes_eight_bit());
    let header = header(bytes);
    Some(match (is_whole, header.is_ascii()) {
        (true, is_ascii) => ReturnedPart {
            // RFC 6533 section 5.
            content_type: match is_ascii {
                true => "message/rfc822",
                false => "message/global",
            },
            encoding: match bytes.is_ascii() {
                true => PartEncoding::SevenBit,
                false => PartEncoding::EightBit,
            },
            bytes: bytes.into(),
            is_whole,
        },
        (false, true) => ReturnedPart {
            content_type: "text/rfc822-headers",
            encoding: PartEncoding::SevenBit,
            bytes: header.into(),
            is_whole,
        },
        (false, false) => ReturnedPart {
            content_type: "message/global-headers",
            encoding: PartEncoding::QuotedPrintable,
            bytes: quoted_printable(&with_crlf(header)).into(),
            is_whole,
        },
    })
}

/// A text whose lines end with CRLF, as the encoder needs it, whatever is stored.
fn with_crlf(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace('\r', "");
    text.replace('\n', "\r\n")
}

/// The header of a message, with the end of its last line. Where the bytes end before the header does, it is
/// the lines that are complete.
fn header(bytes: &[u8]) -> &[u8] {
    if bytes.starts_with(b"\r\n") {
        return &[];
    }
    match memmem::find(bytes, b"\r\n\r\n") {
        Some(at) => &bytes[..at + 2],
        None => &bytes[..memrchr(b'\n', bytes).map_or(0, |at| at + 1)],
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::outbox::ReportCause;

    use super::*;

    #[test]
    fn the_header_ends_with_its_last_line() {
        for (message, expected) in [
            ("A: b\r\nC: d\r\n\r\nText\r\n\r\n", "A: b\r\nC: d\r\n"),
            ("\r\nText\r\n", ""),
            ("A: b\r\nC: d\r\n", "A: b\r\nC: d\r\n"),
            ("A: b\r\nC: d", "A: b\r\n"),
            ("A", ""),
            ("", ""),
        ] {
            assert_eq!(
                header(message.as_bytes()),
                expected.as_bytes(),
                "{message:?}"
            );
        }
    }

    #[test]
    fn any_bytes_are_encoded() {
        for (bytes, expected) in [
            (&b"A: \xc3\xbc\r\n"[..], "A: =C3=BC\r\n"),
            (b"A: \xff\r\r\nB: c\n\r", "A: =EF=BF=BD\r\nB: c\r\n"),
        ] {
            let encoded = quoted_printable(&with_crlf(bytes));
            assert_eq!(encoded, expected.as_bytes(), "{bytes:?}");
        }
    }

    #[test]
    fn only_a_failure_returns_the_whole_message() {
        let result = |cause| ReportedResult {
            cause,
            address: String::new(),
            diagnostic: String::new(),
            at: Timestamp(0),
        };
        let [failed, relayed] = [ReportCause::Expired, ReportCause::Relayed].map(result);
        let full = Some(ReturnContent::Full);
        for (ret, size, results, whole) in [
            (full, 17, &[&failed][..], true),
            (full, LARGEST_WHOLE, &[&relayed, &failed], true),
            (full, LARGEST_WHOLE + 1, &[&failed], false),
            (full, 17, &[&relayed], false),
            (Some(ReturnContent::Headers), 17, &[&failed], false),
            (None, 17, &[&failed], false),
        ] {
            let dsn = MessageDsn {
                ret,
                envid: None,
                recipients: Vec::new(),
            };
            let found = returns_whole(&dsn, size, results.iter().copied());
            assert_eq!(found, whole, "{ret:?} {size}");
        }
    }
}
