//! The figures of a group commit: what it counts, and the rows that it writes.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Timestamp;
use domain::figures::{FigureCounts, FigureStep, FigureSubject};
use domain::outbox::RecipientState;
use parking_lot::Mutex;
use ulid::Ulid;

use crate::actor::{LOCAL_MAIL, OWN_MAIL};
use crate::store::Scope;
use crate::store::figures::{ShardStep, SubjectCounts};
use crate::store::messages::{MessageRow, Submitter};
use crate::store::recipients::SettledRecipient;
use crate::store::search;

/// What is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Counted<'a> {
    All,
    /// The id of an account.
    Account(&'a str),
    /// The id of a token.
    Token(&'a str),
    Relay(Scope),
}

impl Counted<'_> {
    /// The subject as it is stored.
    fn subject(self) -> String {
        let subject = match self {
            Self::All => FigureSubject::All,
            Self::Account(id) => FigureSubject::Account(id.to_owned()),
            Self::Token(id) => FigureSubject::Token(id.to_owned()),
            Self::Relay(scope) => FigureSubject::Relay(scope.relay_id()),
        };
        subject.to_string()
    }
}

/// What a commit counts.
#[derive(Default)]
pub(super) struct Tally<'a>(HashMap<Counted<'a>, FigureCounts>);

impl<'a> Tally<'a> {
    /// Counts the recipients of a message that is accepted.
    pub fn accepted(&mut self, message: &'a MessageRow, recipients: usize) {
        let (account, token) = (message.account.as_str(), message.token.as_deref());
        let number = u64::try_from(recipients).unwrap_or(u64::MAX);
        self.count(Some(account), token, None, |counts| {
            counts.accepted = counts.accepted.saturating_add(number);
        });
    }

    /// Counts a recipient whose result is written.
    pub fn settled(&mut self, row: &'a SettledRecipient) {
        match (row.state, row.settled) {
            (RecipientState::Delivered, Some(at)) => {
                let latency = at.saturating_since(search::accepted(&row.key.message_id));
                self.count_result(row, |counts| {
                    counts.delivered += 1;
                    counts.latency.record(latency);
                });
            }
            (RecipientState::Failed, _) => self.count_result(row, |counts| counts.failed += 1),
            _ => {}
        }
    }

    /// Counts an attempt after which another follows.
    pub fn deferred(&mut self, row: &'a SettledRecipient) {
        self.count_result(row, |counts| counts.deferred += 1);
    }

    fn count_result(&mut self, row: &'a SettledRecipient, count: impl Fn(&mut FigureCounts)) {
        let (account, token) = match row.submitter.as_deref() {
            Some(Submitter { account, token }) => (Some(account.as_str()), token.as_deref()),
            None => (None, None),
        };
        self.count(account, token, row.scope, count);
    }

    fn count(
        &mut self,
        account: Option<&'a str>,
        token: Option<&'a str>,
        relay: Option<Scope>,
        count: impl Fn(&mut FigureCounts),
    ) {
        // Mail of this machine and of Postern itself is of no account.
        let account = account.filter(|account| !["", LOCAL_MAIL, OWN_MAIL].contains(account));
        let subjects = [
            Some(Counted::All),
            account.map(Counted::Account),
            token.map(Counted::Token),
            relay.map(Counted::Relay),
        ];
        for subject in subjects.into_iter().flatten() {
            count(self.0.entry(subject).or_default());
        }
    }
}

/// The rows of a commit, which its shard takes over once they are on disk.
pub(super) struct ShardRows {
    pub at: ShardStep,
    pub rows: Vec<SubjectCounts>,
}

/// What was counted in a shard: by one task that commits, in one hour.
struct Shard {
    id: String,
    hour: Timestamp,
    counted: HashMap<String, FigureCounts>,
}

/// A shard of a task that commits. It is known what is on disk, so that a commit writes the rows that it
/// changes without reading them.
///
/// After a commit that failed this is not known, because it may have reached the disk all the same. The task
/// then goes on with another shard.
#[derive(Clone)]
pub(super) struct FigureShard(Arc<Mutex<Shard>>);

impl FigureShard {
    /// A shard in which nothing is counted.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Shard::new(Timestamp(i64::MIN)))))
    }

    /// The rows of the subjects in a tally, with what the tally adds to them in the hour at `now`.
    pub fn add(&self, tally: Tally<'_>, now: Timestamp) -> ShardRows {
        let mut shard = self.0.lock();
        let hour = FigureStep::Hour.start(now);
        if shard.hour != hour {
            // Also where the clock was set back: rows of that hour are on disk already.
            *shard = Shard::new(hour);
        }
        let row = |(counted, mut counts): (Counted<'_>, FigureCounts)| {
            let subject = counted.subject();
            if let Some(before) = shard.counted.get(&subject) {
                counts.merge(before);
            }
            SubjectCounts { subject, counts }
        };
        let mut rows: Vec<SubjectCounts> = tally.0.into_iter().map(row).collect();
        rows.sort_unstable_by(|a, b| a.subject.cmp(&b.subject));
        ShardRows {
            at: ShardStep {
                step: FigureStep::Hour,
                start: hour,
                shard: shard.id.clone(),
            },
            rows,
        }
    }

    /// Takes over rows that are on disk.
    pub fn written(&self, written: ShardRows) {
        let mut shard = self.0.lock();
        let rows = written.rows.into_iter();
        shard
            .counted
            .extend(rows.map(|row| (row.subject, row.counts)));
    }
}

