//! Saves settings, their revision and the audit row in one transaction, with conflict detection.

use domain::settings::form::Edit;
use domain::settings::{PasswordChange, SettingsView, Stamp};
use domain::{Form, Kind, Label, Refusal, SecretString, SmtpSettings};

use super::password::{Unsealed, revision_label};
use super::{PasswordChoice, SavedSettings, Settings, validate};
use crate::Actor;
use crate::audit::Action;
use crate::store::relays::routing;
use crate::store::settings::information;
use crate::store::settings::revisions::{self, Revision};
use crate::store::{Connection, StoreError, UnitOfWork, commit};

/// A transaction that saves settings, and what was saved before it.
pub(super) struct SettingsWork {
    pub(super) work: UnitOfWork,
    pub(super) saved: SavedSettings,
    /// The version of the routing that it writes.
    version: i64,
}

impl Settings {
    /// Saves the settings and returns what is saved now. A save that changes nothing makes no
    /// revision.
    ///
    /// `from_revision` is the revision that was edited; without it the last save wins.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if `from_revision` is not the newest revision, with the differences by
    /// field; [`Kind::Invalid`] with all faults by field, one of them a From address of an own relay that
    /// the account may not send from, another a field that the environment sets;
    /// [`Kind::Forbidden`] unless the actor is an administrator, or for its own relay the account, where the policy allows one;
    /// [`Kind::NotFound`] if the relay was removed; [`Kind::TooMany`] beyond 60 sealed passwords a
    /// minute. Nothing is stored in any of these cases.
    pub async fn save(
        &self,
        actor: &Actor,
        edit: impl Into<Edit>,
        password: PasswordChange,
        from_revision: Option<i64>,
    ) -> Result<SettingsView, Refusal> {
        let edit = edit.into();
        self.manage(actor, Action::SaveSettings, async {
            self.limit_openings(actor, &password)?;
            let unsealed = self.unseal(&password).await;
            let begun = self.begin_save().await?;
            let mut form = begun.saved.form();
            form.apply(&edit);
            if from_revision.is_some_and(|from| from != begun.saved.revision()) {
                return Err(conflict(&begun.saved, &form));
            }
            let (settings, unsealed) = Refusal::both(form.parse().and_then(validate), unsealed)?;
            self.finish_save(actor, begun, &settings, &password, unsealed, None)
                .await
        })
        .await
    }

    /// Begins a transaction that saves settings, and reads what is saved.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for an own relay that the policy does not allow; [`Kind::NotFound`] if the relay
    /// was removed; if the database fails.
    pub(super) async fn begin_save(&self) -> Result<SettingsWork, Refusal> {
        let mut work = self.store.begin().await?;
        let version = routing::raise(&mut work).await?;
        self.require_policy(&mut work).await?;
        let saved = self.read(&mut work).await?;
        Ok(SettingsWork {
            work,
            saved,
            version,
        })
    }

    /// Writes valid settings with their password and audit row, commits, and returns what is saved now.
    /// `unsealed` is the result of [`Settings::unseal`] of the change of the password; `restored` is the
    /// revision that the settings bring back.
    ///
    /// # Errors
    /// [`Kind::Invalid`] by field for a From address that the account may not send from, for fields that the
    /// environment sets, and as for [`Settings::choose_password`]; if the database fails.
    pub(super) async fn finish_save(
        &self,
        actor: &Actor,
        begun: SettingsWork,
        settings: &SmtpSettings,
        password: &PasswordChange,
        unsealed: Option<Unsealed>,
        restored: Option<i64>,
    ) -> Result<SettingsView, Refusal> {
        let SettingsWork {
            mut work,
            saved,
            version,
        } = begun;
        self.require_sender(&mut work, actor, &settings.from_address)
            .await?;
        let form = Form::from(settings);
        let changes_password = self.changes_password(&saved, password, unsealed.as_ref());
        saved.require_unlocked(&form, changes_password)?;
        let chosen = self
            .choose_password(&mut work, &saved, settings, password, unsealed)
            .await?;
        let changed = self
            .write(&mut work, actor, &saved, form, &chosen, restored)
            .await?;
        let now_saved = self.read(&mut work).await?;
        if !changed.is_empty() {
            let changed = changed.join(", ");
            let (action, detail) = match restored {
                None => (Action::SaveSettings, changed),
                Some(number) => {
                    let detail = format!("{number} as {}: {changed}", now_saved.revision());
                    (Action::RestoreRevision, detail)
                }
            };
            self.audit
                .record(&mut work, actor, action, self.detail(detail))
                .await?;
        }
        let view = self.view_of(&mut work, actor, now_saved).await?;
        commit(work).await?;
        self.announce(version);
        Ok(view)
    }

