//! Writes the result of a check, and a change of the state with all that follows from it, at once.

use domain::Timestamp;
use domain::health::{HealthChange, HealthState};

use super::Health;
use super::check::CheckedRelay;
use crate::Actor;
use crate::audit::Action;
use crate::store::relays::health::{self, HealthRow};
use crate::store::relays::health_changes::{self, StateChange};
use crate::store::relays::outages::{self, RelayOutage};
use crate::store::{StoreError, commit, notifications};

impl Health {
    /// Writes `next` in the place of the row `before`, which `owner` leased. Where the state changed,
    /// the history, the audit row and the notification are of the same transaction. Nothing is written
    /// where the lease or the settings are not the same any more.
    pub(super) async fn record(
        &self,
        owner: &str,
        before: &HealthRow,
        next: &HealthRow,
        relay: &CheckedRelay,
    ) -> Result<(), StoreError> {
        let services = &self.0.services;
        let now = services.clock.now();
        let mut work = services.store.begin().await?;
        let outage = outages::read(&mut work, relay.scope).await?;
        let next = &since_outage(next, outage);
        if !health::write(&mut work, owner, next).await? {
            return Ok(());
        }
        let notified = notification(before, next, outage, relay, now);
        if next.record.state != before.record.state {
            let change = StateChange {
                state: next.record.state,
                at: next.record.since,
            };
            health_changes::add(&mut work, relay.scope, change).await?;
        }
        if let Some(change) = &notified {
            if change.to == HealthState::Healthy {
                outages::remove(&mut work, relay.scope).await?;
            } else {
                let outage = RelayOutage {
                    state: change.to,
                    failing_since: change.failing_since,
                };
                outages::write(&mut work, relay.scope, outage).await?;
            }
            notifications::add(&mut work, change, now).await?;
        }
        if next.record.state != before.record.state {
            let (postern, detail) = (Actor::postern(), detail(before, next, relay));
            let audit = &services.audit;
            audit
                .record(&mut work, &postern, Action::RelayHealth, detail)
                .await?;
        }
        commit(work).await?;
        if notified.is_some() {
            services.reported.notify_one();
        }
        Ok(())
    }
}

/// The row with the beginning of an outage that was notified as that of its failures: they go on after a save
/// of the settings.
fn since_outage(next: &HealthRow, outage: Option<RelayOutage>) -> HealthRow {
    let begun = outage.and_then(|outage| outage.failing_since);
    let mut next = next.clone();
    let failing_since = next.record.failing_since;
    next.record.failing_since =
        failing_since.map(|since| begun.map_or(since, |begun| begun.min(since)));
    next
}

/// The notification of a change: where the state is another one than was notified last. A relay begins
/// as a healthy one. An outage that was notified lasts until a check finds the relay healthy: it is not
/// notified again after a save of the settings, or after the relay was switched off and on, and its end is
/// notified once.
fn notification(
    before: &HealthRow,
    next: &HealthRow,
    outage: Option<RelayOutage>,
    relay: &CheckedRelay,
    now: Timestamp,
) -> Option<HealthChange> {
    let (was, is) = (before.record.state, next.record.state);
    let known = outage.map_or(HealthState::Healthy, |outage| outage.state);
    if was == is || is == known || is == HealthState::Unknown {
        return None;
    }
    let from = match was {
        HealthState::Unknown => outage.map_or(was, |outage| outage.state),
        _ => was,
    };
    let failing_since = outage.and_then(|outage| outage.failing_since);
    let failing_since = failing_since.or(next.record.failing_since);
    Some(HealthChange {
        relay_id: relay.scope.relay_id(),
        relay_name: relay.name.clone(),
        account: relay.scope.account(),
        from,
        to: is,
        at: now,
        since: next.record.since,
        failing_since: failing_since.or(before.record.failing_since),
        failure: next.record.failure.clone(),
    })
}

