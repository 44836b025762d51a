//! Delivery status notifications: what is reported to the sender of a message (RFC 3464).
//!
//! `compose` writes the mail: its `text` for people, its `fields` for mail systems, and the `returned`
//! part of the message. `status` reads the replies of relays. Nothing here does I/O.

mod compose;
#[cfg(test)]
mod compose_tests;
mod fields;
mod returned;
mod status;
mod text;
mod wrap;

use domain::mail::dsn::MessageDsn;
use domain::outbox::ReportedResult;
use domain::{EmailAddress, Timestamp};

pub(crate) use compose::compose;
pub(crate) use returned::returns_whole;

/// A report to be composed.
pub(crate) struct Report<'a> {
    /// The id that the report is stored with, a ULID.
    pub id: &'a str,
    pub now: Timestamp,
    /// The address in From.
    pub from: &'a EmailAddress,
    /// The name of this mail system, in ASCII.
    pub host: &'a str,
    pub message: ReportedMessage<'a>,
    /// In the order of the envelope.
    pub recipients: Vec<ReportedRecipient<'a>>,
}

/// The message that a report is about.
pub(crate) struct ReportedMessage<'a> {
    /// The sender of its envelope, the recipient of the report.
    pub sender: &'a EmailAddress,
    pub accepted: Timestamp,
    /// As it is displayed.
    pub subject: &'a str,
    /// With its angle brackets.
    pub message_id: &'a str,
    pub dsn: &'a MessageDsn,
    /// Its bytes, at least the header. Empty where they are no longer stored.
    pub bytes: &'a [u8],
    /// Whether these are all of its bytes, and are returned if the relay takes them.
    pub is_whole: bool,
}

/// A recipient in a report.
pub(crate) struct ReportedRecipient<'a> {
    /// The position in the envelope, from 0.
    pub position: usize,
    /// Host and port of the relay; empty without an attempt.
    pub relay: &'a str,
    pub result: &'a ReportedResult,
    /// When it was tried last; `None` where it was not.
    pub last_attempt: Option<Timestamp>,
    /// How long it is tried again; `None` where it is not.
    pub retry_until: Option<Timestamp>,
}

/// A report ready to be stored and sent.
pub(crate) struct ComposedReport {
    pub subject: &'static str,
    /// With its angle brackets.
    pub message_id: String,
    pub bytes: Vec<u8>,
}