impl Shard {
    fn new(hour: Timestamp) -> Self {
        Self {
            id: Ulid::new().to_string(),
            hour,
            counted: HashMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::recipients::RecipientKey;

    /// An hour begins.
    const NOW: Timestamp = Timestamp(500_000 * 3_600_000);

    const HOUR: Duration = Duration::from_secs(3600);

    fn message(account: &str, token: Option<&str>) -> MessageRow {
        MessageRow {
            id: "01JD0000000000000000000000".to_owned(),
            account: account.to_owned(),
            token: token.map(str::to_owned),
            sender: "alerts@example.org".to_owned(),
            dsn: None,
            webhook: None,
            subject: String::new(),
            message_id: "<1@example.org>".to_owned(),
            size: 1,
        }
    }

    fn result(state: RecipientState, scope: Option<Scope>) -> SettledRecipient {
        SettledRecipient {
            key: RecipientKey {
                message_id: "01JD0000000000000000000000".to_owned(),
                position: 0,
            },
            state,
            due: None,
            attempts: 1,
            settled: (state != RecipientState::Deferred).then_some(NOW),
            relay: String::new(),
            choice: None,
            reply: String::new(),
            took: Duration::ZERO,
            submitter: Some(Arc::new(Submitter {
                account: "a".to_owned(),
                token: Some("t".to_owned()),
            })),
            scope,
            report: None,
            event: None,
        }
    }

    /// Subject, accepted, delivered, deferred and failed of rows.
    fn lines(rows: &ShardRows) -> Vec<String> {
        let line = |SubjectCounts { subject, counts }: &SubjectCounts| {
            let (accepted, delivered) = (counts.accepted, counts.delivered);
            let (deferred, failed) = (counts.deferred, counts.failed);
            assert_eq!(counts.latency.count(), delivered);
            format!("{subject} {accepted} {delivered} {deferred} {failed}")
        };
        rows.rows.iter().map(line).collect()
    }

    #[test]
    fn a_commit_counts_for_all_mail_the_account_the_token_and_the_relay() {
        let (one, other) = (message("a", Some("t")), message("b", None));
        let (local, own) = (message("", None), message(OWN_MAIL, None));
        let program = message(LOCAL_MAIL, None);
        let delivered = result(RecipientState::Delivered, Some(Scope::Global));
        let deferred = result(RecipientState::Deferred, Some(Scope::Global));
        let suppressed = result(RecipientState::Failed, None);
        let held = result(RecipientState::Held, Some(Scope::Global));
        let unknown = SettledRecipient {
            submitter: None,
            ..suppressed.clone()
        };
        let mut tally = Tally::default();
        for (message, recipients) in [
            (&one, 3),
            (&other, 2),
            (&local, 1),
            (&own, 1),
            (&program, 1),
        ] {
            tally.accepted(message, recipients);
        }
        for row in [
            &delivered,
            &delivered,
            &deferred,
            &suppressed,
            &held,
            &unknown,
        ] {
            tally.settled(row);
        }
        tally.deferred(&deferred);
        let rows = FigureShard::new().add(tally, NOW);
        let expected = [
            "account:a 3 2 1 1",
            "account:b 2 0 0 0",
            "all 8 2 1 2",
            "relay:global 0 2 1 0",
            "token:t 3 2 1 1",
        ];
        assert_eq!(lines(&rows), expected);
    }

    #[test]
    fn rows_hold_what_is_on_disk_and_nothing_else() {
        let message = message("", None);
        let tally = |recipients| {
            let mut tally = Tally::default();
            tally.accepted(&message, recipients);
            tally
        };
        let shard = FigureShard::new();
        let first = shard.add(tally(1), NOW);
        let at = first.at.clone();
        assert_eq!(lines(&first), ["all 1 0 0 0"]);
        shard.written(first);
        // Not written: the transaction was rolled back, and came again.
        assert_eq!(lines(&shard.add(tally(2), NOW)), ["all 3 0 0 0"]);
        let second = shard.add(tally(4), NOW + HOUR - Duration::from_millis(1));
        assert_eq!(
            (lines(&second), &second.at),
            (vec!["all 5 0 0 0".to_owned()], &at)
        );
        shard.written(second);

        let next = shard.add(tally(8), NOW + HOUR);
        assert_eq!(lines(&next), ["all 8 0 0 0"]);
        assert_eq!(next.at.start, NOW + HOUR);
        shard.written(next);
        // The clock is set back. What is on disk for that hour stays.
        let back = shard.add(tally(16), NOW);
        assert_eq!(lines(&back), ["all 16 0 0 0"]);
        assert_eq!(back.at.start, NOW);
        assert_ne!(back.at.shard, at.shard);
    }
}
