//! Runs a diagnosis or a test mail on a delivery session, as a stream of events.
//!
//! A run lasts as long as its stream: dropping the stream closes the connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::cause::{self, Observation};
use domain::diagnosis::event::{ConnectOutcome, Outcome, RunSummary};
use domain::settings::Stamp;
use domain::{EmailAddress, Event, Failure, Fault, Refusal, Stage, Timestamp};
use futures::Stream;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Diagnosis;
use super::permits::Permit;
use super::progress::{stream_of, with_ticks};
use super::test_message::TestMessage;
use crate::Actor;
use crate::domains::SessionCheck;
use crate::mail::DkimSigners;
use crate::smtp::{Envelope, Relay, Session, SessionObserver};
use crate::store::settings::revisions;
use crate::store::{StoreError, commit};

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
    /// Checks the From domain beside the session of a diagnosis.
    pub session_check: Option<SessionCheck>,
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
            let (sender, connected) = oneshot::channel();
            let sender = Mutex::new(Some(sender));
            let observer = SessionObserver::new(move |event| {
                if let Some(address) = connected_address(&event)
                    && let Some(sender) = sender.lock().take()
                {
                    // Without a check nobody receives it.
                    let _ = sender.send(address);
                }
                drop(events.unbounded_send(event));
            });
            self.run(observer, connected)
        })
    }

    async fn run(self, observer: SessionObserver, connected: oneshot::Receiver<IpAddr>) {
        let settings = &self.relay.settings;
        observer.emit(|| {
            let mut plan = Stage::plan(settings, self.recipient.is_some(), self.message.is_some());
            plan.retain(|stage| !self.until_sign_in || *stage != Stage::Mail);
            Event::Started {
                relay: settings.host.with_port(settings.port),
                revision: self.revision,
                plan,
            }
        });
        let session = async {
            let outcome = self.outcome(&observer).await;
            RunSummary {
                milliseconds: observer.elapsed(),
                encryption: observer.encryption().map(ToOwned::to_owned),
                outcome,
            }
        };
        let run = async {
            match &self.session_check {
                Some(check) => check.beside(session, connected).await,
                None => (session.await, None),
            }
        };
        let tick = |seconds| observer.emit(|| Event::Tick { seconds });
        let (summary, checked) = with_ticks(run, tick).await;
        // Released before the last event, so that a client can start the next run when it receives
        // it.
        drop(self.permit);
        if let Some(checked) = checked {
            observer.emit(|| Event::Domain(checked));
        }
        observer.emit(|| Event::Finished(summary));
    }

    /// Runs the session, and finds the cause where it fails.
    async fn outcome(&self, observer: &SessionObserver) -> Outcome {
        let settings = &self.relay.settings;
        match self.in_time(observer).await {
            Ok(None) => {
                observer.passed();
                Outcome::Passed
            }
            Ok(Some(sent)) => {
                observer.passed();
                Outcome::Sent {
                    reply: sent.reply,
                    message_id: sent.message_id,
                    verified: self.verified().await,
                }
            }
            Err(failure) => {
                observer.failed(failure.stage);
                tracing::info!(relay = %settings.host, port = settings.port, stage = ?failure.stage, fault = ?failure.fault, "a relay failed a test");
                let observation = Observation {
                    failure: &failure,
                    settings,
                    encrypted: observer.encryption().is_some(),
                    capabilities: &observer.capabilities(),
                    sender: settings.from_address.as_str(),
                    recipient: self.recipient.as_ref().map(EmailAddress::as_str),
                };
                Outcome::Failed {
                    cause: cause::find(&observation),
                    failure,
                }
            }
        }
    }

    /// Runs the session with a deadline of [`LIMIT`].
    async fn in_time(&self, observer: &SessionObserver) -> Result<Option<Sent>, Failure> {
        let session = timeout(LIMIT, self.session(observer));
        session.await.unwrap_or_else(|_| {
            let stage = observer.stage().unwrap_or(Stage::Dns);
            let detail = format!(
                "The test took longer than {} s and was ended.",
                LIMIT.as_secs()
            );
            Err(Failure::new(stage, Fault::Deadline, detail))
        })
    }

    async fn session(&self, observer: &SessionObserver) -> Result<Option<Sent>, Failure> {
        let mut session = Session::open(&self.diagnosis.dialer, &self.relay, observer).await?;
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

/// The address of the relay, if this event is that it was connected to.
fn connected_address(event: &Event) -> Option<IpAddr> {
    let Event::Tried(tried) = event else {
        return None;
    };
    let is_connected = tried.outcome == ConnectOutcome::Connected;
    let address = tried.address.parse::<SocketAddr>().ok()?;
    is_connected.then(|| address.ip())
}
