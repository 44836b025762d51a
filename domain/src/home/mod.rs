//! The content of Home: the mail status and its start, and the next step for the viewer.

mod facts;
mod mail_status;
mod next_step;

#[cfg(test)]
mod testing;

pub use facts::{ExpiringAuthority, ExpiringToken, HomeFacts, HomeRelay, RelayName};
pub use mail_status::MailStatus;
pub use next_step::{EXPIRY_NOTICE, NextStep, next_step};
