//! Finding out whether a configuration works, and why not: the diagnosis, the probe and
//! the test mail.

mod message;
mod probe;
mod question;
mod run;
mod telling;

pub(crate) use message::mailbox;
pub use probe::Search;
pub use question::{Question, TO};

/// The field a refused recipient, or a failed test mail, stands under, as in system V.
pub const RECIPIENT: &str = "email_send";