    /// Limits the sealed passwords that an actor saves or restores a revision with.
    ///
    /// # Errors
    /// [`Kind::TooMany`] beyond 60 a minute.
    pub(super) fn limit_openings(
        &self,
        actor: &Actor,
        password: &PasswordChange,
    ) -> Result<(), Refusal> {
        if !matches!(password, PasswordChange::Sealed(_)) {
            return Ok(());
        }
        self.openings.take(
            actor.name(),
            self.clock.monotonic(),
            "At most sixty saves with a new password a minute are allowed.",
        )
    }

    /// Writes settings that differ from those saved, their password and a new revision. Returns the
    /// names of the fields that changed; if there are none, nothing is written. `restored` is the revision
    /// that they bring back.
    async fn write(
        &self,
        work: &mut Connection,
        actor: &Actor,
        saved: &SavedSettings,
        form: Form,
        chosen: &PasswordChoice,
        restored: Option<i64>,
    ) -> Result<Vec<&'static str>, StoreError> {
        let changed = changes(saved, &form, chosen);
        if changed.is_empty() {
            return Ok(changed);
        }
        let number = saved.revision() + 1;
        let scope = self.scope.to_string();
        let sealed = |password: &SecretString, label: &str| {
            self.vault.seal(&scope, label, password.expose().as_bytes())
        };
        let current = |password: &SecretString| sealed(password, Label::Password.as_str());
        let (in_use, brought, saved_from) = match chosen {
            PasswordChoice::Kept => {
                match saved.stored().and_then(|kept| kept.password_for(&form)) {
                    Some(sealed) => (Some(sealed.to_owned()), None, saved.password_from),
                    None => (None, None, None),
                }
            }
            PasswordChoice::None => (None, None, None),
            PasswordChoice::New(password) => (
                Some(current(password)),
                Some(sealed(password, &revision_label(number))),
                Some(number),
            ),
            PasswordChoice::Earlier(from, password) => (Some(current(password)), None, Some(*from)),
        };
        let password_from = match chosen {
            PasswordChoice::Kept if saved.password_variable().is_some() => {
                saved.environment_password_from(number)
            }
            _ => saved_from,
        };
        information::write(work, self.scope, &form, in_use.as_deref()).await?;
        let stamp = Stamp {
            at: self.clock.now(),
            by: actor.name().to_owned(),
        };
        let revision = Revision {
            number,
            saved: stamp,
            origin: actor.origin.to_string(),
            restored,
            form,
            password: brought,
            password_from,
        };
        revisions::add(work, self.scope, &revision).await?;
        revisions::forget_passwords(work, self.scope, saved_from).await?;
        revisions::forget_old(work, self.scope, number).await?;
        Ok(changed)
    }
}

/// The labels that a save changes, for the audit log. Values are not included.
fn changes(saved: &SavedSettings, form: &Form, chosen: &PasswordChoice) -> Vec<&'static str> {
    let mut labels: Vec<&str> = if saved.stored().is_none() {
        form.iter().map(|(label, _)| label.as_str()).collect()
    } else {
        form.differing(&saved.form())
            .into_iter()
            .map(Label::as_str)
            .collect()
    };
    let password_changes = match chosen {
        PasswordChoice::Kept => false,
        PasswordChoice::None => saved.stored().is_some_and(|kept| kept.password.is_some()),
        PasswordChoice::New(_) => true,
        PasswordChoice::Earlier(from, _) => saved.password_from != Some(*from),
    };
    if password_changes {
        labels.push(Label::Password.as_str());
    }
    labels
}

/// The refusal of a save that edited an older revision, with the differences by field.
fn conflict(saved: &SavedSettings, mine: &Form) -> Refusal {
    let by = saved.newest.as_ref().map(|newest| &newest.saved);
    let mut refusal = Refusal::new(
        Kind::Conflict,
        match by {
            Some(stamp) => format!(
                "{} saved other settings at {} while you were editing. Your changes were not \
                 stored.",
                stamp.by, stamp.at
            ),
            None => "These settings no longer exist. Load the page again.".to_owned(),
        },
    );
    let theirs = saved.form();
    for label in mine.differing(&theirs) {
        let text = match label {
            // Certificates are long, and the submitted ones are not validated yet.
            Label::TrustedCertificates => "The saved value differs from yours.".to_owned(),
            _ => format!(
                "Saved now: “{}”. Yours: “{}”.",
                theirs.get(label),
                mine.get(label)
            ),
        };
        refusal.add(label.as_str(), text);
    }
    refusal
}
