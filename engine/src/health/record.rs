//! Writes the result of a check, and a change of the state with all that follows from it, at once.

use domain::Timestamp;
use domain::health::{HealthChange, HealthState};

use super::Health;
use super::check::CheckedRelay;
use crate::Actor;
use crate::audit::Action;
use crate::store::relay_health::{self, HealthRow};
use crate::store::relay_health_changes::{self, StateChange};
use crate::store::{StoreError, commit, notifications};

impl Health {
    /// Writes `next` in the place of the row `before`, which `owner` leased. Where the state changed,
    /// the history, the audit row and the notification are of the same transaction. Nothing is written
    /// where the lease or the settings are not the same any more.
    pub(super) async fn record(
        &self,
        owner: &str,
        before: &HealthRow,
        mut next: HealthRow,
        relay: &CheckedRelay,
    ) -> Result<(), StoreError> {
        let services = &self.0.services;
        let now = services.clock.now();
        let notified = notification(before, &next, relay, now);
        if let Some(change) = &notified {
            next.reported = Some(change.to);
        }
        let mut work = services.store.begin().await?;
        if !relay_health::write(&mut work, owner, &next).await? {
            return Ok(());
        }
        if next.record.state != before.record.state {
            let change = StateChange {
                state: next.record.state,
                at: next.record.since,
            };
            relay_health_changes::add(&mut work, relay.scope, change).await?;
            let postern = Actor::postern();
            let audit = &services.audit;
            audit
                .record(
                    &mut work,
                    &postern,
                    Action::RelayHealth,
                    detail(before, &next, relay),
                )
                .await?;
        }
        if let Some(change) = &notified {
            notifications::add(&mut work, change, now).await?;
        }
        commit(work).await?;
        if notified.is_some() {
            services.reported.notify_one();
        }
        Ok(())
    }
}

/// The notification of a change: where the state is another one than was notified last. A relay begins
/// as a healthy one, and a save of its settings repeats none.
fn notification(
    before: &HealthRow,
    next: &HealthRow,
    relay: &CheckedRelay,
    now: Timestamp,
) -> Option<HealthChange> {
    let (was, is) = (before.record.state, next.record.state);
    let known = before.reported.unwrap_or(HealthState::Healthy);
    if was == is || is == known || is == HealthState::Unknown {
        return None;
    }
    let from = match was {
        HealthState::Unknown => before.reported.unwrap_or(was),
        _ => was,
    };
    let failing_since = next.record.failing_since;
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
    use crate::store::relay_health::HealthRecord;

    fn row(state: HealthState, reported: Option<HealthState>) -> HealthRow {
        HealthRow {
            scope: Scope::Global,
            revision: 1,
            record: HealthRecord {
                state,
                since: Timestamp(0),
                failing_since: None,
                failure: None,
                recent: Vec::new(),
                run_since: Timestamp(0),
            },
            reported,
            checked_at: None,
            mail_at: None,
            due_at: Timestamp(0),
            is_leased: true,
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
        for (was, is, reported, from) in [
            (Unknown, Healthy, None, None),
            (Unknown, Down, None, Some(Unknown)),
            (Healthy, Down, None, Some(Healthy)),
            (Healthy, Degraded, Some(Healthy), Some(Healthy)),
            (Degraded, Down, Some(Degraded), Some(Degraded)),
            (Down, Healthy, Some(Down), Some(Down)),
            (Down, Down, Some(Down), None),
            // The settings were saved meanwhile.
            (Unknown, Down, Some(Down), None),
            (Unknown, Healthy, Some(Down), Some(Down)),
            (Unknown, Healthy, Some(Healthy), None),
        ] {
            let found = notification(
                &row(was, reported),
                &row(is, reported),
                &relay,
                Timestamp(9),
            );
            let found = found.map(|change| change.from);
            assert_eq!(found, from, "{was:?} to {is:?} after {reported:?}");
        }
        let text = detail(&row(Healthy, None), &row(Degraded, None), &relay);
        assert_eq!(text, "“Main relay” (global): healthy to degraded");
    }
}
