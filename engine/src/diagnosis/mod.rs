//! Finding out whether a configuration works: the test mail.

mod message;
mod test;

pub(crate) use message::mailbox;

/// The field a refused recipient, or a failed test mail, stands under, as in system V.
pub const RECIPIENT: &str = "email_send";
