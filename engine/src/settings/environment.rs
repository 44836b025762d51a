//! The settings of the environment: recorded at the start, laid over saved ones.

use domain::settings::smtp_environment::{ReadEnvironment, VariableMeaning};
use domain::settings::{PasswordChange, Stamp};
use domain::{CertificateCheck, Form, Label, Refusal, SecretString, SmtpSettings};

use super::password::Unsealed;
use super::{SavedSettings, Settings};
use crate::Actor;
use crate::audit::Action;
use crate::store::relays::routing;
use crate::store::settings::environment::{self, ENVIRONMENT, EnvironmentRow};
use crate::store::settings::information::SealedPassword;
use crate::store::settings::revisions::{self, Revision};
use crate::store::{Connection, StoreError, commit};

impl SavedSettings {
    /// The variable of the password of the environment.
    pub(super) fn password_variable(&self) -> Option<&str> {
        let environment = self.information.as_ref()?.environment.as_ref()?;
        environment.password_variable()
    }

    /// The revision that the password of the environment came with: `next` where none is written yet, as its
    /// settings were not complete.
    pub(super) fn environment_password_from(&self, next: i64) -> Option<i64> {
        let newest = self.newest.as_ref();
        newest
            .and_then(|newest| newest.password_from)
            .or(Some(next))
    }

    /// The fields that the environment sets, each with its variable.
    pub(super) fn locks(&self) -> Vec<(Label, String)> {
        let Some(information) = &self.information else {
            return Vec::new();
        };
        let Some(environment) = &information.environment else {
            return Vec::new();
        };
        let mut locks = environment.over(&information.form).locks;
        let password = environment.password_variable();
        locks.extend(password.map(|variable| (Label::Password, variable.to_owned())));
        locks
    }

    /// The settings that the password in force is for. A password of the environment is for what the environment
    /// makes of `next`, while the settings in force are not complete; but it was not given for a certificate
    /// that `next` trusts.
    pub(super) fn settings_of_password(&self, next: &SmtpSettings) -> Option<SmtpSettings> {
        let of_environment = || {
            let environment = self.information.as_ref()?.environment.as_ref()?;
            environment.password_variable()?;
            let check = CertificateCheck::Verify.as_str();
            let next = Form::from(next).with(Label::CertificateCheck, check);
            environment.over(&next).form.parse().ok()
        };
        self.settings().or_else(of_environment)
    }

    /// The fields that the environment sets to other values than `form` has, each with its variable.
    pub(super) fn locked_otherwise(&self, form: &Form) -> Vec<(Label, String)> {
        let environment = self.information.as_ref();
        let Some(environment) = environment.and_then(|saved| saved.environment.as_ref()) else {
            return Vec::new();
        };
        let effective = environment.over(form);
        let differing = effective.form.differing(form);
        let locks = effective.locks.into_iter();
        locks
            .filter(|(label, _)| differing.contains(label))
            .collect()
    }

    /// Refuses other values of fields that the environment sets, and changes of its password.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) with all of them by field.
    pub(super) fn require_unlocked(
        &self,
        form: &Form,
        changes_password: bool,
    ) -> Result<(), Refusal> {
        let mut faults = Refusal::invalid();
        for (label, variable) in self.locked_otherwise(form) {
            faults.add(label.as_str(), locked(label, &variable));
        }
        if let Some(variable) = self.password_variable()
            && changes_password
        {
            let label = Label::Password;
            faults.add(label.as_str(), locked(label, variable));
        }
        faults.or_ok()
    }
}

fn locked(label: Label, variable: &str) -> String {
    match label {
        Label::CertificateCheck | Label::PlaintextAuth => format!(
            "{variable} in the environment of Postern sets this: its password is sent only inside TLS, \
             to a relay whose certificate is checked, unless EMAIL_ALLOW_INSECURE is followed."
        ),
        _ => format!(
            "{variable} in the environment of Postern sets this. Change it there, or remove it there, \
             and restart Postern."
        ),
    }
}

impl Settings {
    /// Whether a save changes the password of the environment. To type the same one again changes nothing.
    pub(super) fn changes_password(
        &self,
        saved: &SavedSettings,
        change: &PasswordChange,
        unsealed: Option<&Unsealed>,
    ) -> bool {
        let known = saved.password().map(|sealed| self.unseal_saved(sealed));
        match (unsealed, known) {
            (Some(typed), Some(Ok(known))) => typed.password().expose() != known.expose(),
            (Some(_), _) => true,
            (None, _) => matches!(change, PasswordChange::Clear | PasswordChange::Earlier(_)),
        }
    }

