//! The mail status of Home: whether mail can leave now, and since when.

use strum::IntoStaticStr;

use super::{HomeFacts, HomeRelay};
use crate::Timestamp;
use crate::health::HealthState;

/// Whether mail can leave: the first variant that applies, in this order.
#[derive(Clone, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum MailStatus {
    /// No relay is set up.
    NotConfigured,
    /// Delivery is paused.
    Paused {
        /// When it was paused; none if a process was started with delivery paused.
        since: Option<Timestamp>,
    },
    /// No process delivers.
    NoWorker,
    /// Every relay for mail from all domains is down; without such a relay, every relay is down.
    Stopped {
        /// The names of these relays.
        relays: Vec<String>,
        /// When the last of these relays went down.
        since: Option<Timestamp>,
    },
    /// Some relays are down or degraded, and others take mail.
    Partial {
        /// The names of the relays that are down.
        down: Vec<String>,
        /// The names of the relays that are degraded.
        degraded: Vec<String>,
        /// When the first of these relays failed, or when delivery started, if that was later.
        since: Option<Timestamp>,
    },
    /// No relay has been checked yet.
    Unchecked,
    /// Mail can leave.
    Running {
        /// When the first relay became healthy, or when delivery started, if that was later. A relay for
        /// mail from all domains has precedence over one with a rule.
        since: Option<Timestamp>,
    },
}

impl MailStatus {
    /// The status of these facts.
    pub fn of(facts: &HomeFacts) -> Self {
        if !facts.configured {
            return Self::NotConfigured;
        }
        if let Some(pause) = &facts.pause {
            return Self::Paused { since: pause.since };
        }
        if !facts.delivers {
            return Self::NoWorker;
        }
        let in_state = |state: HealthState| {
            facts
                .relays
                .iter()
                .filter(move |relay| relay.state == state)
        };
        // Without a relay for mail from all domains, the status is that of all relays.
        let has_for_all = facts.relays.iter().any(|relay| relay.for_all);
        let main = || {
            let relays = facts.relays.iter();
            relays.filter(move |relay| relay.for_all || !has_for_all)
        };
        let is_down = |relay: &HomeRelay| relay.state == HealthState::Down;
        if main().next().is_some() && main().all(is_down) {
            return Self::Stopped {
                relays: names(main()),
                since: main().filter_map(|relay| relay.since).max(),
            };
        }
        let down = names(in_state(HealthState::Down));
        let degraded = names(in_state(HealthState::Degraded));
        if !down.is_empty() || !degraded.is_empty() {
            let failing = in_state(HealthState::Down).chain(in_state(HealthState::Degraded));
            let first = failing.filter_map(|relay| relay.since).min();
            return Self::Partial {
                since: first.max(facts.running_since),
                down,
                degraded,
            };
        }
        let is_healthy = |relay: &&HomeRelay| relay.state == HealthState::Healthy;
        let mut healthy: Vec<&HomeRelay> = main().filter(is_healthy).collect();
        if healthy.is_empty() {
            healthy = in_state(HealthState::Healthy).collect();
        }
        if healthy.is_empty() {
            return Self::Unchecked;
        }
        let first = healthy.into_iter().filter_map(|relay| relay.since).min();
        Self::Running {
            since: first.max(facts.running_since),
        }
    }

    /// The status in one sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::NotConfigured => "No mail can leave: no relay is set up.".to_owned(),
            Self::Paused { .. } => "No mail leaves: delivery is paused.".to_owned(),
            Self::NoWorker => "No mail leaves: no process delivers.".to_owned(),
            Self::Stopped { relays, .. } => {
                let is = if relays.len() == 1 { "is" } else { "are" };
                format!("No mail leaves: {} {is} down.", relays.join(", "))
            }
            Self::Partial { down, degraded, .. } if down.is_empty() => {
                let fail = if degraded.len() == 1 { "fails" } else { "fail" };
                format!("Mail leaves; {} {fail} at times.", degraded.join(", "))
            }
            Self::Partial { down, .. } => {
                format!("Mail leaves, but not through {}.", down.join(", "))
            }
            Self::Unchecked => "Mail can leave; no relay was checked yet.".to_owned(),
            Self::Running { .. } => "Mail can leave.".to_owned(),
        }
    }

    /// The name in JSON.
    pub fn as_str(&self) -> &'static str {
        self.into()
    }

    /// Whether mail leaves through any relay.
    pub const fn can_leave(&self) -> bool {
        matches!(
            self,
            Self::Partial { .. } | Self::Unchecked | Self::Running { .. }
        )
    }

    /// The status in one or two words.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::NotConfigured => "Not set up",
            Self::Paused { .. } => "Paused",
            Self::NoWorker | Self::Stopped { .. } => "Stopped",
            Self::Partial { .. } => "In part",
            Self::Unchecked => "Not checked",
            Self::Running { .. } => "Running",
        }
    }

    /// When the status began, if known.
    pub const fn since(&self) -> Option<Timestamp> {
        match self {
            Self::NotConfigured | Self::NoWorker | Self::Unchecked => None,
            Self::Paused { since }
            | Self::Stopped { since, .. }
            | Self::Partial { since, .. }
            | Self::Running { since } => *since,
        }
    }
}

