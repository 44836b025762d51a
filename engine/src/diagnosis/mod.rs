//! The diagnosis service: test mails, diagnoses of a configuration, and probes of a relay.

mod permits;
mod probe;
mod progress;
mod request;
mod run;
mod test_message;

use std::sync::Arc;

use domain::Refusal;
use futures::{Stream, StreamExt};

use crate::accounts::Accounts;
use crate::audit::Audit;
use crate::domains::{Domains, LastDkimSigners};
use crate::rate_limit::RateLimit;
use crate::settings::Settings;
use crate::smtp::Dialer;
use crate::store::Store;
use crate::{Actor, Clock};

use permits::Permits;
pub use probe::ProbeRequest;
pub use request::{DiagnosisRequest, TO};

/// The field of the faults of a test mail and of its recipient. Existing clients rely on the name.
pub const RECIPIENT: &str = "email_send";

/// The diagnosis service: tests a relay's configuration and finds the cause of a failure. Cheap to
/// clone.
#[derive(Clone)]
pub struct Diagnosis {
    store: Store,
    clock: Clock,
    audit: Audit,
    accounts: Accounts,
    settings: Settings,
    dkim_signers: Arc<LastDkimSigners>,
    /// Checks the From domains of the organisation's relays; `None` for the relays of accounts.
    domains: Option<Domains>,
    dialer: Dialer,
    /// For the relays of accounts.
    account_dialer: Dialer,
    /// The URL of the console, which a test mail contains.
    public_url: Arc<str>,
    /// Limits the test mails of each actor to 6 a minute.
    tests: Arc<RateLimit>,
    /// Limits the diagnoses and probes of each actor to 12 a minute.
    diagnoses: Arc<RateLimit>,
    /// Limits the diagnoses and probes that run at the same time.
    permits: Permits,
    /// As `permits`, for the relays of accounts: they leave room for administrators.
    account_permits: Permits,
}

/// What the service uses.
pub(crate) struct DiagnosisServices {
    pub store: Store,
    pub clock: Clock,
    pub accounts: Accounts,
    pub audit: Audit,
    pub settings: Settings,
    pub domains: Domains,
    pub dkim_signers: Arc<LastDkimSigners>,
    pub dialer: Dialer,
    pub account_dialer: Dialer,
}

impl Diagnosis {
    pub(crate) fn new(services: DiagnosisServices, public_url: &str) -> Self {
        Self {
            store: services.store,
            clock: services.clock,
            audit: services.audit,
            accounts: services.accounts,
            settings: services.settings,
            dkim_signers: services.dkim_signers,
            domains: Some(services.domains),
            dialer: services.dialer,
            account_dialer: services.account_dialer,
            public_url: public_url.into(),
            tests: Arc::new(RateLimit::a_minute(6)),
            diagnoses: Arc::new(RateLimit::a_minute(12)),
            permits: Permits::default(),
            account_permits: Permits::default(),
        }
    }

    /// The tests and diagnoses of the relay with this id: `global` or a ULID. Their limits are shared.
    ///
    /// # Errors
    /// [`Kind::NotFound`](domain::Kind::NotFound) under `id` if no relay can have it.
    pub fn of_relay(&self, id: &str) -> Result<Self, Refusal> {
        Ok(Self {
            settings: self.settings.of_relay(id)?,
            ..self.clone()
        })
    }

    /// The tests and diagnoses of the own relay of the actor's account, which has a public address.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for a local user, who has no account.
    pub fn of_account(&self, actor: &Actor) -> Result<Self, Refusal> {
        Ok(Self {
            settings: self.settings.of_account(actor)?,
            domains: None,
            dialer: self.account_dialer.clone(),
            permits: self.account_permits.clone(),
            ..self.clone()
        })
    }

    /// The events of a run until the actor's session or token has ended: it is checked before each
    /// event. The run ends with the stream.
    fn while_current<S>(
        &self,
        actor: &Actor,
        events: S,
    ) -> impl Stream<Item = S::Item> + Send + use<S>
    where
        S: Stream<Item: Send> + Send,
    {
        let (accounts, actor) = (self.accounts.clone(), actor.clone());
        events.take_while(move |_| {
            let (accounts, actor) = (accounts.clone(), actor.clone());
            async move { accounts.is_current(&actor).await.unwrap_or(false) }
        })
    }
}
