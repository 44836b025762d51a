//! What Home says: whether mail can leave and since when, and what to do first.

mod facts;
mod mail_status;
mod next_step;

#[cfg(test)]
mod testing;

pub use facts::{ExpiringAuthority, ExpiringToken, HomeFacts, HomeRelay, RelayName};
pub use mail_status::MailStatus;
pub use next_step::{EXPIRY_NOTICE, NextStep, next_step};
