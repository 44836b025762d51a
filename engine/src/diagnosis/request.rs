//! What somebody wants to know of a relay, checked before anything is sent.

use std::sync::Arc;

use domain::form::Edit;
use domain::refusal::REQUEST;
use domain::view::PasswordChange;
use domain::{EmailAddress, Event, Form, Kind, Refusal, SecretString};
use futures::Stream;

use super::run::DiagnosisRun;
use super::test_message::TestMessage;
use super::{Diagnosis, RECIPIENT};
use crate::Actor;
use crate::audit::Action;
use crate::settings::{relay_name, validate};
use crate::smtp::Relay;
use crate::store::commit;

/// The field a diagnosis' recipient stands under.
pub const TO: &str = "to";

/// What to diagnose, and how far.
#[derive(Clone, Debug, Default)]
pub struct DiagnosisRequest {
    /// What is to be used instead of what is saved. Empty: the saved configuration.
    pub edit: Edit,
    pub password: PasswordChange,
    /// A password typed on the very machine, instead.
    pub typed: Option<SecretString>,
    /// Whom RCPT names. Without one, RCPT is not asked.
    pub recipient: Option<String>,
    /// Sends a test mail; else nothing is sent. Needs a recipient.
    pub mail: bool,
}

impl Diagnosis {
    /// Sends a test mail with `form`, or without one with what is saved. Refused before anything
    /// is sent: who may not, faults by field, more than six a minute. Then the events; dropping
    /// the stream cancels the test.
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

    /// Finds out stage by stage whether a relay works. Refused before anything is sent: who may
    /// not, faults by field, more than twelve a minute or four at a time. Then the events; dropping
    /// the stream cancels the diagnosis.
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
        let asking = self.ask(actor, action, request);
        Ok(self.audit.administer(actor, action, asking).await?.begin())
    }

    async fn ask(
        &self,
        actor: &Actor,
        action: Action,
        request: DiagnosisRequest,
    ) -> Result<DiagnosisRun, Refusal> {
        // System V has one field for whatever is wrong with a test.
        let (field, whole) = match action {
            Action::SendTest => (RECIPIENT, RECIPIENT),
            _ => (TO, REQUEST),
        };
        let saved = self.settings.saved().await?;
        if request.edit == Edit::default() && saved.revision() == 0 {
            let text = "No configuration is saved yet. Save one first.";
            return Err(Refusal::of(Kind::Invalid, whole, text));
        }
        let mut form = saved.form();
        form.apply(&request.edit);
        let is_saved = request.password == PasswordChange::Keep
            && request.typed.is_none()
            && saved.revision() > 0
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
                "Six tests a minute are the most.",
            )?;
        }
        let password = match request.typed {
            Some(typed) => Some(typed),
            None => {
                self.settings
                    .password_for(&saved, &settings, &request.password)
                    .await?
            }
        };
        let mut work = self.store.begin().await?;
        let detail = match &recipient {
            Some(recipient) => format!("{} to {}", relay_name(&form), recipient.redacted()),
            None => relay_name(&form),
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
            permit,
        })
    }

    /// A permit among the diagnoses and probes that run, for as long as it is kept.
    pub(super) fn permit(
        &self,
        actor: &Actor,
    ) -> Result<tokio::sync::OwnedSemaphorePermit, Refusal> {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| {
            let text = "Four diagnoses are running, which is the most at a time. Wait until one has ended.";
            Refusal::too_many(5, text)
        })?;
        self.diagnoses.take(
            actor.name(),
            self.clock.monotonic(),
            "Twelve diagnoses a minute are the most.",
        )?;
        Ok(permit)
    }
}

fn recipient(typed: Option<&str>, needed: bool) -> Result<Option<EmailAddress>, &'static str> {
    match typed.map(str::trim) {
        Some(typed) if needed || !typed.is_empty() => typed.parse().map(Some),
        None if needed => Err("Name the recipient of the test mail."),
        _ => Ok(None),
    }
}
