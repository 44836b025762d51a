//! What people see of the health of relays: the states now, and the history of one.

use std::collections::HashMap;

use domain::health::{HealthPeriod, HealthState, HealthView};
use domain::{Form, Kind, Refusal, Timestamp};

use super::Health;
use crate::Actor;
use crate::audit::Action;
use crate::settings::OWN_RELAY;
use crate::store::relays::health::{self, HealthRow};
use crate::store::relays::health_changes::{self, StateChange};
use crate::store::relays::{self};
use crate::store::settings::{information, policy};
use crate::store::{Connection, Scope, StoreError};

/// The relay of the organisation, as users see its name.
const ORGANISATION: &str = "The organisation's relay";

impl Health {
    /// The relays that are on and have settings, for administrators those of the organisation in their
    /// order. Others see their own, if they have one, and of the organisation's the one that takes their
    /// mail, of which they see the state and not its cause.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a token that does not read.
    pub async fn list(&self, actor: &Actor) -> Result<Vec<HealthView>, Refusal> {
        actor.reads()?;
        let store = &self.0.services.store;
        let mut connection = store.reporting().await?;
        if actor.oversees() {
            let of_organisation = self.of_organisation(&mut connection).await?;
            return Ok(of_organisation
                .into_iter()
                .map(|relay| relay.view)
                .collect());
        }
        let mut views = Vec::new();
        views.extend(self.of_account(&mut connection, actor).await?);
        let of_organisation = self.of_organisation(&mut connection).await?;
        views.extend(in_use(of_organisation).map(|view| HealthView {
            name: ORGANISATION.to_owned(),
            failure: None,
            ..view
        }));
        Ok(views)
    }

    /// The own relay of the actor's account; `None` where it has none, or may not have one.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a token that does not read.
    pub async fn own(&self, actor: &Actor) -> Result<Option<HealthView>, Refusal> {
        actor.reads()?;
        let mut connection = self.0.services.store.reporting().await?;
        Ok(self.of_account(&mut connection, actor).await?)
    }

    /// The relay with this id; `own` is that of the actor's account. `None` where it is not checked: it
    /// is off, or has no valid settings.
    ///
    /// # Errors
    /// As [`Health::history`].
    pub async fn read(&self, actor: &Actor, id: &str) -> Result<Option<HealthView>, Refusal> {
        let read = async {
            let scope = self.scope_of(actor, id)?;
            if scope.is_own() {
                return self.own(actor).await;
            }
            let mut connection = self.0.services.store.reporting().await?;
            self.require(&mut connection, scope).await?;
            let relays = self.of_organisation(&mut connection).await?;
            let wanted = scope.relay_id();
            let mut views = relays.into_iter().map(|relay| relay.view);
            Ok(views.find(|view| view.relay_id == wanted))
        };
        let audit = &self.0.services.audit;
        audit.audited(actor, Action::ReadSettings, read).await
    }

    /// The time of the clock that the histories end at.
    pub fn now(&self) -> Timestamp {
        self.0.services.clock.now()
    }

    /// The states of a relay since `since`, oldest first and without gaps, for administrators; that of
    /// `own` for its account. Before the first check there is none.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor;
    /// [`Kind::NotFound`] under `id`.
    pub async fn history(
        &self,
        actor: &Actor,
        id: &str,
        since: Timestamp,
    ) -> Result<Vec<HealthPeriod>, Refusal> {
        let services = &self.0.services;
        let read = async {
            let scope = self.scope_of(actor, id)?;
            let mut connection = services.store.reporting().await?;
            self.require(&mut connection, scope).await?;
            let changes = health_changes::of_relay(&mut connection, scope, since).await?;
            Ok::<_, Refusal>(periods(&changes, since, services.clock.now()))
        };
        services
            .audit
            .audited(actor, Action::ReadSettings, read)
            .await
    }

    /// The history of each relay of the organisation since `since`, by its id, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor.
    pub async fn histories(
        &self,
        actor: &Actor,
        since: Timestamp,
    ) -> Result<HashMap<String, Vec<HealthPeriod>>, Refusal> {
        actor.must_oversee()?;
        let services = &self.0.services;
        let mut connection = services.store.reporting().await?;
        let changes = health_changes::of_organisation(&mut connection, since).await?;
        let now = services.clock.now();
        let of_one = changes.chunk_by(|one, other| one.scope == other.scope);
        let histories = of_one.map(|changes| {
            let id = changes[0].scope.relay_id();
            let changes: Vec<StateChange> = changes.iter().map(|change| change.change).collect();
            (id, periods(&changes, since, now))
        });
        Ok(histories.collect())
    }

    /// # Errors
    /// [`Kind::NotFound`] under `id` for a relay of the organisation that does
    /// not exist.
    pub(super) async fn require(
        &self,
        connection: &mut Connection,
        scope: Scope,
    ) -> Result<(), Refusal> {
        match scope.is_own() || relays::contains(connection, scope).await? {
            true => Ok(()),
            false => {
                let text = "There is no such relay; it may have been removed. Look at the list of \
                            relays.";
                Err(Refusal::of(Kind::NotFound, "id", text))
            }
        }
    }

