//! The settings service: reads and saves the relay's settings and keeps their revisions.

mod certificates;
mod password;
mod save;
mod validation;

use std::sync::Arc;

use domain::view::{EarlierPassword, PasswordState, SettingsView, Verification};
use domain::{Form, Host, Label, Refusal, SmtpSettings};
use tokio::sync::watch;

use crate::audit::{Action, Audit};
use crate::rate_limit::RateLimit;
use crate::store::information::{self, Information};
use crate::store::revisions::{self, EARLIER_PASSWORDS, Revision};
use crate::store::{Connection, Scope, Store, StoreError};
use crate::vault::{BrowserKeys, Vault};
use crate::{Actor, Clock};

pub(crate) use password::PasswordChoice;
pub(crate) use validation::validate;

/// The saved settings and their newest revision, read on one connection.
#[derive(Debug, Default)]
pub(crate) struct SavedSettings {
    information: Option<Information>,
    newest: Option<Revision>,
}

impl SavedSettings {
    /// Reads settings and newest revision on `connection`.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn read(connection: &mut Connection) -> Result<Self, StoreError> {
        Ok(Self {
            information: information::read(connection, Scope::Global).await?,
            newest: revisions::newest(connection, Scope::Global).await?,
        })
    }

    /// The saved form; empty before the first save.
    pub(crate) fn form(&self) -> Form {
        self.information
            .as_ref()
            .map(|saved| saved.form.clone())
            .unwrap_or_default()
    }

    /// The saved settings; `None` before the first save, or if they no longer parse.
    pub(crate) fn settings(&self) -> Option<SmtpSettings> {
        self.information.as_ref()?.form.parse().ok()
    }

    /// The saved password, sealed; `None` if there is none.
    pub(crate) fn password(&self) -> Option<&str> {
        self.information.as_ref()?.password.as_deref()
    }

    /// The number of the newest revision; 0 before the first save.
    pub(crate) fn revision(&self) -> i64 {
        self.newest.as_ref().map_or(0, |newest| newest.number)
    }

    /// The number of the revision that introduced the password in use; `None` without a password.
    fn password_from(&self) -> Option<i64> {
        self.newest.as_ref()?.password_from
    }
}

/// The settings service: the relay's settings, their revisions and the password that goes with
/// them. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    store: Store,
    clock: Clock,
    vault: Arc<Vault>,
    keys: Arc<BrowserKeys>,
    audit: Audit,
    /// The number of the revision that this process saved last.
    changes: watch::Sender<i64>,
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
            store,
            clock,
            vault,
            keys,
            audit,
            changes: watch::Sender::new(0),
            openings: Arc::new(RateLimit::a_minute(60)),
        }
    }

    /// A channel with the number of the revision that this process saved last; 0 before its first
    /// save. Saves by other nodes are not announced.
    pub(crate) fn changes(&self) -> watch::Receiver<i64> {
        self.changes.subscribe()
    }

    /// Reads the saved settings.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn saved(&self) -> Result<SavedSettings, StoreError> {
        SavedSettings::read(&mut *self.store.read().await?).await
    }

    /// The saved configuration, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for any other actor.
    pub async fn view(&self, actor: &Actor) -> Result<SettingsView, Refusal> {
        self.audit
            .administer(actor, Action::ReadSettings, async {
                let mut connection = self.store.read().await?;
                let saved = SavedSettings::read(&mut connection).await?;
                self.view_of(&mut connection, saved).await
            })
            .await
    }

    /// The view of `saved`, with its verification and the earlier passwords that can be used again.
    async fn view_of(
        &self,
        connection: &mut Connection,
        saved: SavedSettings,
    ) -> Result<SettingsView, Refusal> {
        let password = match saved.password() {
            None => PasswordState::None,
            Some(sealed) => {
                match self
                    .vault
                    .unseal(Scope::Global.as_str(), Label::Password.as_str(), sealed)
                {
                    Ok(_) => PasswordState::Saved,
                    Err(_) => PasswordState::ReEnter,
                }
            }
        };
        let verified = match revisions::newest_proof(connection, Scope::Global).await? {
            None => Verification::Never,
            Some(proof) if proof.number == saved.revision() => {
                Verification::Verified(proof.verified)
            }
            Some(proof) => Verification::Changed(proof.verified),
        };
        let in_use = saved.password_from();
        let earlier = revisions::with_password(connection, Scope::Global)
            .await?
            .into_iter()
            .filter(|revision| Some(revision.number) != in_use)
            .take(usize::try_from(EARLIER_PASSWORDS).unwrap_or(0))
            .map(|revision| EarlierPassword {
                revision: revision.number,
                relay: relay_name(&revision.form),
                saved: revision.saved,
            })
            .collect();
        Ok(SettingsView {
            form: saved.form(),
            password,
            revision: saved.revision(),
            saved: saved.newest.map(|newest| newest.saved),
            verified,
            earlier,
        })
    }
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
