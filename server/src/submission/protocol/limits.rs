//! Limits of sessions: times, errors, commands and recipients.

use std::time::Duration;

use engine::ENVELOPE_RECIPIENTS_MAX;

/// What a session may take. Tests have shorter times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// How long nothing may arrive (RFC 5321 section 4.5.3.2.7).
    pub idle: Duration,
    /// How long a session may go on without a mail.
    pub without_mail: Duration,
    /// How long a client may take nothing of a reply, and how long a TLS handshake may take.
    pub write: Duration,
    /// Refused commands and mails, since the last mail that was accepted.
    pub errors: u32,
    /// Commands that are not a part of a mail, since the last one.
    pub commands_without_mail: u32,
    /// How long an actor may submit mail before it is checked again whether it still may.
    pub recheck: Duration,
    /// Recipients of a mail (RFC 5321 section 4.5.3.1.8 asks for 100 at least).
    pub recipients: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(5 * 60),
            without_mail: Duration::from_secs(10 * 60),
            write: Duration::from_secs(30),
            errors: 20,
            commands_without_mail: 100,
            recheck: Duration::from_secs(1),
            recipients: ENVELOPE_RECIPIENTS_MAX,
        }
    }
}

/// The lowest rate of the data of a mail, in octets a second, once it took longer than
/// [`SessionLimits::without_mail`]. A slower one would keep its memory for hours.
const LOWEST_RATE: u64 = 8 * 1024;

impl SessionLimits {
    /// How long a mail may take of which so many octets arrived.
    pub fn data(&self, octets: u64) -> Duration {
        self.without_mail + Duration::from_secs(octets / LOWEST_RATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_mails_have_more_time() {
        let limits = SessionLimits::default();
        assert_eq!(limits.data(0), limits.without_mail);
        let large = limits.data(25 * 1024 * 1024);
        assert_eq!(large, Duration::from_secs(600 + 3200));
    }
}
