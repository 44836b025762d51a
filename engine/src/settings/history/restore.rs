//! Rollback: an earlier revision is brought back as a new one, with its password where it is kept.

use domain::settings::revision::is_removal;
use domain::settings::{PasswordChange, SettingsView};
use domain::{Kind, Refusal};

use super::super::{SavedSettings, Settings, validate};
use super::no_such_revision;
use crate::Actor;
use crate::audit::Action;
use crate::store::settings::revisions;

impl Settings {
    /// Brings an earlier revision back, which makes a new one, and returns what is saved now. Where
    /// nothing differs from what is saved, it makes none.
    ///
    /// [`PasswordChange::Keep`] brings back the password of the revision; the one in use replaces it only where
    /// the environment sets it. `from_revision` is the newest revision that was shown; without it the revision
    /// is brought back in any case.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if the revision is not kept or the relay was removed; [`Kind::Invalid`] under
    /// `smtp_password` if the password is no longer kept, its key is lost, or it was given for another
    /// relay, user or less secure connection ([`domain::SmtpSettings::password_stays`]), and by field if the
    /// settings are not valid any more, one of them a From address of an own relay that the account may not
    /// send from; [`Kind::Conflict`] if `from_revision` is not the newest; [`Kind::Forbidden`] and
    /// [`Kind::TooMany`] as for [`Settings::save`]. Nothing is stored in any of these cases.
    pub async fn restore(
        &self,
        actor: &Actor,
        number: i64,
        password: PasswordChange,
        from_revision: Option<i64>,
    ) -> Result<SettingsView, Refusal> {
        self.manage(actor, Action::RestoreRevision, async {
            self.limit_openings(actor, &password)?;
            let unsealed = self.unseal(&password).await;
            let mut begun = self.begin_save().await?;
            let saved = &begun.saved;
            if from_revision.is_some_and(|from| from != saved.revision()) {
                return Err(saved_since(saved));
            }
            let revision = revisions::numbered(&mut begun.work, self.scope, number).await?;
            let revision = revision.ok_or_else(no_such_revision)?;
            if is_removal(&revision.form) {
                let text = "This revision is the removal of the relay. Remove the relay instead.";
                return Err(Refusal::new(Kind::Invalid, text));
            }
            let settings = revision.form.parse().and_then(validate);
            let (settings, unsealed) = Refusal::both(settings, unsealed)?;
            let change = match &password {
                // Also an empty password that was sealed stands for that of the revision.
                PasswordChange::Keep | PasswordChange::Sealed(_) if unsealed.is_none() => {
                    match (begun.saved.password_variable(), revision.password_from) {
                        (Some(_), _) => PasswordChange::Keep,
                        (None, Some(from)) => PasswordChange::Earlier(from),
                        (None, None) => PasswordChange::Clear,
                    }
                }
                given => given.clone(),
            };
            self.finish_save(actor, begun, &settings, &change, unsealed, Some(number))
                .await
        })
        .await
    }
}

/// The refusal of a rollback that was asked for beside an older newest revision.
fn saved_since(saved: &SavedSettings) -> Refusal {
    let text = match saved.newest.as_ref().map(|newest| &newest.saved) {
        Some(stamp) => format!(
            "{} saved other settings at {} since you looked. Nothing was changed; look at the \
             history again.",
            stamp.by, stamp.at
        ),
        None => "These settings no longer exist. Load the page again.".to_owned(),
    };
    Refusal::new(Kind::Conflict, text)
}
