//! Whether a next transaction is pipelined behind a body, by DATA or whole: tried per greeting.

use std::collections::HashMap;
use std::time::Duration;

use domain::Timestamp;

use crate::store::relays::pipelining_trials::PipeliningTrial;

/// How long the outcome of a trial is valid. A relay may be updated.
pub(in crate::delivery) const VALID: Duration = Duration::from_secs(7 * 24 * 3600);

/// After this number of consecutive breaks a relay for which a trial succeeded is taken for one that
/// breaks.
const MAX_BREAKS: u32 = 2;

/// The maximum number of greetings that are remembered. A relay with more is not pipelined to.
const MAX_GREETINGS: usize = 16;

/// What is known about a greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    /// One connection pipelines one message, and no other does.
    Trying,
    /// It works; the number of consecutive sessions that broke since.
    Works { tried: Timestamp, breaks: u32 },
    /// The session breaks: Dovecot's submission service 2.3 ends in a panic, after it has taken the
    /// message.
    Breaks { tried: Timestamp },
}

impl Knowledge {
    fn is_valid(self, now: Timestamp) -> bool {
        match self {
            Self::Trying => true,
            Self::Works { tried, .. } | Self::Breaks { tried } => now - VALID < tried,
        }
    }
}

/// Whether a connection may pipeline the next message, or send it in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum PipeliningPermit {
    Granted,
    /// Once: the outcome is reported by [`PipeliningTrials::succeeded`],
    /// [`PipeliningTrials::broke`] or [`PipeliningTrials::abandoned`].
    Trial,
    Denied,
}

/// What is known about pipelined next transactions to a relay, by its greeting.
#[derive(Debug, Default)]
pub(in crate::delivery) struct PipeliningTrials {
    known: HashMap<String, Knowledge>,
    /// Whether the relay knows BDAT, for those that support pipelined next transactions.
    chunking: HashMap<String, bool>,
    /// A session ended with several messages in doubt, and no message was accepted since.
    interrupted: bool,
}

impl PipeliningTrials {
    /// Begins with stored outcomes.
    pub fn of(stored: impl IntoIterator<Item = PipeliningTrial>) -> Self {
        let known = stored.into_iter().take(MAX_GREETINGS).map(|trial| {
            let tried = trial.tried;
            let knowledge = match trial.works {
                true => Knowledge::Works { tried, breaks: 0 },
                false => Knowledge::Breaks { tried },
            };
            (trial.greeting, knowledge)
        });
        Self {
            known: known.collect(),
            ..Self::default()
        }
    }

    /// Whether messages may go in chunks to a relay with this greeting: where it supports
    /// pipelined next transactions, and knows BDAT or has not been asked.
    pub fn chunking(&self, greeting: &str, now: Timestamp) -> PipeliningPermit {
        let known = self.known.get(greeting).filter(|known| known.is_valid(now));
        match self.chunking.get(greeting) {
            _ if self.interrupted => PipeliningPermit::Denied,
            _ if !matches!(known, Some(Knowledge::Works { .. })) => PipeliningPermit::Denied,
            None => PipeliningPermit::Trial,
            Some(true) => PipeliningPermit::Granted,
            Some(false) => PipeliningPermit::Denied,
        }
    }

    /// Notes whether a relay with this greeting knows BDAT.
    pub fn chunking_tried(&mut self, greeting: &str, works: bool) {
        if self.known.contains_key(greeting) {
            self.chunking.insert(greeting.to_owned(), works);
        }
    }

    /// A session ended with several messages in doubt: they go one by one until one is accepted.
    pub fn interrupted(&mut self) {
        self.interrupted = true;
    }

    /// Whether messages go one by one, since no message was accepted after an interruption.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    /// A message was accepted.
    pub fn accepted(&mut self) {
        self.interrupted = false;
    }

    /// Whether a connection to a relay with this greeting may pipeline the next message. The first
    /// one that asks makes the trial.
    pub fn permit(&mut self, greeting: &str, now: Timestamp) -> PipeliningPermit {
        let known = self.known.get(greeting).filter(|known| known.is_valid(now));
        match known {
            _ if self.interrupted => PipeliningPermit::Denied,
            Some(Knowledge::Works { .. }) => PipeliningPermit::Granted,
            Some(Knowledge::Trying | Knowledge::Breaks { .. }) => PipeliningPermit::Denied,
            None if self.known.len() >= MAX_GREETINGS && !self.known.contains_key(greeting) => {
                PipeliningPermit::Denied
            }
            None => {
                self.known.insert(greeting.to_owned(), Knowledge::Trying);
                PipeliningPermit::Trial
            }
        }
    }

    /// A pipelined transaction succeeded. Returns the outcome of a trial.
    pub fn succeeded(&mut self, greeting: &str, now: Timestamp) -> Option<PipeliningTrial> {
        let known = self.known.get_mut(greeting)?;
        match known {
            Knowledge::Trying => {
                *known = Knowledge::Works {
                    tried: now,
                    breaks: 0,
                };
                // It may have been updated.
                self.chunking.remove(greeting);
                Some(PipeliningTrial {
                    greeting: greeting.to_owned(),
                    works: true,
                    tried: now,
                })
            }
            Knowledge::Works { breaks, .. } => {
                *breaks = 0;
                None
            }
            Knowledge::Breaks { .. } => None,
        }
    }

