//! Password selection: a saved password is used only with the relay it was entered for.

use domain::settings::PasswordChange;
use domain::settings::form::password_fault;
use domain::{AuthenticationType, CertificateCheck, Label, Refusal, SecretString, SmtpSettings};

use super::{SavedSettings, Settings, relay_name};
use crate::store::Connection;
use crate::store::keys::sealed_values::{self, SealedValue};
use crate::store::settings::information::SealedPassword;
use crate::store::settings::revisions;
use crate::vault::UnsealError;

const RE_ENTER: &str =
    "The saved password can no longer be opened, because its key is lost. Enter it again.";

const SEAL_ANEW: &str = "This sealed password was used for another relay, user, encryption or certificate check before. Type it again, or seal it anew.";

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

/// A password that a browser sealed, decrypted, and the sealed value.
#[derive(Debug)]
pub(crate) struct Unsealed {
    password: SecretString,
    value: SealedValue,
}

impl Unsealed {
    pub(super) fn password(&self) -> &SecretString {
        &self.password
    }
}

impl Settings {
    /// Decrypts the password in force.
    ///
    /// # Errors
    /// [`UnsealError`] if its key is lost.
    pub(super) fn unseal_saved(
        &self,
        password: &SealedPassword,
    ) -> Result<SecretString, UnsealError> {
        let SealedPassword { scope, sealed } = password;
        self.vault.unseal(scope, Label::Password.as_str(), sealed)
    }

    /// Decrypts a password that a browser sealed; `None` if none is given or it is empty.
    ///
    /// Called before a transaction begins, because the RSA operation takes milliseconds of CPU.
    ///
    /// # Errors
    /// A fault under `smtp_password` if it cannot be decrypted or is not a valid password.
    pub(crate) async fn unseal(
        &self,
        change: &PasswordChange,
    ) -> Result<Option<Unsealed>, Refusal> {
        let PasswordChange::Sealed(token) = change else {
            return Ok(None);
        };
        let (password, value) = self.keys.unseal(token).await?;
        match password_fault(password.expose()) {
            Some(fault) => Err(Refusal::field(Label::Password, fault)),
            None if password.is_empty() => Ok(None),
            None => Ok(Some(Unsealed { password, value })),
        }
    }

    /// Binds a sealed password to its first use: these settings, the relay, and everything that protects
    /// the password on the way to it. A test and the save after it are one use; a value that was overheard
    /// on an unencrypted line opens for nothing else, nor for the own relay of an account at the same host.
    ///
    /// # Errors
    /// A fault under `smtp_password` if it was used for other settings before.
    async fn bind(
        &self,
        connection: &mut Connection,
        next: &SmtpSettings,
        value: &SealedValue,
    ) -> Result<(), Refusal> {
        let used_for = format!("{} {}", self.scope, protection(next));
        match sealed_values::bind(connection, value, &used_for).await? {
            true => Ok(()),
            false => Err(Refusal::field(Label::Password, SEAL_ANEW)),
        }
    }

    /// Selects the password for `next`, and binds a sealed one to it. Without a sign-in there is none.
    ///
    /// # Errors
    /// A fault under `smtp_password` if a sealed password was used for other settings before, if a
    /// saved one was entered for another relay or user or for a more secure connection, also where the
    /// environment names another relay
    /// ([`SmtpSettings::password_stays`]), or if it is no longer kept or its key is lost.
    pub(crate) async fn choose_password(
        &self,
        connection: &mut Connection,
        saved: &SavedSettings,
        next: &SmtpSettings,
        change: &PasswordChange,
        unsealed: Option<Unsealed>,
    ) -> Result<PasswordChoice, Refusal> {
        if let Some(Unsealed { value, .. }) = &unsealed {
            self.bind(connection, next, value).await?;
        }
        if !next.authentication.keeps_password() {
            return Ok(PasswordChoice::None);
        }
        match (change, unsealed) {
            (_, Some(Unsealed { password, .. })) => Ok(PasswordChoice::New(password)),
            (PasswordChange::Clear, None) => Ok(PasswordChoice::None),
            (PasswordChange::Earlier(number), None) => {
                self.earlier(connection, *number, next).await
            }
            (PasswordChange::Keep | PasswordChange::Sealed(_), None) => {
                if let (None, Some(other)) = (saved.password(), saved.stored())
                    && other.password.is_some()
                {
                    return Err(stays_with(&other.form, next));
                }
                // Without saved settings that parse, the relay of the password is unknown.
                let stays = saved.password().is_none()
                    || saved
                        .settings_of_password(next)
                        .is_some_and(|before| before.password_stays(next));
                if stays {
                    Ok(PasswordChoice::Kept)
                } else {
                    Err(stays_with(&saved.form(), next))
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
        let known = revisions::with_password(connection, self.scope).await?;
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
            return Err(stays_with(&revision.form, next));
        }
        let scope = self.scope.to_string();
        match self.vault.unseal(&scope, &revision_label(number), &sealed) {
            Ok(password) => Ok(PasswordChoice::Earlier(number, password)),
            Err(_) => Err(Refusal::field(Label::Password, RE_ENTER)),
        }
    }

    /// The password for AUTH in a session with `next`; `None` if the session does not authenticate.
    /// `unsealed` is the result of [`Settings::unseal`].
    ///
    /// # Errors
    /// As [`Settings::choose_password`], and if the saved password's key is lost or the database
    /// fails.
    pub(crate) async fn password_for(
        &self,
        connection: &mut Connection,
        saved: &SavedSettings,
        next: &SmtpSettings,
        change: &PasswordChange,
        unsealed: Option<Unsealed>,
    ) -> Result<Option<SecretString>, Refusal> {
        if next.authentication == AuthenticationType::None {
            return Ok(None);
        }
        match self
            .choose_password(connection, saved, next, change, unsealed)
            .await?
        {
            PasswordChoice::None => Ok(None),
            PasswordChoice::New(password) | PasswordChoice::Earlier(_, password) => {
                Ok(Some(password))
            }
            PasswordChoice::Kept => saved
                .password()
                .map(|sealed| self.unseal_saved(sealed))
                .transpose()
                .map_err(|_| Refusal::field(Label::Password, RE_ENTER)),
        }
    }
}

/// The relay that a password is for, and everything that protects it on the way there, as text.
pub(super) fn protection(settings: &SmtpSettings) -> String {
    let parts = serde_json::json!([
        settings.host.to_string(),
        settings.port,
        settings.username,
        settings.connection.to_string(),
        settings.authentication.to_string(),
        settings.certificate_check.to_string(),
        settings.trusted_certificates,
        settings.plaintext_auth,
    ]);
    parts.to_string()
}

/// The refusal of a password saved with `form` for the settings `next`.
fn stays_with(form: &domain::Form, next: &SmtpSettings) -> Refusal {
    let trusting = match next.certificate_check {
        CertificateCheck::Trusted => " (to trust one more certificate is weaker)",
        _ => "",
    };
    Refusal::field(
        Label::Password,
        format!(
            "The saved password was given for {}, and for a connection no weaker than \
             this{trusting}. Type it again to use it here, or clear it.",
            relay_name(form)
        ),
    )
}
