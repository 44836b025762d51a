//! The settings of relays: read and saved with their revisions, and the list of relays.

mod account_relay;
mod certificates;
mod environment;
mod history;
mod own_relay;
mod password;
mod relay_change;
mod relay_list;
mod routing_table;
mod save;
mod transfer;
mod validation;

use std::sync::Arc;

use domain::settings::{EarlierPassword, PasswordState, SettingsView, Verification};
use domain::{Form, Host, Kind, Label, Refusal, SmtpSettings};
use tokio::sync::watch;

use crate::audit::Audit;
use crate::rate_limit::RateLimit;
use crate::store::relays::{self, routing};
use crate::store::settings::information::{self, Information, SavedInformation, SealedPassword};
use crate::store::settings::revisions::{self, EARLIER_PASSWORDS, Revision};
use crate::store::{Connection, Scope, Store, StoreError};
use crate::vault::{BrowserKeys, Vault};
use crate::{Actor, Clock};

pub use account_relay::{AccountRelay, OrganisationRelay};
pub(crate) use own_relay::{OWN_RELAY, own_relay_senders};
pub(crate) use password::PasswordChoice;
pub use relay_list::Relays;
pub use routing_table::{RoutedRelay, RoutingTable};
pub(crate) use validation::validate;

/// The saved settings and their newest revision, read on one connection.
#[derive(Debug, Default)]
pub(crate) struct SavedSettings {
    information: Option<Information>,
    newest: Option<Revision>,
    /// The number of the revision that introduced the saved password; `None` without one.
    password_from: Option<i64>,
}

impl SavedSettings {
    /// Reads settings and newest revision of a relay on `connection`.
    ///
    /// # Errors
    /// If the database fails.
    async fn read(connection: &mut Connection, scope: Scope) -> Result<Self, StoreError> {
        let information = information::read(connection, scope).await?;
        let newest = revisions::newest(connection, scope).await?;
        let password_from = match &information {
            // The newest revision may be about a password of the environment, or one that is not used.
            Some(Information {
                environment: Some(_),
                saved,
                ..
            }) => match saved.as_ref().and_then(|kept| kept.password.as_ref()) {
                Some(_) => revisions::newest_with_kept_password(connection, scope).await?,
                None => None,
            },
            _ => newest.as_ref().and_then(|newest| newest.password_from),
        };
        Ok(Self {
            information,
            newest,
            password_from,
        })
    }

    /// Whether there are settings: saved ones, or complete ones of the environment.
    pub(crate) fn exist(&self) -> bool {
        self.stored().is_some() || self.settings().is_some()
    }

    /// What was saved, without the environment.
    fn stored(&self) -> Option<&SavedInformation> {
        self.information.as_ref()?.saved.as_ref()
    }

    /// The form in force: the saved one, and over it the environment; empty without either.
    pub(crate) fn form(&self) -> Form {
        self.information
            .as_ref()
            .map(|saved| saved.form.clone())
            .unwrap_or_default()
    }

    /// The settings in force; `None` without any, or if they do not parse.
    pub(crate) fn settings(&self) -> Option<SmtpSettings> {
        self.information.as_ref()?.form.parse().ok()
    }

    /// The password in force; `None` if there is none, and if the saved one is for another relay than the
    /// environment names.
    fn password(&self) -> Option<&SealedPassword> {
        self.information.as_ref()?.password.as_ref()
    }

    /// The number of the newest revision; 0 before the first save.
    pub(crate) fn revision(&self) -> i64 {
        self.newest.as_ref().map_or(0, |newest| newest.number)
    }

    /// Whether a test mail has verified these settings of a relay.
    async fn verification(
        &self,
        connection: &mut Connection,
        scope: Scope,
    ) -> Result<Verification, StoreError> {
        if !self.exist() {
            return Ok(Verification::Never);
        }
        Ok(match revisions::newest_proof(connection, scope).await? {
            None => Verification::Never,
            Some(proof) if proof.number == self.revision() => {
                Verification::Verified(proof.verified)
            }
            Some(proof) => Verification::Changed(proof.verified),
        })
    }
}

/// The settings service: the settings of one relay, their revisions and the password that goes with
/// them. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    /// The relay.
    scope: Scope,
    store: Store,
    clock: Clock,
    vault: Arc<Vault>,
    keys: Arc<BrowserKeys>,
    audit: Audit,
    /// The version of the routing that this process wrote or reloaded last.
    changes: watch::Sender<i64>,
    /// The version of the routing that this process wrote last.
    saves: watch::Sender<i64>,
    /// Limits the sealed passwords that each actor saves to 60 a minute: opening one takes milliseconds.
    openings: Arc<RateLimit>,
}

impl Settings {
    pub(crate) fn new(
        store: Store,
        clock: Clock,
        vault: Arc<Vault>,
        keys: Arc<BrowserKeys>,
        audit: Audit,
    ) -> Self {
        Self {
            scope: Scope::Global,
            store,
            clock,
            vault,
            keys,
            audit,
            changes: watch::Sender::new(0),
            saves: watch::Sender::new(0),
            openings: Arc::new(RateLimit::a_minute(60)),
        }
    }

    /// The settings of the relay with this id: `global` or a ULID.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id` if no relay can have it.
    pub fn of_relay(&self, id: &str) -> Result<Self, Refusal> {
        let scope = Scope::of_relay(id).ok_or_else(no_such_relay)?;
        Ok(self.of(scope))
    }

    /// The settings of another relay.
    fn of(&self, scope: Scope) -> Self {
        Self {
            scope,
            ..self.clone()
        }
    }

