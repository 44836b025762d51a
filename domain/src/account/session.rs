//! How long sessions last, and how long a confirmation of one counts.

use std::time::Duration;

/// The time without use after which a session expires.
pub const SESSION_IDLE: Duration = Duration::from_hours(2);

/// The maximum age of a session.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(12);

/// How long a confirmation of a session counts. A sign-in is one.
pub const CONFIRMATION_LIFETIME: Duration = Duration::from_mins(10);
