//! What Home says: whether mail can leave and since when, and what to do first.

mod facts;
mod mail_status;
mod next_step;

#[cfg(test)]
mod testing;

pub use facts::{ExpiringToken, HomeFacts, HomeRelay, RelayName};
pub use mail_status::MailStatus;
pub use next_step::{NextStep, TOKEN_NOTICE, next_step};
