//! Messages: validates submissions, composes messages (RFC 5322, MIME), and parses stored ones.
//!
//! `compose` writes the message of a [`Submission`], from its `parts` or from a whole `raw`
//! message; `envelope` completes a whole message that comes with an envelope; `parse` decodes a stored
//! message for display. Nothing here does I/O.

mod address_list;
#[cfg(test)]
mod attachment_tests;
mod compose;
mod dkim;
mod encode_header;
mod envelope;
#[cfg(test)]
mod envelope_tests;
mod extra_headers;
mod header;
mod lines;
mod mailbox;
mod mime;
mod parse;
mod parts;
#[cfg(test)]
mod parts_tests;
mod raw;
mod raw_header;
#[cfg(test)]
mod raw_tests;
mod received;
mod recipients;
mod sender_identity;
mod senders;
mod submission;

pub use dkim::{DKIM_SCOPE, DkimSigner, DkimSigners, NewDkimKey};
pub use envelope::{EnvelopeRecipient, EnvelopeSubmission, SubmittedEnvelope};
pub use lines::Repair;
pub use mailbox::check_address;
pub use parse::{ParsedAttachment, ParsedMessage, parse};
pub use received::Received;
pub use sender_identity::{AccountSenders, SenderIdentity, SenderSet, is_domain_key};
pub use senders::SenderLimits;
pub use submission::{Attachment, ComposedMessage, DefaultSender, MAIL_MAX, Submission};

pub(crate) use header::date;
pub(crate) use mime::quoted_printable;
