//! The delivery status: whether delivery is running, and what stops it if not.

use super::view::{BackoffView, Overview, Pause, RelayState, Worker};

/// The delivery status: the first variant that applies, in this order.
///
/// The Outbox page shows a pause before missing settings, because a pause is ended on that page.
/// `MailStatus` of Home has missing settings first, because they are the first step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// Delivery is paused.
    Paused(Pause),
    /// No relay settings are saved.
    NoSettings,
    /// No worker is running.
    NoWorker,
    /// Relays are in backoff.
    BackingOff {
        /// One backoff of each relay that is not healthy: the earliest of all workers.
        backoffs: Vec<BackoffView>,
        /// The number of these relays that take no messages.
        stopped: usize,
        /// Whether all relays of every worker take no messages.
        whole: bool,
    },
    /// No relay is in backoff. The last attempts through these relays failed, and the next message tries
    /// them again.
    HalfOpen(Vec<BackoffView>),
    /// Delivery is running.
    Running,
}

impl DeliveryStatus {
    /// The status in an overview.
    pub fn of(overview: &Overview) -> Self {
        if let Some(pause) = &overview.pause {
            return Self::Paused(pause.clone());
        }
        if !overview.configured {
            return Self::NoSettings;
        }
        if overview.workers.is_empty() {
            return Self::NoWorker;
        }
        let workers = overview.workers.iter();
        let mut backoffs: Vec<BackoffView> = workers.flat_map(|w| w.backoffs.clone()).collect();
        if backoffs.is_empty() {
            return Self::Running;
        }
        backoffs.sort_by(|a, b| (key(a), a.state, a.since).cmp(&(key(b), b.state, b.since)));
        backoffs.dedup_by(|later, first| key(later) == key(first));
        backoffs.sort_by(|a, b| (&a.relay, &a.name).cmp(&(&b.relay, &b.name)));
        let stopped = count_stopped(&backoffs);
        if stopped == 0 {
            return Self::HalfOpen(backoffs);
        }
        let is_whole = |worker: &Worker| count_stopped(&worker.backoffs) as i64 >= worker.relays;
        Self::BackingOff {
            backoffs,
            stopped,
            whole: overview.workers.iter().all(is_whole),
        }
    }
}

/// The key that the backoffs of all workers have for one relay. Several relays may have the same
/// address.
fn key(backoff: &BackoffView) -> &str {
    backoff.id.as_deref().unwrap_or(&backoff.relay)
}

/// The number of relays that take no messages.
fn count_stopped(backoffs: &[BackoffView]) -> usize {
    let stopped = |backoff: &&BackoffView| backoff.state != RelayState::HalfOpen;
    backoffs.iter().filter(stopped).count()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::relay::MAIN;
    use crate::{Failure, Fault, Stage, Timestamp};

    fn worker(backoff: Option<i64>) -> Worker {
        Worker {
            host: "gate".to_owned(),
            connections: 3,
            per_minute: 100,
            latency: Some(Duration::from_millis(40)),
            relays: 1,
            backoffs: Vec::from_iter(backoff.map(|since| BackoffView {
                relay: "smtp.example.org:587".to_owned(),
                id: None,
                name: None,
                account: None,
                state: RelayState::BackingOff,
                failure: Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused"),
                cause: None,
                since: Timestamp(since),
                next: Timestamp(since + 1),
            })),
        }
    }

    #[test]
    fn the_first_status_that_applies_is_shown() {
        let mut overview = Overview::default();
        assert_eq!(DeliveryStatus::of(&overview), DeliveryStatus::NoSettings);
        overview.configured = true;
        assert_eq!(DeliveryStatus::of(&overview), DeliveryStatus::NoWorker);
        overview.workers = vec![worker(None)];
        assert_eq!(DeliveryStatus::of(&overview), DeliveryStatus::Running);
        overview.workers.extend([worker(Some(9)), worker(Some(5))]);
        let DeliveryStatus::BackingOff {
            backoffs,
            stopped,
            whole,
        } = DeliveryStatus::of(&overview)
        else {
            panic!("{overview:?}");
        };
        let shown: Vec<_> = backoffs.iter().map(|backoff| backoff.since).collect();
        assert_eq!(
            (shown, stopped, whole),
            (vec![Timestamp(5)], 1, false),
            "one relay"
        );
        overview.workers[0].backoffs = vec![overview.workers[1].backoffs[0].clone()];
        assert!(matches!(
            DeliveryStatus::of(&overview),
            DeliveryStatus::BackingOff { whole: true, .. }
        ));
        let workers = overview.workers.iter_mut();
        for backoff in workers.flat_map(|worker| &mut worker.backoffs) {
            backoff.state = RelayState::HalfOpen;
        }
        assert!(matches!(
            DeliveryStatus::of(&overview),
            DeliveryStatus::HalfOpen(_)
        ));
        let pause = Pause {
            since: None,
            by: String::new(),
        };
        overview.pause = Some(pause.clone());
        assert_eq!(
            DeliveryStatus::of(&overview),
            DeliveryStatus::Paused(pause.clone())
        );
        overview.configured = false;
        assert_eq!(
            DeliveryStatus::of(&overview),
            DeliveryStatus::Paused(pause),
            "a pause comes first"
        );
    }

    #[test]
    fn relays_at_the_same_address_are_listed_one_by_one() {
        let of_relay = |id: &str, name: &str, since| {
            let mut worker = worker(Some(since));
            worker.relays = 2;
            worker.backoffs[0].id = Some(id.to_owned());
            worker.backoffs[0].name = Some(name.to_owned());
            worker
        };
        let main = |since| of_relay(MAIN, "Main relay", since);
        let backup = of_relay("01JD0000000000000000000001", "Backup", 7);
        let overview = Overview {
            configured: true,
            workers: vec![main(9), backup, main(5)],
            ..Overview::default()
        };
        let DeliveryStatus::BackingOff { backoffs, .. } = DeliveryStatus::of(&overview) else {
            panic!("{overview:?}");
        };
        let shown: Vec<_> = backoffs
            .iter()
            .map(|backoff| (backoff.name.as_deref(), backoff.since.0))
            .collect();
        assert_eq!(shown, [(Some("Backup"), 7), (Some("Main relay"), 5)]);
    }
}
