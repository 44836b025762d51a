//! Which password goes with the settings on the form: the saved one only to the relay it was given
//! for.

use domain::form::password_fault;
use domain::view::PasswordChange;
use domain::{AuthenticationType, Label, Refusal, SecretString, SmtpSettings};

use super::{SavedSettings, Settings, relay_name};
use crate::store::{Connection, Scope, revisions};

const RE_ENTER: &str =
    "The saved password can no longer be opened, because its key is lost. Enter it again.";

/// A password that was chosen, and where it came from.
#[derive(Debug)]
pub(crate) enum PasswordChoice {
    /// The saved one, untouched; none if there is none.
    Kept,
    None,
    New(SecretString),
    /// The one that an earlier revision brought.
    Earlier(i64, SecretString),
}

/// The label an earlier password is sealed under: it opens for that revision only.
pub(super) fn revision_label(number: i64) -> String {
    format!("{}@{number}", Label::Password.as_str())
}

impl Settings {
    /// Opens what a browser sealed, before any transaction: it costs milliseconds of a core. An
    /// empty one changes nothing.
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

    /// Which password goes with `next`. Refuses, under `smtp_password`, one that was given for
    /// another relay or user, or for a safer connection.
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
                // Settings that cannot be understood any more say nothing of where it may go.
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

    /// The password to sign in with, for a session with `next`; none when it does not sign in.
    pub(crate) async fn password_for(
        &self,
        saved: &SavedSettings,
        next: &SmtpSettings,
        change: &PasswordChange,
    ) -> Result<Option<SecretString>, Refusal> {
        // Also where it is not used: a password that is not sealed is refused everywhere.
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
