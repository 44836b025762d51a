//! From what the relay said to what becomes of a mail.

use std::time::Duration;

use domain::outbox::{
    GIVE_UP_AFTER, Happening, RecipientState, Spread, Undeliverable, Verdict, What,
    is_undeliverable, mail_waits, verdict,
};
use domain::{Failure, Reply, Timestamp};

use super::mail::Mail;
use crate::store::recipients::{Claimed, Settled};
use crate::store::timeline::Entry;

/// What becomes of a mail, for all its recipients.
#[derive(Debug, Default)]
pub struct Judgement {
    pub settled: Vec<Settled>,
    pub happened: Vec<Entry>,
    pub listed: Vec<Undeliverable>,
    /// The relay took it for somebody.
    pub taken: bool,
    /// It said to come back.
    pub complained: bool,
    /// It would have said the same to any mail.
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
/// that failed. Otherwise nothing was said of it, and it goes behind what else is due.
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
            let said = failure.said();
            judgement.settled.push(attempt.untried(row, said));
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
        let said = failure.said();
        let over = row.attempts > 0 && row.trying_since <= (self.now - GIVE_UP_AFTER).0;
        let (state, said) = match verdict(failure) {
            Verdict::Relay => {
                judgement.sick = Some(failure.clone());
                judgement.settled.push(self.untried(row, said));
                return;
            }
            Verdict::Park => (RecipientState::Failed, said),
            Verdict::Again if over => (
                RecipientState::Failed,
                format!("Given up after five days. The last time: {said}"),
            ),
            Verdict::Again => (RecipientState::Deferred, said),
        };
        if is_undeliverable(failure) {
            judgement.listed.push(Undeliverable {
                address: row.address.clone(),
                said: said.clone(),
                listed: self.now,
                id: row.message.clone(),
            });
        }
        judgement.complained |= state == RecipientState::Deferred;
        let due = (state == RecipientState::Deferred)
            .then(|| (self.now + mail_waits(row.attempts + 1, self.spread)).0);
        judgement.happened.push(Entry {
            message: row.message.clone(),
            position: row.position,
            happening: Happening {
                at: self.now,
                what: match state {
                    RecipientState::Failed => What::Failed,
                    _ => What::Deferred,
                },
                by: self.relay.to_owned(),
                said: said.clone(),
                took: Some(self.milliseconds()),
                may_have_arrived,
            },
        });
        let settled = self.settled(row, state, due, said);
        judgement.settled.push(settled);
    }

    /// As it was, but for what was said, and behind what else is due.
    fn untried(&self, row: &Claimed, said: String) -> Settled {
        let state = match row.attempts {
            0 => RecipientState::Queued,
            _ => RecipientState::Deferred,
        };
        Settled {
            due: Some(self.now.0),
            attempts: row.attempts,
            trying_since: row.trying_since,
            settled: None,
            ..self.settled(row, state, None, said)
        }
    }

    fn settled(
        &self,
        row: &Claimed,
        state: RecipientState,
        due: Option<i64>,
        said: String,
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
            said,
            took: self.milliseconds(),
        }
    }

    fn milliseconds(&self) -> i64 {
        i64::try_from(self.took.as_millis()).unwrap_or(i64::MAX)
    }
}
