//! Password selection: a saved password is used only with the relay it was entered for.

use domain::form::password_fault;
use domain::view::PasswordChange;
use domain::{AuthenticationType, Label, Refusal, SecretString, SmtpSettings};

use super::{SavedSettings, Settings, relay_name};
use crate::store::{Connection, Scope, revisions};

const RE_ENTER: &str =
    "The saved password can no longer be opened, because its key is lost. Enter it again.";

/// The password selected for a save or a test, and its source.
#[derive(Debug)]
pub(crate) enum PasswordChoice {
    /// The saved password unchanged, or still none.
    Kept,
    /// No password.
    None,
    /// A password entered now.
    New(SecretString),
    /// The password introduced by an earlier revision, with the number of that revision.
    Earlier(i64, SecretString),
}

/// The label that a revision's password is sealed under. It binds the sealed value to the revision.
pub(super) fn revision_label(number: i64) -> String {
    format!("{}@{number}", Label::Password.as_str())
}

impl Settings {
    /// Decrypts a password that a browser sealed; `None` if none is given or it is empty.
    ///
    /// Called before a transaction begins, because the RSA operation takes milliseconds of CPU.
    ///
    /// # Errors
    /// A fault under `smtp_password` if it cannot be decrypted or is not a valid password.
    pub(crate) async fn unseal(
        &self,
        change: &PasswordChange,
    ) -> Result<Option<SecretString>, Refusal> {
        let PasswordChange::Sealed(token) = change else {
            return Ok(None);
        };
        let password = self.keys.unseal(token).await?;
        match password_fault(password.expose()) {
            Some(fault) => Err(Refusal::field(Label::Password, fault)),
            None => Ok(Some(password).filter(|password| !password.is_empty())),
        }
    }

    /// Selects the password for `next`.
    ///
    /// # Errors
    /// A fault under `smtp_password` if a saved password was entered for another relay or user, or
    /// for a more secure connection ([`SmtpSettings::password_stays`]), or if it is no longer kept
    /// or its key is lost.
    pub(crate) async fn choose_password(
        &self,
        connection: &mut Connection,
        saved: &SavedSettings,
        next: &SmtpSettings,
        change: &PasswordChange,
        unsealed: Option<SecretString>,
    ) -> Result<PasswordChoice, Refusal> {
        match (change, unsealed) {
            (_, Some(password)) => Ok(PasswordChoice::New(password)),
            (PasswordChange::Clear, None) => Ok(PasswordChoice::None),
            (PasswordChange::Earlier(number), None) => {
                self.earlier(connection, *number, next).await
            }
            (PasswordChange::Keep | PasswordChange::Sealed(_), None) => {
                // Without saved settings that parse, the relay of the password is unknown.
                let stays = saved.password().is_none()
                    || saved
                        .settings()
                        .is_some_and(|before| before.password_stays(next));
                if stays {
                    Ok(PasswordChoice::Kept)
                } else {
                    Err(stays_with(&saved.form()))
                }
            }
        }
    }

    /// The password introduced by revision `number`, if it may be used with `next`.
    async fn earlier(
        &self,
        connection: &mut Connection,
        number: i64,
        next: &SmtpSettings,
    ) -> Result<PasswordChoice, Refusal> {
        let known = revisions::with_password(connection, Scope::Global).await?;
        let revision = known.into_iter().find(|revision| revision.number == number);
        let Some((revision, sealed)) = revision.and_then(|mut revision| {
            let sealed = revision.password.take()?;
            Some((revision, sealed))
        }) else {
            let text = "This earlier password is no longer kept. Enter the password.";
            return Err(Refusal::field(Label::Password, text));
        };
        if !revision
            .form
            .parse()
            .is_ok_and(|before| before.password_stays(next))
        {
            return Err(stays_with(&revision.form));
        }
        match self
            .vault
            .unseal(Scope::Global.as_str(), &revision_label(number), &sealed)
        {
            Ok(password) => Ok(PasswordChoice::Earlier(number, password)),
            Err(_) => Err(Refusal::field(Label::Password, RE_ENTER)),
        }
    }

    /// The password for AUTH in a session with `next`; `None` if the session does not authenticate.
    ///
    /// # Errors
    /// As [`Settings::choose_password`], and if the saved password's key is lost or the database
    /// fails.
    pub(crate) async fn password_for(
        &self,
        saved: &SavedSettings,
        next: &SmtpSettings,
        change: &PasswordChange,
    ) -> Result<Option<SecretString>, Refusal> {
        // Checked even without authentication: an unsealed password is refused everywhere.
        let unsealed = self.unseal(change).await?;
        if next.authentication == AuthenticationType::None {
            return Ok(None);
        }
        let mut connection = self.store.read().await?;
        match self
            .choose_password(&mut connection, saved, next, change, unsealed)
            .await?
        {
            PasswordChoice::None => Ok(None),
            PasswordChoice::New(password) | PasswordChoice::Earlier(_, password) => {
                Ok(Some(password))
            }
            PasswordChoice::Kept => saved
                .password()
                .map(|sealed| {
                    self.vault
                        .unseal(Scope::Global.as_str(), Label::Password.as_str(), sealed)
                })
                .transpose()
                .map_err(|_| Refusal::field(Label::Password, RE_ENTER)),
        }
    }
}

/// The refusal of a password saved with `form` for other settings.
fn stays_with(form: &domain::Form) -> Refusal {
    Refusal::field(
        Label::Password,
        format!(
            "The saved password was given for {}, and for a connection no weaker than this; \
             trusting one more certificate makes it weaker. \
             Type it again to use it here, or clear it.",
            relay_name(form)
        ),
    )
}
