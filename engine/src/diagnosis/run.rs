//! Runs a diagnosis or a test mail on a delivery session, as a stream of events.
//!
//! A run lasts as long as its stream: dropping the stream closes the connection.

use std::sync::Arc;
use std::time::Duration;

use domain::cause::{self, Observation};
use domain::event::{Outcome, RunSummary};
use domain::view::Stamp;
use domain::{EmailAddress, Event, Failure, Fault, Refusal, Stage, Timestamp};
use futures::Stream;
use tokio::time::timeout;

use super::Diagnosis;
use super::permits::Permit;
use super::progress::{stream_of, with_ticks};
use super::test_message::TestMessage;
use crate::Actor;
use crate::mail::DkimSigners;
use crate::smtp::{Envelope, Relay, Session, SessionObserver};
use crate::store::{StoreError, commit, revisions};

/// The maximum duration of a run.
const LIMIT: Duration = Duration::from_secs(60);

/// A diagnosis or test mail that is validated and ready to run.
pub(super) struct DiagnosisRun {
    /// The service that the run belongs to.
    pub diagnosis: Diagnosis,
    /// The actor that requested the run.
    pub actor: Actor,
    /// The number of the saved revision; `None` if the settings or the password differ from it.
    pub revision: Option<i64>,
    /// The settings and the password to connect with.
    pub relay: Relay,
    /// The recipient in RCPT TO. Without one, RCPT is not sent.
    pub recipient: Option<EmailAddress>,
    /// The message to send. Without one, the run ends before DATA.
    pub message: Option<TestMessage>,
    /// The DKIM keys that sign the message, as they sign accepted ones.
    pub signers: Arc<DkimSigners>,
    /// The run ends before MAIL.
    pub until_sign_in: bool,
    /// The permit of a diagnosis, released at its end. A test mail needs none.
    pub permit: Option<Permit>,
}

/// A test mail that the relay accepted.
struct Sent {
    reply: domain::Reply,
    message_id: String,
}

impl DiagnosisRun {
    /// Starts the run and returns its events. Dropping the stream ends the run and its connection.
    pub fn begin(self) -> impl Stream<Item = Event> + Send + use<> {
        stream_of(|events| {
            self.run(SessionObserver::new(move |event| {
                drop(events.unbounded_send(event));
            }))
        })
    }

    async fn run(self, witness: SessionObserver) {
        let settings = &self.relay.settings;
        witness.emit(|| {
            let mut plan = Stage::plan(settings, self.recipient.is_some(), self.message.is_some());
            plan.retain(|stage| !self.until_sign_in || *stage != Stage::Mail);
            Event::Started {
                relay: settings.host.with_port(settings.port),
                revision: self.revision,
                plan,
            }
        });
        let outcome = match self.in_time(&witness).await {
            Ok(None) => {
                witness.passed();
                Outcome::Passed
            }
            Ok(Some(sent)) => {
                witness.passed();
                Outcome::Sent {
                    reply: sent.reply,
                    message_id: sent.message_id,
                    verified: self.verified().await,
                }
            }
            Err(failure) => {
                witness.failed(failure.stage);
                tracing::info!(relay = %settings.host, port = settings.port, stage = ?failure.stage, fault = ?failure.fault, "a relay failed a test");
                let observed = Observation {
                    failure: &failure,
                    settings,
                    encrypted: witness.encryption().is_some(),
                    capabilities: &witness.capabilities(),
                    sender: settings.from_address.as_str(),
                    recipient: self.recipient.as_ref().map(EmailAddress::as_str),
                };
                Outcome::Failed {
                    cause: cause::find(&observed),
                    failure,
                }
            }
        };
        // Released before the last event, so that a client can start the next run when it receives
        // it.
        drop(self.permit);
        witness.emit(|| {
            Event::Over(RunSummary {
                milliseconds: witness.elapsed(),
                encryption: witness.encryption().map(ToOwned::to_owned),
                outcome,
            })
        });
    }

    /// Runs the session with a deadline of [`LIMIT`] and a tick each second.
    async fn in_time(&self, witness: &SessionObserver) -> Result<Option<Sent>, Failure> {
        let session = timeout(LIMIT, self.session(witness));
        let tick = |seconds| witness.emit(|| Event::Tick { seconds });
        with_ticks(session, tick).await.unwrap_or_else(|_| {
            let stage = witness.stage().unwrap_or(Stage::Dns);
            let detail = format!(
                "The test took longer than {} s and was ended.",
                LIMIT.as_secs()
            );
            Err(Failure::new(stage, Fault::Deadline, detail))
        })
    }

    async fn session(&self, witness: &SessionObserver) -> Result<Option<Sent>, Failure> {
        let mut session = Session::open(&self.diagnosis.dialer, &self.relay, witness).await?;
        let envelope = Envelope {
            from: Some(self.relay.settings.from_address.clone()),
            to: self.recipient.iter().cloned().collect(),
            dsn: None,
        };
        let sent = match &self.message {
            None if self.until_sign_in => Ok(None),
            None => session.dry_run(&envelope).await.map(|()| None),
            Some(message) => self.send(&mut session, message, &envelope).await.map(Some),
        };
        session.quit().await;
        sent
    }

    async fn send(
        &self,
        session: &mut Session,
        message: &TestMessage,
        envelope: &Envelope,
    ) -> Result<Sent, Failure> {
        let now = self.diagnosis.clock.now();
        let mail = message.compose(&self.relay.settings, session.encryption(), now);
        let bytes = self.signers.sign(mail.bytes, now);
        let reply = session.send(envelope, &bytes).await?;
        Ok(Sent {
            reply,
            message_id: mail.message_id,
        })
    }

    /// Records the saved revision as verified, if the run used it, and returns when. A failure of
    /// the database does not fail the test.
    async fn verified(&self) -> Option<Timestamp> {
        let proved = self.prove(self.revision?).await;
        proved.map_err(Refusal::from).ok().map(|stamp| stamp.at)
    }

    async fn prove(&self, revision: i64) -> Result<Stamp, StoreError> {
        let diagnosis = &self.diagnosis;
        let stamp = Stamp {
            at: diagnosis.clock.now(),
            by: self.actor.name().to_owned(),
        };
        let mut work = diagnosis.store.begin().await?;
        let settings = &diagnosis.settings;
        revisions::prove(&mut work, settings.scope(), revision, &stamp).await?;
        let detail = settings.detail(format!("revision {revision}"));
        diagnosis
            .audit
            .record_verified(&mut work, &self.actor, detail)
            .await?;
        commit(work).await?;
        Ok(stamp)
    }
}
