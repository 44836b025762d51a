//! How long mailed links can be used: invitations, password resets, sender confirmations.

use std::time::Duration;

/// How long the link of an invitation can be used.
pub const INVITATION_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// How long a link that resets a password can be used.
pub const RESET_LIFETIME: Duration = Duration::from_mins(30);

/// How long a link that confirms a sender address can be used.
pub const SENDER_LINK_LIFETIME: Duration = Duration::from_hours(7 * 24);
