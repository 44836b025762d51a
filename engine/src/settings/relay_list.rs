//! The list of relays: read, added to, changed and removed from by administrators.

use domain::home::{ExpiringAuthority, RelayName};
use domain::settings::relay::{RelayChange, RelayConfig, RelayLimits, RelayView};
use domain::{Kind, Refusal};
use ulid::Ulid;

use super::certificates::end_of_authorities;
use super::relay_change::{changed, difference, differences};
use super::{SavedSettings, Settings, no_such_relay};
use crate::Actor;
use crate::audit::{Action, Audit};
use crate::store::relays::{self, RelayRow, routing};
use crate::store::settings::{information, revisions};
use crate::store::{Connection, Scope, Store, StoreError, commit};

/// The most relays.
const RELAYS_MAX: usize = 200;

const POSITION: &str = "position";

/// The list of relays. Their SMTP settings are those of [`Settings::of_relay`]. Cheap to clone.
#[derive(Clone)]
pub struct Relays {
    pub(super) store: Store,
    pub(super) audit: Audit,
    pub(super) settings: Settings,
}

impl Relays {
    pub(crate) fn new(store: Store, audit: Audit, settings: Settings) -> Self {
        Self {
            store,
            audit,
            settings,
        }
    }

    /// All relays in their order, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor.
    pub async fn list(&self, actor: &Actor) -> Result<Vec<RelayView>, Refusal> {
        self.audit
            .administer(actor, Action::ReadSettings, async {
                Ok(views(&mut *self.store.read().await?).await?)
            })
            .await
    }

    /// All relays in their order, without a check of the actor.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn views(&self) -> Result<Vec<RelayView>, StoreError> {
        views(&mut *self.store.read().await?).await
    }

    /// The relay that is on and whose trusted CA certificates end first, without a check of the actor.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn first_authority_to_end(
        &self,
    ) -> Result<Option<ExpiringAuthority>, StoreError> {
        let mut connection = self.store.read().await?;
        let mut ends = Vec::new();
        for row in relays::all(&mut connection).await? {
            let saved = SavedSettings::read(&mut connection, row.scope).await?;
            let settings = saved.settings().filter(|_| row.config.enabled);
            let end = settings.as_ref().and_then(end_of_authorities);
            ends.extend(end.map(|at| ExpiringAuthority {
                relay: RelayName {
                    id: row.scope.relay_id(),
                    name: row.config.name,
                },
                at,
            }));
        }
        Ok(ends.into_iter().min_by_key(|end| end.at))
    }

    /// The relay with this id, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor; [`Kind::NotFound`] under `id`.
    pub async fn read(&self, actor: &Actor, id: &str) -> Result<RelayView, Refusal> {
        self.audit
            .administer(actor, Action::ReadSettings, async {
                view(&mut *self.store.read().await?, id).await
            })
            .await
    }

    /// The relay with this id, or with this name in any case, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor; [`Kind::NotFound`] under `relay` with the names of all
    /// relays.
    pub async fn find(&self, actor: &Actor, id_or_name: &str) -> Result<RelayView, Refusal> {
        let mut relays = self.list(actor).await?;
        let wanted = id_or_name.trim();
        let lower = wanted.to_lowercase();
        let by_id = relays.iter().position(|relay| relay.id == wanted);
        let by_name = || {
            let mut relays = relays.iter();
            relays.position(|relay| relay.config.name.to_lowercase() == lower)
        };
        let Some(found) = by_id.or_else(by_name) else {
            let names = relays.iter().map(|relay| relay.config.name.as_str());
            let names: Vec<&str> = names.collect();
            let shown = domain::sanitize::printable(wanted, 80);
            let text = format!(
                "No relay has the name or id “{shown}”. The relays are: {}.",
                names.join(", ")
            );
            return Err(Refusal::of(Kind::NotFound, "relay", text));
        };
        Ok(relays.swap_remove(found))
    }

    /// Adds a relay, by default as the last one and switched on. Its settings are saved afterwards.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with all faults by field; [`Kind::Forbidden`] unless the actor is an
    /// administrator.
    pub async fn create(&self, actor: &Actor, new: RelayChange) -> Result<RelayView, Refusal> {
        self.audit
            .administer(actor, Action::CreateRelay, async {
                let mut work = self.store.begin().await?;
                let version = routing::raise(&mut work).await?;
                let mut rows = relays::all(&mut work).await?;
                if rows.len() >= RELAYS_MAX {
                    let text = format!("There are {RELAYS_MAX} relays already. Remove one first.");
                    return Err(Refusal::new(Kind::Invalid, text));
                }
                let empty = RelayConfig {
                    name: String::new(),
                    from_domain: None,
                    enabled: true,
                    limits: RelayLimits::default(),
                };
                let (config, place) = Refusal::both(
                    changed(&empty, &new, &names(&rows)),
                    place(new.position, rows.len(), rows.len() + 1),
                )?;
                let scope = Scope::Relay(Ulid::new());
                let detail = named(&config, scope);
                let row = RelayRow {
                    scope,
                    position: -1,
                    revision: 1,
                    config,
                };
                rows.insert(place, row);
                write_order(&mut work, rows).await?;
                self.audit
                    .record(&mut work, actor, Action::CreateRelay, detail)
                    .await?;
                let created = view(&mut work, &scope.relay_id()).await?;
                commit(work).await?;
                self.settings.announce(version);
                Ok(created)
            })
            .await
    }

    /// Changes the relay with this id and returns it as it is now.
    ///
    /// `from_revision` is the revision that was edited; without it the last change wins.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if `from_revision` is not the newest; [`Kind::Invalid`] with all faults by
    /// field; [`Kind::NotFound`] under `id`; [`Kind::Forbidden`] unless the actor is an administrator.
    pub async fn change(
        &self,
        actor: &Actor,
        id: &str,
        change: RelayChange,
        from_revision: Option<i64>,
    ) -> Result<RelayView, Refusal> {
        self.audit
            .administer(actor, Action::ChangeRelay, async {
                let mut work = self.store.begin().await?;
                let version = routing::raise(&mut work).await?;
                let mut rows = relays::all(&mut work).await?;
                let at = index(&rows, id, from_revision)?;
                let mut row = rows.remove(at);
                let (config, place) = Refusal::both(
                    changed(&row.config, &change, &names(&rows)),
                    place(change.position, at, rows.len() + 1),
                )?;
                let mut changes = differences(&row.config, &config);
                // Positions are from 1 on.
                let positions = [at, place].map(|place| (place + 1).to_string());
                changes.extend(difference(POSITION, &positions[0], &positions[1]));
                if changes.is_empty() {
                    return view(&mut work, id).await;
                }
                let detail = format!("{} of {}", changes.join(", "), named(&config, row.scope));
                row.config = config;
                row.revision += 1;
                row.position = -1;
                rows.insert(place, row);
                write_order(&mut work, rows).await?;
                self.audit
                    .record(&mut work, actor, Action::ChangeRelay, detail)
                    .await?;
                let changed = view(&mut work, id).await?;
                commit(work).await?;
                self.settings.announce(version);
                Ok(changed)
            })
            .await
    }

    /// Removes the relay with this id, its settings, its revisions and all its passwords. The first relay
    /// stays; it can be switched off.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for the first relay; [`Kind::Conflict`] if `from_revision` is not the newest;
    /// [`Kind::NotFound`] under `id`; [`Kind::Forbidden`] unless the actor is an administrator.
    pub async fn remove(
        &self,
        actor: &Actor,
        id: &str,
        from_revision: Option<i64>,
    ) -> Result<(), Refusal> {
        self.audit
            .administer(actor, Action::RemoveRelay, async {
                let mut work = self.store.begin().await?;
                let version = routing::raise(&mut work).await?;
                let rows = relays::all(&mut work).await?;
                let RelayRow { scope, config, .. } = &rows[index(&rows, id, from_revision)?];
                if *scope == Scope::Global {
                    let text = "The first relay cannot be removed. Switch it off instead.";
                    return Err(Refusal::of(Kind::Invalid, "id", text));
                }
                relays::remove(&mut work, *scope).await?;
                information::remove(&mut work, *scope).await?;
                revisions::remove_all(&mut work, *scope).await?;
                let detail = named(config, *scope);
                self.audit
                    .record(&mut work, actor, Action::RemoveRelay, detail)
                    .await?;
                commit(work).await?;
                self.settings.announce(version);
                Ok(())
            })
            .await
    }
}

