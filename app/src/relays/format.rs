//! Texts about a relay: its state, its From domain, its limits, its verification.

use domain::health::HealthState;
use domain::outbox::{BackoffView, RelayState, Worker};
use domain::settings::relay::{RelayLimits, RelayView};

use crate::outbox::grouped;

/// The state of a relay as a badge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayBadge {
    pub class: &'static str,
    pub name: &'static str,
}

/// The state of a relay. `backoff` is that of a worker that has failed with it, `health` what its checks
/// have found.
pub fn badge(
    relay: &RelayView,
    backoff: Option<&BackoffView>,
    health: Option<HealthState>,
) -> RelayBadge {
    let state = backoff.map(|backoff| backoff.state);
    let (class, name) = match (relay.config.enabled, &relay.address) {
        (false, _) => ("badge badge-plain", "Off"),
        (true, None) => ("badge badge-plain", "Not set up yet"),
        (true, Some(_)) => match (health, state) {
            (Some(HealthState::Down), _) => ("badge badge-bad", "Down"),
            (_, Some(RelayState::HalfOpen)) => ("badge badge-warn", "Last attempt failed"),
            (_, Some(_)) => ("badge badge-bad", "Backing off"),
            (Some(HealthState::Degraded), None) => ("badge badge-warn", "Degraded"),
            (Some(HealthState::Healthy), None) => ("badge badge-good", "Healthy"),
            (Some(HealthState::Unknown) | None, None) => ("badge badge-good", "On"),
        },
    };
    RelayBadge { class, name }
}

/// The backoff of a relay, if a worker has one; of several, one that stops delivery.
pub fn backoff<'a>(relay: &RelayView, workers: &'a [Worker]) -> Option<&'a BackoffView> {
    let address = relay.address.as_ref()?;
    let backoffs = workers.iter().flat_map(|worker| &worker.backoffs);
    let own = backoffs.filter(|backoff| backoff.is_of(&relay.id, address));
    own.min_by_key(|backoff| backoff.state)
}

/// Which mail a relay is for.
pub fn rule(relay: &RelayView) -> String {
    match &relay.config.from_domain {
        None => "For mail from every domain".to_owned(),
        Some(domain) => format!("For mail from {domain}"),
    }
}

/// The limits, as in `At most 4 connections, 1,000 messages an hour`; `None` without any.
pub fn limits(limits: &RelayLimits) -> Option<String> {
    let connections = |number| match number {
        1 => "1 connection".to_owned(),
        _ => format!("{} connections", grouped(number)),
    };
    let messages = |period: &'static str| {
        move |number| match number {
            1 => format!("1 message {period}"),
            _ => format!("{} messages {period}", grouped(number)),
        }
    };
    let each = [
        limits.max_connections.map(i64::from).map(connections),
        limits.per_minute.map(i64::from).map(messages("a minute")),
        limits.per_hour.map(i64::from).map(messages("an hour")),
        limits.per_day.map(i64::from).map(messages("a day")),
    ];
    let each: Vec<String> = each.into_iter().flatten().collect();
    (!each.is_empty()).then(|| format!("At most {}", each.join(", ")))
}

#[cfg(test)]
mod tests {
    use domain::settings::Verification;
    use domain::settings::relay::RelayConfig;
    use domain::{Failure, Fault, Stage, Timestamp};

    use super::*;

    fn relay() -> RelayView {
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
            verified: Verification::Never,
        }
    }

    #[test]
    fn the_switch_comes_before_a_relay_that_is_down_and_delivery() {
        let mut relay = relay();
        for (health, name) in [
            (None, "On"),
            (Some(HealthState::Unknown), "On"),
            (Some(HealthState::Healthy), "Healthy"),
            (Some(HealthState::Degraded), "Degraded"),
            (Some(HealthState::Down), "Down"),
        ] {
            assert_eq!(badge(&relay, None, health).name, name);
        }
        let worker = |state| Worker {
            host: "gate".to_owned(),
            connections: 0,
            per_minute: 0,
            latency: None,
            relays: 1,
            backoffs: vec![BackoffView {
                relay: "smtp.example.org:587".to_owned(),
                id: None,
                name: None,
                account: None,
                state,
                failure: Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused"),
                cause: None,
                since: Timestamp(1),
                next: Timestamp(2),
            }],
        };
        let mut workers = vec![worker(RelayState::HalfOpen)];
        let shown = badge(
            &relay,
            backoff(&relay, &workers),
            Some(HealthState::Healthy),
        )
        .name;
        assert_eq!(shown, "Last attempt failed");
        workers.push(worker(RelayState::BackingOff));
        let shown = badge(
            &relay,
            backoff(&relay, &workers),
            Some(HealthState::Healthy),
        )
        .name;
        assert_eq!(shown, "Backing off");
        for worker in &mut workers {
            worker.backoffs[0].id = Some("01JD0000000000000000000001".to_owned());
        }
        assert_eq!(backoff(&relay, &workers), None, "of another relay");
        relay.address = None;
        assert_eq!(
            badge(&relay, None, Some(HealthState::Down)).name,
            "Not set up yet"
        );
        relay.config.enabled = false;
        assert_eq!(badge(&relay, None, Some(HealthState::Down)).name, "Off");
    }

    #[test]
    fn limits_are_listed_in_words() {
        assert_eq!(limits(&RelayLimits::default()), None);
        let some = RelayLimits {
            max_connections: Some(1),
            per_hour: Some(1_000),
            per_day: Some(1),
            ..RelayLimits::default()
        };
        let expected = "At most 1 connection, 1,000 messages an hour, 1 message a day";
        assert_eq!(limits(&some).as_deref(), Some(expected));
    }
}
