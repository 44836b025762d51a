//! The relays of Home: their health by checks, and by the delivery that is under way.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::health::{HealthState, HealthView};
use domain::home::{HomeRelay, RelayName};
use domain::outbox::{BackoffView, Worker};
use domain::settings::Verification;
use domain::settings::relay::{MAIN, OWN, RelayView};

use crate::outbox::RelayStatus;
use crate::settings::AccountRelay;
use crate::store::Scope;

/// The health of a relay by its checks, which send no mail: a healthy one takes mail since it was `resumed`.
pub(super) fn since_resumed(view: HealthView, resumed: &BTreeMap<String, Timestamp>) -> HealthView {
    let at = resumed.get(&view.relay_id);
    let at = at.filter(|_| view.state == HealthState::Healthy);
    HealthView {
        since: at.map_or(view.since, |at| view.since.max(*at)),
        ..view
    }
}

/// A relay of the organisation. Delivery knows of a failure before the next check does.
pub(super) fn of_organisation(
    relay: &RelayView,
    health: &[HealthView],
    workers: &[Worker],
) -> HomeRelay {
    let health = health.iter().find(|view| view.relay_id == relay.id);
    let address = relay.address.as_deref().unwrap_or_default();
    let (state, since, cause) = match (health, stopped(&relay.id, address, workers)) {
        (Some(view), Some(backoff)) if view.state != HealthState::Down => {
            (HealthState::Down, Some(backoff.since), Some(why(backoff)))
        }
        (Some(view), _) => (view.state, Some(view.since), cause(view)),
        (None, Some(backoff)) => (HealthState::Down, Some(backoff.since), Some(why(backoff))),
        (None, None) => (HealthState::Unknown, None, None),
    };
    HomeRelay {
        relay: RelayName {
            id: relay.id.clone(),
            name: relay.config.name.clone(),
        },
        own: false,
        for_all: relay.config.from_domain.is_none(),
        state,
        since,
        cause,
    }
}

/// The relays that the mail of an account leaves through. Here too delivery knows of a failure first.
pub(super) fn of_account(
    relay: &AccountRelay,
    health: Vec<HealthView>,
    status: &RelayStatus,
) -> Vec<HomeRelay> {
    let (own, organisation): (Vec<_>, Vec<_>) = health
        .into_iter()
        .partition(|view| Scope::of_relay_id(&view.relay_id).is_some_and(Scope::is_own));
    let uses_own = relay.uses_own();
    let uses_organisation = relay.organisation.is_some() && (!uses_own || relay.fallback);
    let own_backoff = status.own.as_ref();
    let own_backoff = own_backoff.filter(|backoff| backoff.state.is_failing());
    let own_stop = own_backoff.map(|backoff| DeliveryStop {
        since: backoff.since,
        cause: Some(why(backoff)),
    });
    // Its cause is for administrators.
    let since = status.organisation_fails_since;
    let organisation_stop = since.map(|since| DeliveryStop { since, cause: None });
    let own = uses_own.then(|| seen_by_account(true, own.first(), own_stop));
    let organisation =
        uses_organisation.then(|| seen_by_account(false, organisation.first(), organisation_stop));
    own.into_iter().chain(organisation).collect()
}

/// All workers back off from a relay, or it does not reply.
struct DeliveryStop {
    since: Timestamp,
    cause: Option<String>,
}

/// A relay as an account sees it: its own one, or the organisation's without its name.
fn seen_by_account(
    own: bool,
    health: Option<&HealthView>,
    stop: Option<DeliveryStop>,
) -> HomeRelay {
    let (id, name) = match own {
        true => (OWN, "your own relay"),
        false => (MAIN, "the organisation's relay"),
    };
    let is_down = health.is_some_and(|view| view.state == HealthState::Down);
    let (state, since, cause) = match (health, stop.filter(|_| !is_down)) {
        (_, Some(stop)) => (HealthState::Down, Some(stop.since), stop.cause),
        (Some(view), None) => (view.state, Some(view.since), cause(view)),
        (None, None) => (HealthState::Unknown, None, None),
    };
    HomeRelay {
        relay: RelayName {
            id: id.to_owned(),
            name: name.to_owned(),
        },
        own,
        for_all: true,
        state,
        since,
        cause,
    }
}

/// The cause of a relay that is not healthy.
fn cause(view: &HealthView) -> Option<String> {
    let failing = matches!(view.state, HealthState::Down | HealthState::Degraded);
    let failure = view.failure.as_ref().filter(|_| failing)?;
    Some(failure.summary.clone())
}

/// Why delivery backs off from a relay.
fn why(backoff: &BackoffView) -> String {
    match backoff.cause {
        Some(found) => format!("{}.", found.cause.title),
        None => backoff.failure.to_string(),
    }
}

/// The backoff of a relay that every worker backs off from, the one that began first.
fn stopped<'a>(id: &str, address: &str, workers: &'a [Worker]) -> Option<&'a BackoffView> {
    let backoffs: Option<Vec<&BackoffView>> = workers
        .iter()
        .map(|worker| {
            let mut backoffs = worker.backoffs.iter();
            backoffs.find(|backoff| backoff.is_of(id, address) && backoff.state.is_failing())
        })
        .collect();
    backoffs?.into_iter().min_by_key(|backoff| backoff.since)
}

