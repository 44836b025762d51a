//! Messages: validates submissions, composes messages (RFC 5322, MIME), and parses stored ones.
//!
//! `compose` writes the message of a [`Submission`], from its `parts` or from a whole `raw`
//! message; `envelope` completes a whole message that comes with an envelope; `parse` decodes a stored
//! message for display. `addresses` and `header` are the parts that these share. Nothing here does I/O.

mod addresses;
mod compose;
mod dkim;
mod envelope;
#[cfg(test)]
mod envelope_tests;
mod header;
mod parse;
mod submission;

pub use addresses::mailbox::check_address;
pub use addresses::sender_identity::{AccountSenders, SenderIdentity, SenderSet, is_domain_key};
pub use addresses::senders::SenderLimits;
pub use compose::lines::Repair;
pub use dkim::{DKIM_SCOPE, DkimSigner, DkimSigners, NewDkimKey};
pub use envelope::{
    ENVELOPE_RECIPIENTS_MAX, EnvelopeRecipient, EnvelopeSubmission, SubmittedEnvelope,
};
pub use header::received::Received;
pub use parse::{ParsedAttachment, ParsedMessage, parse};
pub use submission::{Attachment, ComposedMessage, DefaultSender, MAIL_MAX, Submission};

pub(crate) use compose::mime::quoted_printable;
pub(crate) use header::date;
