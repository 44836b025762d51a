//! Limits of requests to reset a password, and of the mails that answer them.
//!
//! A link for any address can be requested without a sign-in. Requests are counted by the network that they
//! come from, so that strangers do not have the owner of an account wait. Mails are counted by account, so
//! that strangers do not flood its mailbox: within the lifetime of a link three are sent. Without a new
//! link the newest stays valid, so that there is one in the mailbox whenever no more are sent.

use crate::accounts::password::throttle::LoginThrottle;
use crate::rate_limit::RateLimit;
use crate::store::accounts::links::LinkPurpose;

/// The mails to an account within the lifetime of a link.
const MAILS: usize = 3;

/// Limits of requests for links, in memory.
pub struct ResetLimits {
    /// The requests from a network wait as failed sign-ins do.
    pub requests: LoginThrottle,
    /// By account. A link that is used ends the count.
    pub mails: RateLimit,
}

impl Default for ResetLimits {
    fn default() -> Self {
        Self {
            requests: LoginThrottle::default(),
            mails: RateLimit::within(LinkPurpose::Reset.lifetime(), MAILS),
        }
    }
}
