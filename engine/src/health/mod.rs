//! The health of relays: checked at intervals by one node at a time, and kept with its history.
//!
//! `run` claims the relays that are due and has `check` open a session with each; `state` and
//! `mail_flow` say what the results mean, `record` writes a change with its audit row and its
//! notification, and `views` is what people read. `known` has the relays with their settings.
//!
//! A check stops no mail: delivery backs off by its own attempts.

mod check;
mod known;
mod mail_flow;
mod record;
mod run;
mod state;
mod views;

use std::sync::Arc;

use domain::settings::relay::OWN;
use domain::{Kind, Refusal};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::audit::{Action, Audit};
use crate::rate_limit::RateLimit;
use crate::settings::{Relays, Settings};
use crate::smtp::Dialer;
use crate::store::relays::health;
use crate::store::{Scope, Store, commit};
use crate::{Actor, Clock};

use known::KnownRelays;

/// The health service. Cheap to clone.
#[derive(Clone)]
pub struct Health(Arc<Shared>);

/// What the service uses.
pub(crate) struct HealthServices {
    pub store: Store,
    pub clock: Clock,
    pub audit: Audit,
    pub settings: Settings,
    pub relays: Relays,
    pub dialer: Dialer,
    /// For the relays of accounts.
    pub account_dialer: Dialer,
    /// Notified when a change is recorded that is reported.
    pub reported: Arc<Notify>,
}

struct Shared {
    services: HealthServices,
    /// Limits the checks that each actor requests to 12 a minute.
    requests: RateLimit,
    /// Wakes the task that checks.
    wake: Notify,
    /// The relays that were read last; `None` before the first time.
    known: Mutex<Option<Arc<KnownRelays>>>,
}

impl Health {
    pub(crate) fn new(services: HealthServices) -> Self {
        Self(Arc::new(Shared {
            services,
            requests: RateLimit::a_minute(12),
            wake: Notify::new(),
            known: Mutex::new(None),
        }))
    }

    /// Has the relay with this id checked at once, by the process that comes first; `own` is that of
    /// the actor's account.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is an administrator, or for its own relay the account;
    /// [`Kind::NotFound`] under `id`; [`Kind::Invalid`] under `id` for a relay that is not checked;
    /// [`Kind::TooMany`] beyond 12 a minute.
    pub async fn check_now(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let services = &self.0.services;
        let act = async {
            let scope = self.scope_of(actor, id)?;
            match scope.is_own() {
                true => actor.changes_settings()?,
                false => actor.administers()?,
            }
            let what = "At most twelve checks a minute are allowed.";
            let monotonic = services.clock.monotonic();
            self.0.requests.take(actor.name(), monotonic, what)?;
            self.refresh().await?;
            let mut work = services.store.begin().await?;
            self.require(&mut work, scope).await?;
            if !health::request(&mut work, scope, services.clock.now()).await? {
                let text = "This relay is not checked: it is switched off, removed, or has no valid \
                            settings.";
                return Err(Refusal::of(Kind::Invalid, "id", text));
            }
            let audit = &services.audit;
            let detail = scope.relay_id();
            audit
                .record(&mut work, actor, Action::CheckRelay, detail)
                .await?;
            commit(work).await?;
            self.0.wake.notify_one();
            Ok(())
        };
        services.audit.audited(actor, Action::CheckRelay, act).await
    }

    /// The relay that an actor names: one of the organisation, or its own.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a relay of the organisation unless the actor is an administrator who
    /// reads, and for `own` without an account; [`Kind::NotFound`] under `id`.
    fn scope_of(&self, actor: &Actor, id: &str) -> Result<Scope, Refusal> {
        let settings = &self.0.services.settings;
        let account = actor.account();
        let own = account.and_then(|account| Scope::of_account(&account.id));
        if id == OWN || own.is_some_and(|own| own.relay_id() == id) {
            actor.reads()?;
            return Ok(settings.of_account(actor)?.scope());
        }
        actor.must_oversee()?;
        Ok(settings.of_relay(id)?.scope())
    }
}