/// All relays in their order.
async fn views(connection: &mut Connection) -> Result<Vec<RelayView>, StoreError> {
    let mut views = Vec::new();
    for (position, row) in (1..).zip(relays::all(connection).await?) {
        let saved = SavedSettings::read(connection, row.scope).await?;
        views.push(RelayView {
            id: row.scope.relay_id(),
            position,
            revision: row.revision,
            config: row.config,
            address: saved
                .settings()
                .map(|settings| settings.host.with_port(settings.port)),
            verified: saved.verification(connection, row.scope).await?,
        });
    }
    Ok(views)
}

/// One relay.
async fn view(connection: &mut Connection, id: &str) -> Result<RelayView, Refusal> {
    let views = views(connection).await?;
    let found = views.into_iter().find(|view| view.id == id);
    found.ok_or_else(no_such_relay)
}

/// The index of the relay with this id, if it has this revision.
fn index(rows: &[RelayRow], id: &str, revision: Option<i64>) -> Result<usize, Refusal> {
    let found = Scope::of_relay(id)
        .and_then(|scope| rows.iter().position(|row| row.scope == scope))
        .ok_or_else(no_such_relay)?;
    if revision.is_some_and(|revision| revision != rows[found].revision) {
        let text = "This relay was changed since it was read. Nothing was stored; look at what is \
                    saved now and try again.";
        return Err(Refusal::new(Kind::Conflict, text));
    }
    Ok(found)
}

/// The index for a position from 1 to `max`; `before` if none is given.
fn place(position: Option<i64>, before: usize, max: usize) -> Result<usize, Refusal> {
    let Some(position) = position else {
        return Ok(before);
    };
    let place = usize::try_from(position).ok();
    let place = place.filter(|place| (1..=max).contains(place));
    place.map(|place| place - 1).ok_or_else(|| {
        let text = format!("The position is 1 to {max}.");
        Refusal::of(Kind::Invalid, POSITION, text)
    })
}

fn names(rows: &[RelayRow]) -> Vec<&str> {
    rows.iter().map(|row| row.config.name.as_str()).collect()
}

/// The relay in the audit log.
fn named(config: &RelayConfig, scope: Scope) -> String {
    format!("“{}” ({})", config.name, scope.relay_id())
}

/// Writes the rows whose index is not their position.
async fn write_order(connection: &mut Connection, rows: Vec<RelayRow>) -> Result<(), StoreError> {
    for (position, mut row) in (0..).zip(rows) {
        if row.position != position {
            row.position = position;
            relays::write(connection, &row).await?;
        }
    }
    Ok(())
}
