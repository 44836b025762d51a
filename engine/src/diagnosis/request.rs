//! Requests for a diagnosis or a test mail: validated, rate-limited and audited before they run.

use std::sync::Arc;

use domain::refusal::REQUEST;
use domain::settings::PasswordChange;
use domain::settings::form::Edit;
use domain::{EmailAddress, Event, Form, Kind, Label, Refusal, SecretString};
use futures::Stream;

use super::permits::Permit;
use super::run::DiagnosisRun;
use super::test_message::TestMessage;
use super::{Diagnosis, RECIPIENT};
use crate::Actor;
use crate::audit::Action;
use crate::domains::SessionCheck;
use crate::settings::{relay_name, validate};
use crate::smtp::Relay;
use crate::store::commit;
use crate::store::relays::routing;

/// The field of the faults of a diagnosis' recipient.
pub const TO: &str = "to";

/// The settings to diagnose and the last stage to run.
#[derive(Clone, Debug, Default)]
pub struct DiagnosisRequest {
    /// The values that replace saved ones. Empty: the saved settings.
    pub edit: Edit,
    /// The change of the password relative to the saved one.
    pub password: PasswordChange,
    /// A password entered at the command line, used instead of `password`.
    pub typed: Option<SecretString>,
    /// The recipient in RCPT TO. Without one, RCPT is not sent.
    pub recipient: Option<String>,
    /// Whether to send a test mail, which needs a recipient. Otherwise the session ends before
    /// DATA.
    pub mail: bool,
    /// Whether the session ends after the sign-in, before MAIL. It then has no recipient.
    pub until_sign_in: bool,
    /// The sender where neither the edit nor the saved settings have one.
    pub default_sender: Option<String>,
}

impl Diagnosis {
    /// Sends a test mail with `form`, or with the saved settings if it is `None`. Dropping the
    /// returned stream cancels the test.
    ///
    /// # Errors
    /// Before anything is sent: [`Kind::Forbidden`] unless the actor may change the settings;
    /// [`Kind::Invalid`] by field, also for a From address of an own relay that the account may not send
    /// from, with the recipient's faults under [`RECIPIENT`]; [`Kind::TooMany`] beyond 6 tests a minute.
    pub async fn test(
        &self,
        actor: &Actor,
        form: Option<Form>,
        password: PasswordChange,
        recipient: String,
    ) -> Result<impl Stream<Item = Event> + Send + use<>, Refusal> {
        let request = DiagnosisRequest {
            edit: form.map(Edit::from).unwrap_or_default(),
            password,
            recipient: Some(recipient),
            mail: true,
            ..DiagnosisRequest::default()
        };
        self.begin(actor, Action::SendTest, request).await
    }

    /// Checks stage by stage whether a relay works. Dropping the returned stream cancels the
    /// diagnosis.
    ///
    /// # Errors
    /// Before anything is sent: [`Kind::Forbidden`] unless the actor may change the settings;
    /// [`Kind::Invalid`] by field, with the recipient's faults under [`TO`]; [`Kind::TooMany`]
    /// beyond 12 diagnoses a minute, or 4 at a time of which two are of one person, probes
    /// included, and beyond 6 test mails a minute.
    pub async fn diagnose(
        &self,
        actor: &Actor,
        request: DiagnosisRequest,
    ) -> Result<impl Stream<Item = Event> + Send + use<>, Refusal> {
        self.begin(actor, Action::Diagnose, request).await
    }

    async fn begin(
        &self,
        actor: &Actor,
        action: Action,
        request: DiagnosisRequest,
    ) -> Result<impl Stream<Item = Event> + Send + use<>, Refusal> {
        // On the heap: callers hold this future several times over in theirs.
        let asking = Box::pin(self.ask(actor, action, request));
        let run = self.settings.manage(actor, action, asking).await?;
        Ok(self.while_current(actor, run.begin()))
    }