    /// Records the environment of a process that starts, in the place of that of the process before. Where
    /// it changes the settings of the first relay, that is a revision.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn record_environment(
        &self,
        found: &ReadEnvironment,
    ) -> Result<(), StoreError> {
        let known = environment::read(&mut *self.store.read().await?).await?;
        if self.is_known(known.as_ref(), found) {
            return Ok(());
        }
        let mut work = self.store.begin().await?;
        let version = routing::raise(&mut work).await?;
        let before = SavedSettings::read(&mut work, self.scope).await?;
        let row = (!found.settings.is_empty()).then(|| EnvironmentRow {
            settings: found.settings.clone(),
            password: found.password.as_ref().map(|password| {
                let password = password.expose().as_bytes();
                let label = Label::Password.as_str();
                self.vault.seal(ENVIRONMENT, label, password)
            }),
        });
        environment::write(&mut work, row.as_ref()).await?;
        let after = SavedSettings::read(&mut work, self.scope).await?;
        self.add_revision(&mut work, &before, &after).await?;
        commit(work).await?;
        self.announce(version);
        Ok(())
    }

    /// Whether the environment is recorded as it was found, with a password that can be opened.
    fn is_known(&self, known: Option<&EnvironmentRow>, found: &ReadEnvironment) -> bool {
        let Some(known) = known else {
            return found.settings.is_empty();
        };
        let opened = known.password.as_ref().map(|sealed| {
            self.unseal_saved(&SealedPassword {
                scope: ENVIRONMENT.to_owned(),
                sealed: sealed.clone(),
            })
        });
        let same_password = match (opened, &found.password) {
            (None, None) => true,
            (Some(Ok(known)), Some(found)) => known.expose() == found.expose(),
            _ => false,
        };
        known.settings == found.settings && same_password
    }

    /// Adds a revision where the settings or the password in force changed.
    async fn add_revision(
        &self,
        work: &mut Connection,
        before: &SavedSettings,
        after: &SavedSettings,
    ) -> Result<(), StoreError> {
        let (was, form) = (before.form(), after.form());
        let mut changed: Vec<&str> = form
            .differing(&was)
            .into_iter()
            .map(Label::as_str)
            .collect();
        let same_password = self.same_password(before, after);
        if !same_password {
            changed.push(Label::Password.as_str());
        }
        if changed.is_empty() || !(before.exist() || after.exist()) {
            return Ok(());
        }
        let number = before.revision() + 1;
        let password_from = match (before.password_variable(), after.password_variable()) {
            (Some(_), Some(_)) if same_password => before.environment_password_from(number),
            (_, Some(_)) => Some(number),
            (_, None) => before.password_from.filter(|_| after.password().is_some()),
        };
        let revision = Revision {
            number,
            saved: Stamp {
                at: self.clock.now(),
                by: ENVIRONMENT.to_owned(),
            },
            origin: String::new(),
            restored: None,
            form,
            password: None,
            password_from,
        };
        revisions::add(work, self.scope, &revision).await?;
        revisions::forget_old(work, self.scope, number).await?;
        let detail = format!("{} by the environment", changed.join(", "));
        self.audit
            .record(work, &Actor::postern(), Action::SaveSettings, detail)
            .await
    }

    fn same_password(&self, before: &SavedSettings, after: &SavedSettings) -> bool {
        let open = |settings: &SavedSettings| -> Option<SecretString> {
            self.unseal_saved(settings.password()?).ok()
        };
        match (open(before), open(after)) {
            (Some(before), Some(after)) => before.expose() == after.expose(),
            (None, None) => true,
            _ => false,
        }
    }

    /// The variables of the environment, for administrators; none for other relays than the first.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for any other actor.
    pub async fn environment(&self, actor: &Actor) -> Result<Vec<VariableMeaning>, Refusal> {
        self.consult(actor, async {
            let saved = self.saved().await?;
            let environment = saved.information.and_then(|saved| saved.environment);
            Ok(environment.map_or_else(Vec::new, |environment| environment.variables))
        })
        .await
    }
}