    async fn of_organisation(
        &self,
        connection: &mut Connection,
    ) -> Result<Vec<OrganisationHealth>, StoreError> {
        let rows = relays::all(connection).await?;
        let saved = information::of_relays(connection).await?;
        let is_valid = |form: &Form| form.parse().is_ok();
        let valid = saved.iter().filter(|saved| is_valid(&saved.form));
        let valid: Vec<&str> = valid.map(|saved| saved.relay.as_str()).collect();
        let checked = health::of_organisation(connection).await?;
        let mut checked: HashMap<Scope, HealthRow> =
            checked.into_iter().map(|row| (row.scope, row)).collect();
        let views = rows.into_iter().filter_map(|row| {
            let id = row.scope.relay_id();
            let is_checked = row.config.enabled && valid.contains(&id.as_str());
            is_checked.then(|| OrganisationHealth {
                is_for_all: row.config.from_domain.is_none(),
                view: self.view(row.scope, row.config.name, checked.remove(&row.scope)),
            })
        });
        Ok(views.collect())
    }

    async fn of_account(
        &self,
        connection: &mut Connection,
        actor: &Actor,
    ) -> Result<Option<HealthView>, StoreError> {
        let account = actor.account();
        let Some(scope) = account.and_then(|account| Scope::of_account(&account.id)) else {
            return Ok(None);
        };
        let saved = information::read(connection, scope).await?;
        let settings = saved.and_then(|saved| saved.form.parse().ok());
        if settings.is_none() || !policy::read(connection).await?.own_relays {
            return Ok(None);
        }
        let row = health::read(connection, scope).await?;
        Ok(Some(self.view(scope, OWN_RELAY.to_owned(), row)))
    }

    /// A view; without a row that of a relay whose settings were just saved.
    fn view(&self, scope: Scope, name: String, row: Option<HealthRow>) -> HealthView {
        let relay_id = scope.relay_id();
        match row {
            None => {
                let now = self.0.services.clock.now();
                HealthView {
                    relay_id,
                    name,
                    state: HealthState::Unknown,
                    since: now,
                    failing_since: None,
                    failure: None,
                    checked_at: None,
                    next_check_at: Some(now),
                }
            }
            Some(row) => HealthView {
                relay_id,
                name,
                state: row.record.state,
                since: row.record.since,
                failing_since: row.record.failing_since,
                failure: row.record.failure,
                checked_at: row.checked_at,
                next_check_at: (!row.is_leased).then_some(row.due_at),
            },
        }
    }
}

/// A relay of the organisation.
struct OrganisationHealth {
    /// Whether it is for mail from every domain.
    is_for_all: bool,
    view: HealthView,
}

/// Of the relays for mail from every domain the first that is not down, which takes the mail. Where all
/// are, the one that went down last: since then no mail leaves.
fn in_use(relays: Vec<OrganisationHealth>) -> Option<HealthView> {
    let for_all = relays.into_iter().filter(|relay| relay.is_for_all);
    let for_all: Vec<HealthView> = for_all.map(|relay| relay.view).collect();
    let is_up = |view: &HealthView| view.state != HealthState::Down;
    let last_down = || (0..for_all.len()).max_by_key(|index| for_all[*index].since);
    let index = for_all.iter().position(is_up).or_else(last_down)?;
    for_all.into_iter().nth(index)
}

/// The periods between `since` and `now` that these changes, oldest first, divide.
fn periods(changes: &[StateChange], since: Timestamp, now: Timestamp) -> Vec<HealthPeriod> {
    let mut periods: Vec<HealthPeriod> = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        let next = changes.get(index + 1);
        let end = next.map_or(now, |next| next.at);
        let (from, until) = (change.at.max(since), end.min(now));
        // The present state is shown from its first moment on.
        if from > until || from == until && next.is_some() {
            continue;
        }
        let last = periods.last_mut();
        if let Some(last) = last.filter(|last| last.state == change.state) {
            last.until = until;
        } else {
            periods.push(HealthPeriod {
                state: change.state,
                from,
                until,
            });
        }
    }
    periods
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_divide_the_time_into_periods() {
        use HealthState::{Down, Healthy, Unknown};
        for (changes, expected) in [
            (&[(Healthy, 5)][..], &[(Healthy, 10, 100)][..]),
            (&[], &[]),
            (&[(Healthy, 100)], &[(Healthy, 100, 100)]),
            (&[(Down, 20), (Healthy, 20)], &[(Healthy, 20, 100)]),
            (
                &[(Unknown, 20), (Healthy, 30)],
                &[(Unknown, 20, 30), (Healthy, 30, 100)],
            ),
            (
                &[(Healthy, 5), (Down, 40), (Healthy, 60)],
                &[(Healthy, 10, 40), (Down, 40, 60), (Healthy, 60, 100)],
            ),
            (&[(Unknown, 20), (Unknown, 30)], &[(Unknown, 20, 100)]),
            // The clock was set back.
            (&[(Healthy, 5), (Down, 150)], &[(Healthy, 10, 100)]),
        ] {
            let changes = changes.iter().map(|(state, at)| StateChange {
                state: *state,
                at: Timestamp(*at),
            });
            let changes: Vec<StateChange> = changes.collect();
            let expected = expected.iter().map(|(state, from, until)| HealthPeriod {
                state: *state,
                from: Timestamp(*from),
                until: Timestamp(*until),
            });
            let expected: Vec<HealthPeriod> = expected.collect();
            let found = periods(&changes, Timestamp(10), Timestamp(100));
            assert_eq!(found, expected, "{changes:?}");
        }
    }
}
