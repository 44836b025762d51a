//! The composer: validates a submission and writes its message.

pub(super) mod lines;
pub(super) mod mime;
mod parts;
pub(super) mod raw;

use domain::mail::dsn::MessageDsn;
use domain::{Kind, Refusal, Timestamp};

use super::submission::{ComposedMessage, DefaultSender, MAIL_MAX, Submission, TOO_LARGE};

impl Submission {
    /// Validates the submission and writes its message. `sender` supplies the From address if the
    /// submission has none. `id`, a ULID, makes the Message-ID, and `now` the Date, if the
    /// submission has none.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with all faults at once, by field: `to` if a list has one entry, `to[2]`
    /// if it has more, `attachments[0].filename`, and the plain name otherwise.
    pub fn compose(
        mut self,
        sender: Option<&DefaultSender>,
        id: &str,
        now: Timestamp,
    ) -> Result<ComposedMessage, Refusal> {
        // The default of an envelope without parameters of RFC 3461: failures are reported.
        let dsn = self.report.then(MessageDsn::default);
        let (composed, largest) = match self.raw.take() {
            Some(raw) => (raw::compose(&self, raw, sender, id, now)?, "raw"),
            None => {
                let largest = parts::largest_field(&self);
                (parts::compose(self, sender, id, now)?, largest)
            }
        };
        if composed.bytes.len() > MAIL_MAX {
            return Err(Refusal::of(Kind::Invalid, largest, TOO_LARGE));
        }
        Ok(ComposedMessage { dsn, ..composed })
    }
}

#[cfg(test)]
mod attachment_tests;
#[cfg(test)]
mod parts_tests;
#[cfg(test)]
mod raw_tests;