fn names<'a>(relays: impl Iterator<Item = &'a HomeRelay>) -> Vec<String> {
    relays.map(|relay| relay.relay.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, relay};
    use super::*;
    use crate::health::HealthState::{Degraded, Down, Healthy, Unknown};
    use crate::outbox::Pause;

    #[test]
    fn the_relays_decide_where_delivery_runs() {
        let for_domain = |relay: HomeRelay| HomeRelay {
            for_all: false,
            ..relay
        };
        for (relays, title, sentence, since) in [
            (vec![], "Not checked", "Mail can leave; no relay", None),
            (
                vec![relay("A", Unknown, 5)],
                "Not checked",
                "Mail can leave; no relay was checked yet.",
                None,
            ),
            (
                vec![relay("A", Healthy, 5), relay("B", Healthy, 3)],
                "Running",
                "Mail can leave.",
                Some(3),
            ),
            (
                vec![
                    relay("A", Healthy, 9),
                    for_domain(relay("News", Healthy, 3)),
                ],
                "Running",
                "Mail can leave.",
                Some(9),
            ),
            (
                vec![
                    relay("A", Unknown, 9),
                    for_domain(relay("News", Healthy, 3)),
                ],
                "Running",
                "Mail can leave.",
                Some(3),
            ),
            (
                vec![relay("A", Down, 5)],
                "Stopped",
                "No mail leaves: A is down.",
                Some(5),
            ),
            (
                vec![relay("A", Down, 5), relay("B", Down, 9)],
                "Stopped",
                "No mail leaves: A, B are down.",
                Some(9),
            ),
            (
                vec![relay("A", Down, 5), relay("B", Healthy, 3)],
                "In part",
                "Mail leaves, but not through A.",
                Some(5),
            ),
            (
                vec![relay("A", Degraded, 5), relay("B", Healthy, 3)],
                "In part",
                "Mail leaves; A fails at times.",
                Some(5),
            ),
            (
                vec![relay("A", Healthy, 5), for_domain(relay("News", Down, 7))],
                "In part",
                "Mail leaves, but not through News.",
                Some(7),
            ),
            (
                vec![relay("A", Down, 5), for_domain(relay("News", Healthy, 7))],
                "Stopped",
                "No mail leaves: A is down.",
                Some(5),
            ),
            (
                vec![for_domain(relay("News", Down, 7))],
                "Stopped",
                "No mail leaves: News is down.",
                Some(7),
            ),
            (
                vec![
                    for_domain(relay("News", Down, 7)),
                    for_domain(relay("Shop", Healthy, 3)),
                ],
                "In part",
                "Mail leaves, but not through News.",
                Some(7),
            ),
        ] {
            let status = MailStatus::of(&facts(relays));
            assert_eq!(status.title(), title, "{status:?}");
            assert_eq!(status.can_leave(), title != "Stopped", "{status:?}");
            assert!(status.sentence().starts_with(sentence), "{status:?}");
            assert_eq!(status.since(), since.map(Timestamp), "{status:?}");
        }
    }

    #[test]
    fn mail_leaves_no_longer_than_delivery_runs() {
        for (state, running, since) in [
            (Healthy, None, 5),
            (Healthy, Some(3), 5),
            (Healthy, Some(8), 8),
            (Degraded, Some(8), 8),
            (Down, Some(8), 5),
        ] {
            let facts = HomeFacts {
                running_since: running.map(Timestamp),
                ..facts(vec![relay("A", state, 5)])
            };
            let status = MailStatus::of(&facts);
            assert_eq!(status.since(), Some(Timestamp(since)), "{status:?}");
        }
    }

    #[test]
    fn what_stops_delivery_comes_before_the_relays() {
        let mut facts = facts(vec![relay("A", Down, 5)]);
        facts.delivers = false;
        assert_eq!(MailStatus::of(&facts), MailStatus::NoWorker);
        assert_eq!(MailStatus::NoWorker.as_str(), "no_worker");
        facts.pause = Some(Pause {
            since: Some(Timestamp(8)),
            by: "mara@example.org".to_owned(),
        });
        let paused = MailStatus::of(&facts);
        assert_eq!(paused.since(), Some(Timestamp(8)));
        assert_eq!(paused.sentence(), "No mail leaves: delivery is paused.");
        facts.configured = false;
        assert_eq!(MailStatus::of(&facts), MailStatus::NotConfigured);
    }
}
