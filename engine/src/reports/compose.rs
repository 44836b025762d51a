//! Composes a report: `multipart/report` with its parts (RFC 6522, RFC 3464, RFC 6533).
//!
//! lettre composes the other messages; it has no `multipart/report`.

use domain::outbox::ReportAction;

use super::fields::{address, fields};
use super::returned::{PartEncoding, ReturnedPart, returned};
use super::text::text;
use super::{ComposedReport, Report};
use crate::mail::{date, quoted_printable};

/// The display name in From.
const NAME: &str = "Mail Delivery System";

/// Writes a report. It is ASCII, unless the sender of the message needs SMTPUTF8 (RFC 6531) or a message
/// with other octets is returned whole.
pub(crate) fn compose(report: &Report<'_>) -> ComposedReport {
    let returned = returned(report);
    let subject = subject(report);
    let from = address(report.from.as_str());
    let (_, domain) = from.rsplit_once('@').unwrap_or(("", report.host));
    let message_id = format!("<{}@{domain}>", report.id);
    // The id is new: no part has a line with it.
    let boundary = format!("report-{}", report.id.to_ascii_lowercase());
    let encoding = match &returned {
        Some(part) if part.encoding == PartEncoding::EightBit => PartEncoding::EightBit,
        _ => PartEncoding::SevenBit,
    };
    let mut header = String::new();
    for (name, value) in [
        ("Date", date(report.now).as_str()),
        ("From", &format!("{NAME} <{from}>")),
        (
            "To",
            &format!("<{}>", address(report.message.sender.as_str())),
        ),
        ("Subject", subject),
        ("Message-ID", &message_id),
        // RFC 3834: automatic responders do not answer it.
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
        (
            "Content-Type",
            &format!("multipart/report; report-type=delivery-status;\r\n boundary=\"{boundary}\""),
        ),
        ("Content-Transfer-Encoding", encoding.as_str()),
    ] {
        header.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut parts = Parts {
        out: header.into_bytes(),
        boundary,
    };
    parts.add_text(
        "text/plain; charset=utf-8",
        &text(report, returned.as_ref()),
    );
    let fields = fields(report);
    let kind = match fields.is_ascii() {
        true => "message/delivery-status",
        false => "message/global-delivery-status",
    };
    parts.add_text(kind, &fields);
    if let Some(part) = &returned {
        parts.add(part);
    }
    ComposedReport {
        subject,
        message_id,
        bytes: parts.end(),
    }
}

fn subject(report: &Report<'_>) -> &'static str {
    let recipients = report.recipients.iter();
    match recipients.map(|row| row.result.cause.action()).min() {
        Some(ReportAction::Delayed) => "Your mail is delayed",
        Some(ReportAction::Relayed) => "Your mail was passed on",
        Some(ReportAction::Failed) | None => "Your mail could not be delivered",
    }
}

/// The parts of a multipart (RFC 2046 section 5.1).
struct Parts {
    out: Vec<u8>,
    boundary: String,
}

impl Parts {
    /// Adds a text whose lines end with CRLF, encoded where it is not ASCII.
    fn add_text(&mut self, content_type: &'static str, text: &str) {
        let (encoding, bytes) = match text.is_ascii() {
            true => (PartEncoding::SevenBit, text.as_bytes().into()),
            false => (PartEncoding::QuotedPrintable, quoted_printable(text).into()),
        };
        self.add(&ReturnedPart {
            content_type,
            encoding,
            bytes,
            is_whole: false,
        });
    }

    fn add(&mut self, part: &ReturnedPart<'_>) {
        let (boundary, kind, encoding) =
            (&self.boundary, part.content_type, part.encoding.as_str());
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        );
        self.out.extend_from_slice(head.as_bytes());
        self.out.extend_from_slice(&part.bytes);
    }

    /// Ends the multipart, and returns all that was written.
    fn end(mut self) -> Vec<u8> {
        let end = format!("\r\n--{}--\r\n", self.boundary);
        self.out.extend_from_slice(end.as_bytes());
        self.out
    }
}