/// The first relay whose settings no test mail has verified.
pub(super) fn untested(relays: &[&RelayView]) -> Option<RelayName> {
    let is_verified = |relay: &RelayView| matches!(relay.verified, Verification::Verified(_));
    let relay = relays.iter().find(|relay| !is_verified(relay))?;
    Some(RelayName {
        id: relay.id.clone(),
        name: relay.config.name.clone(),
    })
}

#[cfg(test)]
mod tests {
    use domain::outbox::RelayState;
    use domain::settings::Stamp;
    use domain::settings::relay::{RelayConfig, RelayLimits};
    use domain::{Failure, Fault, Stage};

    use super::*;

    fn relay(verified: Verification) -> RelayView {
        RelayView {
            id: "global".to_owned(),
            position: 1,
            revision: 1,
            config: RelayConfig {
                name: "Main relay".to_owned(),
                from_domain: None,
                enabled: true,
                limits: RelayLimits::default(),
            },
            address: Some("smtp.example.org:587".to_owned()),
            verified,
        }
    }

    fn health(state: HealthState) -> HealthView {
        HealthView {
            relay_id: "global".to_owned(),
            name: "Main relay".to_owned(),
            state,
            since: Timestamp(100),
            failing_since: None,
            failure: None,
            checked_at: None,
            next_check_at: None,
        }
    }

    fn worker(state: Option<RelayState>, since: i64) -> Worker {
        let backoff = |state| BackoffView {
            relay: "smtp.example.org:587".to_owned(),
            id: None,
            name: None,
            account: None,
            state,
            failure: Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused"),
            cause: None,
            since: Timestamp(since),
            next: Timestamp(since + 1),
        };
        Worker {
            host: "gate".to_owned(),
            connections: 0,
            per_minute: 0,
            latency: None,
            relays: 1,
            backoffs: state.map(backoff).into_iter().collect(),
        }
    }

    #[test]
    fn a_relay_that_no_worker_delivers_through_is_down() {
        use HealthState::{Down, Healthy, Unknown};
        let stopped = Some(RelayState::BackingOff);
        for (checked, workers, state, since) in [
            (Some(Healthy), vec![worker(None, 0)], Healthy, Some(100)),
            (Some(Healthy), vec![worker(stopped, 7)], Down, Some(7)),
            (
                Some(Healthy),
                vec![worker(stopped, 7), worker(None, 0)],
                Healthy,
                Some(100),
            ),
            (
                Some(Healthy),
                vec![worker(Some(RelayState::HalfOpen), 7)],
                Healthy,
                Some(100),
            ),
            (Some(Down), vec![worker(stopped, 7)], Down, Some(100)),
            (None, vec![worker(stopped, 7)], Down, Some(7)),
            (None, vec![], Unknown, None),
        ] {
            let health: Vec<HealthView> = checked.map(health).into_iter().collect();
            let shown = of_organisation(&relay(Verification::Never), &health, &workers);
            assert_eq!((shown.state, shown.since.map(|at| at.0)), (state, since));
        }
    }

    #[test]
    fn a_healthy_relay_takes_mail_since_delivery_was_resumed() {
        use HealthState::{Degraded, Down, Healthy};
        for (state, relay, at, since) in [
            (Healthy, "global", 107, 107),
            (Healthy, "global", 7, 100),
            (Healthy, "01JD0000000000000000000001", 107, 100),
            (Degraded, "global", 107, 100),
            (Down, "global", 107, 100),
        ] {
            let resumed = BTreeMap::from([(relay.to_owned(), Timestamp(at))]);
            let shown = since_resumed(health(state), &resumed);
            assert_eq!(shown.since, Timestamp(since), "{state:?} {relay} {at}");
        }
    }

    #[test]
    fn a_backoff_of_another_relay_at_the_same_address_is_not_its_own() {
        use HealthState::{Down, Healthy};
        for (id, state) in [("global", Down), ("01JD0000000000000000000001", Healthy)] {
            let mut worker = worker(Some(RelayState::BackingOff), 7);
            worker.backoffs[0].id = Some(id.to_owned());
            let shown = of_organisation(&relay(Verification::Never), &[health(Healthy)], &[worker]);
            assert_eq!(shown.state, state, "{id}");
        }
    }

    #[test]
    fn an_account_sees_a_relay_down_that_delivery_backs_off_from() {
        use HealthState::{Down, Healthy, Unknown};
        for (checked, stopped, state, since) in [
            (Some(Healthy), None, Healthy, Some(100)),
            (Some(Healthy), Some(7), Down, Some(7)),
            (Some(Down), Some(7), Down, Some(100)),
            (None, Some(7), Down, Some(7)),
            (None, None, Unknown, None),
        ] {
            let view = checked.map(health);
            let stop = stopped.map(|since| DeliveryStop {
                since: Timestamp(since),
                cause: None,
            });
            let shown = seen_by_account(false, view.as_ref(), stop);
            assert_eq!((shown.state, shown.since.map(|at| at.0)), (state, since));
        }
    }

    #[test]
    fn settings_are_untested_until_a_test_mail_verifies_them() {
        let stamp = Stamp {
            at: Timestamp(1),
            by: "mara@example.org".to_owned(),
        };
        for (verified, expected) in [
            (Verification::Never, true),
            (Verification::Changed(stamp.clone()), true),
            (Verification::Verified(stamp), false),
        ] {
            let relay = relay(verified);
            assert_eq!(untested(&[&relay]).is_some(), expected, "{relay:?}");
        }
    }
}
