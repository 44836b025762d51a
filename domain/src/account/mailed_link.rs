//! How long mailed links can be used: invitations, password resets, sender confirmations.

use std::time::Duration;

use crate::timestamp::DAY;

/// How long the link of an invitation can be used.
pub const INVITATION_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// How long a link that resets a password can be used.
pub const RESET_LIFETIME: Duration = Duration::from_mins(30);

/// How long a link that confirms a sender address can be used.
pub const SENDER_LINK_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// Formats a lifetime: in days if it is a whole number of days, else in minutes.
pub fn lifetime_in_words(lifetime: Duration) -> String {
    let day = DAY.as_secs();
    match lifetime.as_secs() {
        seconds if seconds.is_multiple_of(day) => format!("{} days", seconds / day),
        seconds => format!("{} minutes", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_named_in_days_or_minutes() {
        assert_eq!(lifetime_in_words(INVITATION_LIFETIME), "7 days");
        assert_eq!(lifetime_in_words(RESET_LIFETIME), "30 minutes");
        assert_eq!(lifetime_in_words(SENDER_LINK_LIFETIME), "7 days");
    }
}