    /// Validates the request, takes its permits and records it in the audit log.
    async fn ask(
        &self,
        actor: &Actor,
        action: Action,
        request: DiagnosisRequest,
    ) -> Result<DiagnosisRun, Refusal> {
        // Existing clients of the test expect its faults under one field.
        let (field, whole) = match action {
            Action::SendTest => (RECIPIENT, RECIPIENT),
            _ => (TO, REQUEST),
        };
        let saved = self.settings.saved().await?;
        if request.edit == Edit::default() && !saved.exist() {
            let text = "No configuration is saved yet. Save one first.";
            return Err(Refusal::of(Kind::Invalid, whole, text));
        }
        let mut form = saved.form();
        form.apply(&request.edit);
        if let Some(sender) = &request.default_sender
            && form.get(Label::FromAddress).is_empty()
        {
            form.set(Label::FromAddress, sender.as_str());
        }
        let is_saved = request.password == PasswordChange::Keep
            && request.typed.is_none()
            && saved.exist()
            && form.differing(&saved.form()).is_empty();
        let recipient = recipient(request.recipient.as_deref(), request.mail)
            .map_err(|fault| Refusal::of(Kind::Invalid, field, fault));
        let (settings, recipient) = Refusal::both(form.parse().and_then(validate), recipient)?;
        let message = recipient.as_ref().filter(|_| request.mail);
        let message = message
            .map(|recipient| TestMessage::new(&settings, recipient, &self.public_url))
            .transpose()?;
        let permit = match action {
            Action::Diagnose => Some(self.permit(actor)?),
            _ => None,
        };
        if request.mail {
            self.tests.take(
                actor.name(),
                self.clock.monotonic(),
                "At most six tests a minute are allowed.",
            )?;
        }
        let change = &request.password;
        // Also without authentication: a password that is not sealed is refused everywhere.
        let unsealed = match request.typed {
            Some(_) => None,
            None => self.settings.unseal(change).await?,
        };
        let mut work = self.store.begin().await?;
        self.settings.require_policy(&mut work).await?;
        let mut signers = Arc::default();
        if request.mail {
            self.settings
                .require_sender(&mut work, actor, &settings.from_address)
                .await?;
            let version = routing::version(&mut work).await?;
            signers = self.dkim_signers.read(&mut work, version).await?;
        }
        let password = match request.typed {
            Some(typed) => Some(typed),
            None => {
                self.settings
                    .password_for(&mut work, &saved, &settings, change, unsealed)
                    .await?
            }
        };
        let domains = self.domains.clone();
        let session_check = match action {
            Action::Diagnose if !request.until_sign_in => {
                domains.and_then(|domains| SessionCheck::new(domains, &settings))
            }
            _ => None,
        };
        let relay = self.settings.tried(relay_name(&form));
        let detail = match &recipient {
            Some(recipient) => format!("{relay} to {}", recipient.redacted()),
            None => relay,
        };
        self.audit.record(&mut work, actor, action, detail).await?;
        commit(work).await?;
        Ok(DiagnosisRun {
            diagnosis: self.clone(),
            actor: actor.clone(),
            revision: is_saved.then(|| saved.revision()),
            relay: Relay { settings, password },
            recipient,
            message,
            signers,
            until_sign_in: request.until_sign_in,
            session_check,
            permit,
        })
    }

    /// Takes a permit to run a diagnosis or probe, and counts it against the actor's rate limit.
    ///
    /// # Errors
    /// [`Kind::TooMany`] with the seconds to wait.
    pub(super) fn permit(&self, actor: &Actor) -> Result<Permit, Refusal> {
        let permit = self.permits.take(actor.name())?;
        self.diagnoses.take(
            actor.name(),
            self.clock.monotonic(),
            "At most twelve diagnoses a minute are allowed.",
        )?;
        Ok(permit)
    }
}

/// Parses the recipient; `None` if it is absent and not `needed`.
fn recipient(typed: Option<&str>, needed: bool) -> Result<Option<EmailAddress>, &'static str> {
    match typed.map(str::trim) {
        Some(typed) if needed || !typed.is_empty() => typed.parse().map(Some),
        None if needed => Err("Enter the recipient of the test mail."),
        _ => Ok(None),
    }
}
