//! The state in which the recipients of an accepted message are inserted.

use domain::Timestamp;
use domain::outbox::RecipientState;

use super::request::{Lease, NewMessage};
use crate::store::recipients::NewRecipient;

/// The state of new recipients, and when they are due or their lease ends.
pub(super) struct Placement<'a> {
    state: RecipientState,
    due: Option<Timestamp>,
    owner: Option<&'a str>,
}

impl<'a> Placement<'a> {
    /// Leased where there is a lease, else due at once; held while delivery is paused.
    pub fn new(lease: Option<&'a Lease>, paused: bool, now: Timestamp) -> Self {
        let state = match paused {
            true => RecipientState::Held,
            false => RecipientState::Queued,
        };
        let lease = lease.filter(|_| !paused);
        Self {
            state,
            due: (!paused).then(|| lease.map_or(now, |lease| lease.end)),
            owner: lease.map(|lease| &*lease.owner),
        }
    }

    /// The rows of a message.
    pub fn rows(&self, message: &'a NewMessage) -> impl Iterator<Item = NewRecipient<'a>> {
        (0..)
            .zip(&message.recipients)
            .map(|(position, address)| NewRecipient {
                message_id: &message.message.id,
                position,
                address,
                flow: message.flow,
                state: self.state,
                due: self.due,
                owner: self.owner,
            })
    }
}
