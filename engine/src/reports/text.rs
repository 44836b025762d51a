//! The part of a report for people: what happened, to which address, and what to do.

use domain::outbox::{ReportAction, ReportCause};
use domain::sanitize::printable;

use super::fields::{address, host};
use super::returned::ReturnedPart;
use super::status::{StatusCode, reply};
use super::wrap::wrapped;
use super::{Report, ReportedRecipient};
use crate::mail::date;

/// The longest text of a relay or a header field that is quoted, in characters.
const QUOTED: usize = 500;

/// Lines about a recipient begin with it.
const INDENT: &str = "    ";

/// The text. Lines end with CRLF.
pub(super) fn text(report: &Report<'_>, returned: Option<&ReturnedPart<'_>>) -> String {
    let mut out = format!("This is the mail system at {}.\r\n\r\n", report.host);
    out.push_str("It reports on your mail:\r\n\r\n");
    let message = &report.message;
    if !message.subject.is_empty() {
        field(&mut out, "Subject", message.subject);
    }
    field(&mut out, "Accepted", &date(message.accepted));
    field(&mut out, "Message-ID", message.message_id);
    for (action, heading) in [
        (
            ReportAction::Failed,
            "It could not be delivered to the following addresses, and is not tried again.",
        ),
        (
            ReportAction::Delayed,
            "It is not delivered to the following addresses yet. It is tried again; you need not send it \
             once more.",
        ),
        (
            ReportAction::Relayed,
            "It was passed on for the following addresses, to a relay that sends no reports. Whether it \
             reaches them is not known.",
        ),
    ] {
        let recipients = report.recipients.iter();
        let of_action = |row: &&ReportedRecipient<'_>| row.result.cause.action() == action;
        for (index, recipient) in recipients.filter(of_action).enumerate() {
            if index == 0 {
                paragraph(&mut out, "", heading);
            }
            out.push_str(&format!("\r\n<{}>\r\n", address(&recipient.result.address)));
            of_recipient(&mut out, recipient);
        }
    }
    let returned = match returned {
        Some(part) if part.is_whole => ", and your mail.",
        Some(_) => ", and the header of your mail.",
        None => ".",
    };
    let end = format!("The details for mail systems follow{returned}");
    paragraph(&mut out, "", &end);
    out
}

/// Says what happened to a recipient, and what to do.
fn of_recipient(out: &mut String, recipient: &ReportedRecipient<'_>) {
    let result = recipient.result;
    let relay = host(recipient.relay);
    let is_reply = reply(&result.diagnostic).is_some();
    let happened = match (result.cause, is_reply) {
        (ReportCause::Refused, true) => format!("The relay {relay} refused it:"),
        (ReportCause::Refused, false) => format!("It cannot be sent through the relay {relay}:"),
        (ReportCause::Expired, true) => {
            format!("It was tried for five days. The last answer of the relay {relay} was:")
        }
        (ReportCause::Expired, false) => {
            format!("It was tried for five days. The last failure at the relay {relay} was:")
        }
        (ReportCause::Suppressed, _) => {
            "It was not tried, because a relay has refused mail to this address before:".to_owned()
        }
        (ReportCause::Unsendable, _) => "It was not tried:".to_owned(),
        (ReportCause::Delayed, _) if relay.is_empty() => "It was not tried yet:".to_owned(),
        (ReportCause::Delayed, true) => format!("The relay {relay} answered:"),
        (ReportCause::Delayed, false) => format!("The last failure at the relay {relay} was:"),
        (ReportCause::Relayed, _) => format!("The relay {relay} accepted it:"),
    };
    lines(out, &happened);
    lines(out, &printable(&result.diagnostic, QUOTED));
    match result.cause.action() {
        ReportAction::Failed => {
            lines(out, &format!("What to do: {}", StatusCode::advice(result)));
        }
        ReportAction::Delayed => {
            if let Some(until) = recipient.retry_until {
                lines(
                    out,
                    &format!("It is tried again until about {}.", date(until)),
                );
            }
        }
        ReportAction::Relayed => {}
    }
}

/// Writes indented lines.
fn lines(out: &mut String, text: &str) {
    out.push_str(&wrapped(INDENT, INDENT, text));
    out.push_str("\r\n");
}

/// Writes a line with the name of a header field and its value.
fn field(out: &mut String, name: &str, value: &str) {
    lines(out, &format!("{name}: {}", printable(value, QUOTED)));
}

/// Writes a paragraph after an empty line.
fn paragraph(out: &mut String, first: &str, text: &str) {
    out.push_str("\r\n");
    out.push_str(&wrapped(first, "", text));
    out.push_str("\r\n");
}