/// The change in the audit log.
fn detail(before: &HealthRow, next: &HealthRow, relay: &CheckedRelay) -> String {
    let (was, is) = (before.record.state, next.record.state);
    let (name, id) = (&relay.name, relay.scope.relay_id());
    let change = format!("“{name}” ({id}): {} to {}", was.as_str(), is.as_str());
    match &next.record.failure {
        Some(failure) => format!("{change}, {}: {}", failure.stage.term(), failure.summary),
        None => change,
    }
}

#[cfg(test)]
mod tests {
    use domain::{Form, Label};

    use super::*;
    use crate::smtp::Relay;
    use crate::store::Scope;
    use crate::store::relays::health::HealthRecord;

    /// A row of a relay that fails since `failing_since`.
    fn row(state: HealthState, failing_since: Option<i64>) -> HealthRow {
        HealthRow {
            scope: Scope::Global,
            revision: 1,
            record: HealthRecord {
                state,
                since: Timestamp(0),
                failing_since: failing_since.map(Timestamp),
                failure: None,
                recent: Vec::new(),
                run_since: Timestamp(0),
            },
            checked_at: None,
            mail_at: None,
            due_at: Timestamp(0),
            is_leased: true,
        }
    }

    #[test]
    fn failures_began_with_the_outage() {
        use HealthState::Down;
        for (failing_since, outage, expected) in [
            (Some(7), Some(5), Some(5)),
            (Some(3), Some(5), Some(3)),
            (Some(7), None, Some(7)),
            (None, Some(5), None),
            (None, None, None),
        ] {
            let outage = outage.map(|since| RelayOutage {
                state: Down,
                failing_since: Some(Timestamp(since)),
            });
            let found = since_outage(&row(Down, failing_since), outage);
            let found = found.record.failing_since.map(|at| at.0);
            assert_eq!(found, expected, "{failing_since:?} {outage:?}");
        }
    }

    #[test]
    fn a_state_is_notified_once() {
        use HealthState::{Degraded, Down, Healthy, Unknown};
        let form = Form::default()
            .with(Label::FromAddress, "alerts@example.com")
            .with(Label::Host, "smtp.example.com")
            .with(Label::Port, "25");
        let relay = CheckedRelay {
            scope: Scope::Global,
            name: "Main relay".to_owned(),
            revision: 1,
            is_limited: false,
            relay: Relay {
                settings: form.parse().expect("valid"),
                password: None,
            },
        };
        for (was, is, announced, from) in [
            (Unknown, Healthy, None, None),
            (Unknown, Down, None, Some(Unknown)),
            (Healthy, Down, None, Some(Healthy)),
            (Healthy, Degraded, None, Some(Healthy)),
            (Degraded, Down, Some(Degraded), Some(Degraded)),
            (Down, Degraded, Some(Down), Some(Down)),
            (Down, Healthy, Some(Down), Some(Down)),
            (Down, Down, Some(Down), None),
            // The settings were saved meanwhile, or the relay was switched off and on.
            (Unknown, Down, Some(Down), None),
            (Unknown, Down, Some(Degraded), Some(Degraded)),
            (Unknown, Healthy, Some(Down), Some(Down)),
        ] {
            let outage = announced.map(|state| RelayOutage {
                state,
                failing_since: Some(Timestamp(5)),
            });
            let found = notification(
                &row(was, None),
                &row(is, Some(7)),
                outage,
                &relay,
                Timestamp(9),
            );
            let since = found.as_ref().and_then(|change| change.failing_since);
            let found = found.map(|change| change.from);
            assert_eq!(found, from, "{was:?} to {is:?} after {announced:?}");
            // The beginning of the outage, also where later failures are known alone.
            let begun = if announced.is_some() { 5 } else { 7 };
            assert_eq!(since, from.map(|_| Timestamp(begun)), "{was:?} to {is:?}");
        }
        let text = detail(&row(Healthy, None), &row(Degraded, None), &relay);
        assert_eq!(text, "“Main relay” (global): healthy to degraded");
    }
}
