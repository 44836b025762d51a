//! Operations on mail: accepting, reading and acting on messages, the outbox and suppressions.

pub mod message_actions;
pub mod messages;
pub mod outbox;
pub mod send_email;
mod submission;
#[cfg(test)]
mod submission_tests;
pub mod suppressions;

/// The path of submissions.
pub const INTAKE: &str = "/api/messages/send-email";
