//! The composer: validates a submission and writes its message.

use domain::{Kind, Refusal, Timestamp};

use super::submission::{ComposedMessage, DefaultSender, LARGEST, Submission, TOO_LARGE};
use super::{parts, raw};

impl Submission {
    /// Validates the submission and writes its message. `id`, a ULID, makes the Message-ID where
    /// none is given; `now` is the date of the message.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with all faults at once, by field: `to` where a list has one entry,
    /// `to[2]` where it has more, `attachments[0].filename`, and the plain name otherwise.
    pub fn compose(
        mut self,
        sender: Option<&DefaultSender>,
        id: &str,
        now: Timestamp,
    ) -> Result<ComposedMessage, Refusal> {
        let (composed, largest) = match self.raw.take() {
            Some(raw) => (raw::compose(&self, raw, sender, id, now)?, "raw"),
            None => {
                let largest = parts::largest_field(&self);
                (parts::compose(self, sender, id, now)?, largest)
            }
        };
        if composed.bytes.len() > LARGEST {
            return Err(Refusal::of(Kind::Invalid, largest, TOO_LARGE));
        }
        Ok(composed)
    }
}
