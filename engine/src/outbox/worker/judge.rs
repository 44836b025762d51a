//! From what the relay said to what becomes of a mail.

use std::time::Duration;

use domain::outbox::{
    DeliveryEvent, EventKind, GIVE_UP_AFTER, RecipientState, Spread, Suppression, Verdict,
    is_suppressible, mail_waits, verdict,
};
use domain::{Failure, Reply, Timestamp};

use super::mail::Mail;
use crate::store::delivery_events::Entry;
use crate::store::recipients::{Claimed, Settled};

/// What becomes of a mail, for all its recipients.
#[derive(Debug, Default)]
pub struct Judgement {
    pub settled: Vec<Settled>,
    pub events: Vec<Entry>,
    pub listed: Vec<Suppression>,
    /// The relay took it for somebody.
    pub taken: bool,
    /// It reply to come back.
    pub complained: bool,
    /// It would have reply the same to any mail.
    pub sick: Option<Failure>,
}

/// An attempt, when it was and with whom.
pub struct Attempt<'a> {
    pub relay: &'a str,
    pub now: Timestamp,
    pub took: Duration,
    pub spread: Spread,
}

/// What becomes of a mail by what the relay said of each recipient.
pub fn judge(mail: &Mail, fates: &[Result<Reply, Failure>], attempt: &Attempt<'_>) -> Judgement {
    let mut judgement = Judgement::default();
    for (row, fate) in mail.recipients.iter().zip(fates) {
        match fate {
            Ok(reply) => {
                judgement.taken = true;
                judgement.settled.push(attempt.settled(
                    row,
                    RecipientState::Delivered,
                    None,
                    reply.words(),
                ));
            }
            Err(failure) => attempt.failed(&mut judgement, row, failure, false),
        }
    }
    judgement
}

/// What becomes of a mail in whose midst the session ended: where it may have arrived, an attempt
/// that failed. Otherwise nothing was reply of it, and it goes behind what else is due.
pub fn interrupted(
    mail: &Mail,
    failure: &Failure,
    may_have_arrived: bool,
    attempt: &Attempt<'_>,
) -> Judgement {
    let mut judgement = Judgement::default();
    for row in &mail.recipients {
        if may_have_arrived {
            attempt.failed(&mut judgement, row, failure, true);
        } else {
            let reply = failure.said();
            judgement.settled.push(attempt.untried(row, reply));
        }
    }
    judgement
}

impl Attempt<'_> {
    fn failed(
        &self,
        judgement: &mut Judgement,
        row: &Claimed,
        failure: &Failure,
        may_have_arrived: bool,
    ) {
        let reply = failure.said();
        let over = row.attempts > 0 && row.trying_since <= (self.now - GIVE_UP_AFTER).0;
        let (state, reply) = match verdict(failure) {
            Verdict::Relay => {
                judgement.sick = Some(failure.clone());
                judgement.settled.push(self.untried(row, reply));
                return;
            }
            Verdict::Park => (RecipientState::Failed, reply),
            Verdict::Again if over => (
                RecipientState::Failed,
                format!("Given up after five days. The last time: {reply}"),
            ),
            Verdict::Again => (RecipientState::Deferred, reply),
        };
        if is_suppressible(failure) {
            judgement.listed.push(Suppression {
                address: row.address.clone(),
                reply: reply.clone(),
                listed: self.now,
                id: row.message.clone(),
            });
        }
        judgement.complained |= state == RecipientState::Deferred;
        let due = (state == RecipientState::Deferred)
            .then(|| (self.now + mail_waits(row.attempts + 1, self.spread)).0);
        judgement.events.push(Entry {
            message: row.message.clone(),
            position: row.position,
            event: DeliveryEvent {
                at: self.now,
                kind: match state {
                    RecipientState::Failed => EventKind::Failed,
                    _ => EventKind::Deferred,
                },
                by: self.relay.to_owned(),
                reply: reply.clone(),
                took: Some(self.milliseconds()),
                may_have_arrived,
            },
        });
        let settled = self.settled(row, state, due, reply);
        judgement.settled.push(settled);
    }

    /// As it was, but for what was reply, and behind what else is due.
    fn untried(&self, row: &Claimed, reply: String) -> Settled {
        let state = match row.attempts {
            0 => RecipientState::Queued,
            _ => RecipientState::Deferred,
        };
        Settled {
            due: Some(self.now.0),
            attempts: row.attempts,
            trying_since: row.trying_since,
            settled: None,
            ..self.settled(row, state, None, reply)
        }
    }

    fn settled(
        &self,
        row: &Claimed,
        state: RecipientState,
        due: Option<i64>,
        reply: String,
    ) -> Settled {
        Settled {
            message: row.message.clone(),
            position: row.position,
            state,
            due,
            attempts: row.attempts + 1,
            trying_since: match row.attempts {
                0 => self.now.0,
                _ => row.trying_since,
            },
            settled: due.is_none().then_some(self.now.0),
            relay: self.relay.to_owned(),
            reply,
            took: self.milliseconds(),
        }
    }

    fn milliseconds(&self) -> i64 {
        i64::try_from(self.took.as_millis()).unwrap_or(i64::MAX)
    }
}
