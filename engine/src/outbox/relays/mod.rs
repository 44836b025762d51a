//! The relays that mail leaves through: their settings and state, and why messages wait for them.

pub(super) mod mail_outage;
pub(super) mod settings;
pub(super) mod status;
pub(super) mod waiting;
