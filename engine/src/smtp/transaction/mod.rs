//! A mail transaction (RFC 5321 section 3.3) without its I/O: envelope, commands, body, replies.

mod envelope;
mod message;
mod parameters;
mod plan;
mod prepared;
mod state;

pub use envelope::{Envelope, OutgoingMessage, RecipientResults};
pub(super) use message::{BodyPieces, END_OF_DATA, missing_end};
pub(super) use plan::{Command, CommandPlan};
pub(super) use prepared::PreparedMessage;
pub(super) use state::{TransactionState, out_of_order};
