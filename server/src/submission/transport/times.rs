//! When things happened last in a session, and when it ends because nothing or no mail arrives.

use tokio::time::Instant;

use crate::submission::protocol::limits::SessionLimits;
use crate::submission::protocol::replies::{self, SmtpReply};

/// When things happened last.
#[derive(Clone, Copy, Debug)]
pub struct SessionTimes {
    /// Something arrived.
    pub heard: Instant,
    /// A mail or a chunk was complete; at first, the session began.
    pub mail: Instant,
    /// The data of a mail began: of one in chunks, the first chunk.
    pub data: Instant,
    /// The actor was current.
    pub checked: Instant,
}

impl SessionTimes {
    /// The times of a session that begins.
    pub fn new(now: Instant) -> Self {
        Self {
            heard: now,
            mail: now,
            data: now,
            checked: now,
        }
    }

    /// A mail was replied to. The client may have waited for it, and has all its time again.
    pub fn replied(&mut self, now: Instant) {
        self.heard = now;
        self.mail = now;
    }

    /// When the session ends although the client sends. `data` is how many octets of a mail arrived, where
    /// one is read.
    pub fn latest_end(&self, limits: &SessionLimits, data: Option<u64>) -> Instant {
        match data {
            None => self.mail + limits.without_mail,
            Some(octets) => self.data + limits.data(octets),
        }
    }

    /// When the session ends unless something arrives, and its last reply then.
    pub fn end(&self, limits: &SessionLimits, data: Option<u64>) -> (Instant, SmtpReply) {
        let (idle, latest) = (self.heard + limits.idle, self.latest_end(limits, data));
        match latest < idle {
            true => (latest, replies::NO_MAIL),
            false => (idle, replies::IDLE),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_session_ends_without_input_without_a_mail_or_at_a_low_rate() {
        let limits = SessionLimits::default();
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let times = |heard, mail, data| SessionTimes {
            heard: at(heard),
            mail: at(mail),
            data: at(data),
            checked: begun,
        };
        for (times, data, ends, reply) in [
            (SessionTimes::new(begun), None, 300, replies::IDLE),
            (times(301, 0, 0), None, 600, replies::NO_MAIL),
            (times(301, 200, 0), None, 601, replies::IDLE),
            // A mail has time by its octets from its beginning on, however late the last of them arrived.
            (times(500, 500, 0), Some(0), 600, replies::NO_MAIL),
            (times(500, 0, 100), Some(8192), 701, replies::NO_MAIL),
            (times(500, 0, 100), Some(8192 * 1000), 800, replies::IDLE),
        ] {
            assert_eq!(times.end(&limits, data), (at(ends), reply), "{times:?}");
        }
        let mut waited = times(0, 0, 0);
        waited.replied(at(1000));
        assert_eq!(waited.end(&limits, None), (at(1300), replies::IDLE));
    }
}