    /// A session broke on pipelined commands, or was closed there for another reason. Returns the
    /// outcome where the relay is not pipelined to from now on.
    pub fn broke(&mut self, greeting: &str, now: Timestamp) -> Option<PipeliningTrial> {
        let known = self.known.get_mut(greeting)?;
        if let Knowledge::Works { breaks, .. } = known {
            *breaks += 1;
            if *breaks < MAX_BREAKS {
                return None;
            }
        }
        *known = Knowledge::Breaks { tried: now };
        Some(PipeliningTrial {
            greeting: greeting.to_owned(),
            works: false,
            tried: now,
        })
    }

    /// The connection of a trial ended before its outcome.
    pub fn abandoned(&mut self, greeting: &str) {
        if self.known.get(greeting) == Some(&Knowledge::Trying) {
            self.known.remove(greeting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PipeliningPermit::{Denied, Granted, Trial};
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000_000);
    const LATER: Timestamp = Timestamp(1_000_000_000_000 + 7 * 24 * 3_600_000);

    fn trial(works: bool) -> PipeliningTrial {
        PipeliningTrial {
            greeting: "esmtp".to_owned(),
            works,
            tried: NOW,
        }
    }

    #[test]
    fn one_connection_tries_before_others_pipeline() {
        let mut trials = PipeliningTrials::default();
        assert_eq!(trials.permit("esmtp", NOW), Trial);
        assert_eq!(trials.permit("esmtp", NOW), Denied, "another connection");
        assert_eq!(trials.permit("other", NOW), Trial, "another relay");
        assert_eq!(trials.succeeded("esmtp", NOW), Some(trial(true)));
        assert_eq!(trials.permit("esmtp", NOW), Granted);
        assert_eq!(trials.succeeded("esmtp", NOW), None, "it is known");
    }

    #[test]
    fn a_trial_that_breaks_ends_pipelining_for_a_week() {
        let mut trials = PipeliningTrials::default();
        assert_eq!(trials.permit("esmtp", NOW), Trial);
        assert_eq!(trials.broke("esmtp", NOW), Some(trial(false)));
        let before = LATER - Duration::from_millis(1);
        assert_eq!(trials.permit("esmtp", before), Denied);
        assert_eq!(trials.permit("esmtp", LATER), Trial);
        assert_eq!(trials.permit("esmtp", LATER), Denied);
    }

    #[test]
    fn a_relay_that_works_may_break_once() {
        let mut trials = PipeliningTrials::of([trial(true)]);
        assert_eq!(trials.permit("esmtp", NOW), Granted);
        assert_eq!(trials.broke("esmtp", NOW), None);
        assert_eq!(trials.permit("esmtp", NOW), Granted);
        assert_eq!(trials.succeeded("esmtp", NOW), None);
        assert_eq!(trials.broke("esmtp", NOW), None, "not in a row");
        assert_eq!(trials.broke("esmtp", NOW), Some(trial(false)));
        assert_eq!(trials.permit("esmtp", NOW), Denied);
    }

    #[test]
    fn stored_trials_are_valid_for_a_week() {
        for (works, now, expected) in [
            (true, NOW, Granted),
            (false, NOW, Denied),
            (true, LATER, Trial),
            (false, LATER, Trial),
        ] {
            let mut trials = PipeliningTrials::of([trial(works)]);
            assert_eq!(trials.permit("esmtp", now), expected, "{works} {now:?}");
        }
    }

    #[test]
    fn an_abandoned_trial_is_made_again() {
        let mut trials = PipeliningTrials::default();
        assert_eq!(trials.permit("esmtp", NOW), Trial);
        trials.abandoned("esmtp");
        assert_eq!(trials.permit("esmtp", NOW), Trial);
        trials.succeeded("esmtp", NOW);
        trials.abandoned("esmtp");
        assert_eq!(trials.permit("esmtp", NOW), Granted);
    }

    #[test]
    fn chunks_are_tried_once_pipelining_works() {
        let mut trials = PipeliningTrials::default();
        assert_eq!(trials.chunking("esmtp", NOW), Denied);
        trials.permit("esmtp", NOW);
        assert_eq!(trials.chunking("esmtp", NOW), Denied, "pipelining is tried");
        trials.succeeded("esmtp", NOW);
        assert_eq!(trials.chunking("esmtp", NOW), Trial);
        for (works, permit) in [(true, Granted), (false, Denied)] {
            trials.chunking_tried("esmtp", works);
            assert_eq!(trials.chunking("esmtp", NOW), permit);
        }
        assert_eq!(trials.permit("esmtp", NOW), Granted, "by DATA");
        assert_eq!(trials.chunking("esmtp", LATER), Denied);
        trials.permit("esmtp", LATER);
        trials.succeeded("esmtp", LATER);
        assert_eq!(trials.chunking("esmtp", LATER), Trial, "after a week");
    }

    #[test]
    fn after_an_interruption_messages_go_one_by_one_until_one_is_accepted() {
        let mut trials = PipeliningTrials::of([trial(true)]);
        trials.chunking_tried("esmtp", true);
        trials.interrupted();
        assert_eq!(trials.permit("esmtp", NOW), Denied);
        assert_eq!(trials.permit("other", NOW), Denied);
        assert_eq!(trials.chunking("esmtp", NOW), Denied);
        assert!(trials.is_interrupted());
        trials.accepted();
        assert!(!trials.is_interrupted());
        assert_eq!(trials.permit("esmtp", NOW), Granted);
        assert_eq!(trials.chunking("esmtp", NOW), Granted);
    }

    #[test]
    fn a_relay_with_ever_new_greetings_is_not_pipelined_to() {
        let mut trials = PipeliningTrials::default();
        for number in 0..MAX_GREETINGS {
            assert_eq!(trials.permit(&number.to_string(), NOW), Trial);
        }
        assert_eq!(trials.permit("one more", NOW), Denied);
    }
}