    /// The relay.
    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    /// The detail of an audit row, with the relay unless it is the first.
    pub(crate) fn detail(&self, detail: String) -> String {
        match self.scope {
            Scope::Global => detail,
            Scope::Relay(id) => format!("{detail} of relay {id}"),
            Scope::Account(_) => format!("{detail} of the own relay"),
        }
    }

    /// The name of the relay that is tried, for an audit row: none for an account's relay, since
    /// administrators read the audit log and do not see its settings.
    pub(crate) fn tried(&self, relay: String) -> String {
        match self.scope {
            Scope::Global | Scope::Relay(_) => relay,
            Scope::Account(_) => "own relay".to_owned(),
        }
    }

    /// Announces that this process wrote a version of the routing.
    pub(crate) fn announce(&self, version: i64) {
        self.changes.send_replace(version);
        self.saves.send_replace(version);
    }

    /// A channel with the version of the routing that this process wrote or reloaded last
    /// ([`Settings::reload`]); 0 before that. Other writes by other processes are not announced.
    pub(crate) fn changes(&self) -> watch::Receiver<i64> {
        self.changes.subscribe()
    }

    /// A channel with the version of the routing that this process wrote last; 0 before its first
    /// write. Every save of settings, relays, policy, limits and senders raises it, and no reload, so
    /// that processes that notify each other do not do so for ever.
    pub fn saves(&self) -> watch::Receiver<i64> {
        self.saves.subscribe()
    }

    /// Has this process read the settings again that another process on the database saved. Without it
    /// acceptance follows within a second, and delivery when it next looks for due mail.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is an administrator; if the database fails.
    pub async fn reload(&self, actor: &Actor) -> Result<(), Refusal> {
        self.consult(actor, async {
            let version = routing::version(&mut *self.store.read().await?).await?;
            self.changes.send_replace(version);
            Ok(())
        })
        .await
    }

    /// Reads the saved settings.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if the relay was removed; if the database fails.
    pub(crate) async fn saved(&self) -> Result<SavedSettings, Refusal> {
        self.read(&mut *self.store.read().await?).await
    }

    /// Reads the saved settings on `connection`.
    async fn read(&self, connection: &mut Connection) -> Result<SavedSettings, Refusal> {
        self.require_relay(connection).await?;
        Ok(SavedSettings::read(connection, self.scope).await?)
    }

    /// Refuses the settings of a relay that was removed. The own relay of an account is there without
    /// settings as well.
    async fn require_relay(&self, connection: &mut Connection) -> Result<(), Refusal> {
        if !self.scope.is_own() && !relays::contains(connection, self.scope).await? {
            return Err(no_such_relay());
        }
        Ok(())
    }

    /// The saved configuration, for administrators; that of an account's own relay for the account.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor; [`Kind::NotFound`] if the relay was removed.
    pub async fn view(&self, actor: &Actor) -> Result<SettingsView, Refusal> {
        self.consult(actor, async {
            let mut connection = self.store.read().await?;
            let saved = self.read(&mut connection).await?;
            self.view_of(&mut connection, actor, saved).await
        })
        .await
    }

    /// The view of `saved`, with its verification and the earlier passwords that can be used again.
    async fn view_of(
        &self,
        connection: &mut Connection,
        actor: &Actor,
        saved: SavedSettings,
    ) -> Result<SettingsView, Refusal> {
        let of_environment = saved.password_variable().is_some();
        let other_password = saved.stored().is_some_and(|kept| kept.password.is_some());
        let password = match saved.password() {
            None if other_password => PasswordState::OtherRelay,
            None => PasswordState::None,
            Some(sealed) => match self.unseal_saved(sealed) {
                Ok(_) if of_environment => PasswordState::Environment,
                Ok(_) => PasswordState::Saved,
                Err(_) => PasswordState::ReEnter,
            },
        };
        let verified = saved.verification(connection, self.scope).await?;
        let in_use = saved.password_from;
        let earlier = revisions::with_password(connection, self.scope)
            .await?
            .into_iter()
            .filter(|revision| Some(revision.number) != in_use && !of_environment)
            .take(usize::try_from(EARLIER_PASSWORDS).unwrap_or(0))
            .map(|revision| EarlierPassword {
                revision: revision.number,
                relay: relay_name(&revision.form),
                saved: revision.saved,
            })
            .collect();
        let is_saved = saved.stored().is_some();
        let locks = saved.locks();
        let mut form = saved.form();
        if !is_saved && self.scope.is_own() {
            form.set(Label::FromAddress, actor.name());
        }
        Ok(SettingsView {
            form,
            password,
            revision: saved.revision(),
            saved: saved.newest.filter(|_| is_saved).map(|newest| newest.saved),
            verified,
            earlier,
            locks,
        })
    }
}

fn no_such_relay() -> Refusal {
    let text = "There is no such relay; it may have been removed. Look at the list of relays.";
    Refusal::of(Kind::NotFound, "id", text)
}

/// A relay's display name, as in `alerts at smtp.example.org:587`; without a user name, host and
/// port.
pub(crate) fn relay_name(form: &Form) -> String {
    let (host, port) = (form.get(Label::Host), form.get(Label::Port));
    let relay = match (host.trim().parse::<Host>(), port.trim().parse()) {
        (Ok(host), Ok(port)) => host.with_port(port),
        _ => format!("{host}:{port}"),
    };
    match form.get(Label::Username) {
        "" => relay,
        user => format!("{user} at {relay}"),
    }
}
