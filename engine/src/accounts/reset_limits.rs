//! Limits of requests to reset a password, and of the mails that answer them.

use super::throttle::LoginThrottle;
use crate::rate_limit::RateLimit;

/// Limits of requests for links, in memory.
pub struct ResetLimits {
    /// The requests for an address and from a network wait as failed sign-ins do.
    pub requests: LoginThrottle,
    /// At most three mails of an account an hour.
    pub mails: RateLimit,
}

impl Default for ResetLimits {
    fn default() -> Self {
        Self {
            requests: LoginThrottle::default(),
            mails: RateLimit::an_hour(3),
        }
    }
}
