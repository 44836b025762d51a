//! The test mail: what is on the form, or what is saved, through the very session that delivery
//! uses, told as it happens. It lives exactly as long as the stream that tells of it.

use std::time::{Duration, Instant as Stopwatch};

use domain::advice::advice;
use domain::view::{PasswordChange, Stamp};
use domain::{EmailAddress, Failure, Fault, Form, Kind, Refusal, SmtpSettings, Stage, TestEvent};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::{FutureExt, Stream, StreamExt, stream};

use super::RECIPIENT;
use super::message::Letter;
use crate::audit::Action;
use crate::settings::{Saved, described, usable};
use crate::smtp::{Envelope, Relay, Session};
use crate::store::audit;
use crate::store::information::GLOBAL;
use crate::store::{StoreError, revisions};
use crate::{Actor, Postern};

/// A test as a whole, whatever the relay does.
const LIMIT: Duration = Duration::from_secs(60);

impl Postern {
    /// Sends a test mail with `form`, or without one with what is saved. Refused before anything
    /// is sent: who may not, faults by field, more than six a minute. Then the events; dropping
    /// the stream cancels the test.
    pub async fn test(
        &self,
        actor: &Actor,
        form: Option<Form>,
        password: PasswordChange,
        recipient: String,
    ) -> Result<impl Stream<Item = TestEvent> + Send + use<>, Refusal> {
        let run = self
            .administer(
                actor,
                Action::SendTest,
                self.prepare(actor, form, password, &recipient),
            )
            .await?;
        let (events, told) = unbounded();
        let running = run.run(events).into_stream().filter_map(async |()| None);
        Ok(stream::select(told, running.boxed()))
    }

    async fn prepare(
        &self,
        actor: &Actor,
        form: Option<Form>,
        password: PasswordChange,
        recipient: &str,
    ) -> Result<Run, Refusal> {
        let saved = Saved::read(&mut *self.store().read().await?).await?;
        if form.is_none() && saved.revision() == 0 {
            let text = "No configuration is saved yet. Save one first.";
            return Err(Refusal::of(Kind::Invalid, RECIPIENT, text));
        }
        let is_saved = password == PasswordChange::Keep
            && saved.revision() > 0
            && form
                .as_ref()
                .is_none_or(|form| form.differing(&saved.form()).is_empty());
        let form = form.unwrap_or_else(|| saved.form());
        let recipient = recipient
            .trim()
            .parse::<EmailAddress>()
            .map_err(|fault| Refusal::of(Kind::Invalid, RECIPIENT, fault));
        let (settings, recipient) = Refusal::both(form.parse().and_then(usable), recipient)?;
        let letter = Letter::new(&settings, &recipient)?;
        self.test_window()
            .take(actor.name(), self.now(), "Six tests a minute are the most.")?;
        let password = self.password_for(&saved, &settings, &password).await?;
        let mut work = self.store().begin().await?;
        let detail = format!("{} to {}", described(&form), recipient.redacted());
        self.record(&mut work, actor, Action::SendTest, detail)
            .await?;
        work.commit().await.map_err(StoreError::from)?;
        Ok(Run {
            postern: self.clone(),
            actor: actor.clone(),
            revision: is_saved.then(|| saved.revision()),
            relay: Relay { settings, password },
            recipient,
            letter,
        })
    }

    /// Records that the saved configuration is proved.
    async fn prove(&self, revision: i64, actor: &Actor) -> Result<Stamp, StoreError> {
        let stamp = Stamp {
            at: self.now(),
            by: actor.name().to_owned(),
        };
        let mut work = self.store().begin().await?;
        revisions::prove(&mut work, GLOBAL, revision, &stamp).await?;
        let detail = format!("revision {revision}");
        let origin = actor.origin.to_string();
        let entry = self.entry(
            &actor.signature(),
            &origin,
            Action::SendTest,
            "verified",
            detail,
        );
        audit::add(&mut work, &entry).await?;
        work.commit().await?;
        Ok(stamp)
    }
}

/// A test that may run.
struct Run {
    postern: Postern,
    actor: Actor,
    /// The saved revision that is tested; none when the form differs from it.
    revision: Option<i64>,
    relay: Relay,
    recipient: EmailAddress,
    letter: Letter,
}

impl Run {
    async fn run(self, events: UnboundedSender<TestEvent>) {
        // The stream's end drops the receiver: then nobody is left to be told.
        let tell = |event| drop(events.unbounded_send(event));
        let begun = Stopwatch::now();
        let settings = &self.relay.settings;
        let relay = format!("{}:{}", settings.host, settings.port);
        tell(TestEvent::Started {
            relay,
            revision: self.revision,
        });

        let mut stage = Stage::Dns;
        let outcome = {
            let mut observe = |next| {
                stage = next;
                tell(TestEvent::Stage { stage: next });
            };
            let session = self.session(&mut observe);
            let limit = tokio::time::sleep(LIMIT);
            tokio::pin!(session, limit);
            let mut second = tokio::time::interval(Duration::from_secs(1));
            second.tick().await;
            loop {
                tokio::select! {
                    biased;
                    outcome = &mut session => break Some(outcome),
                    () = &mut limit => break None,
                    _ = second.tick() => tell(TestEvent::Tick { seconds: begun.elapsed().as_secs() }),
                }
            }
        };
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let outcome = outcome.unwrap_or_else(|| {
            let detail = format!(
                "The test took longer than {} s and was ended.",
                LIMIT.as_secs()
            );
            Err(Failure::new(stage, Fault::Deadline, detail))
        });
        tell(match outcome {
            Ok(sent) => {
                let verified = match self.revision {
                    Some(revision) => self
                        .postern
                        .prove(revision, &self.actor)
                        .await
                        .map_err(Refusal::from)
                        .ok(),
                    None => None,
                };
                TestEvent::Sent {
                    milliseconds,
                    reply: sent.reply,
                    encryption: sent.encryption,
                    message_id: sent.message_id,
                    verified: verified.map(|stamp| stamp.at),
                }
            }
            Err(failure) => {
                tracing::info!(relay = %settings.host, port = settings.port, stage = ?failure.stage, fault = ?failure.fault, "a test failed");
                let advice = advice(&failure, settings).to_owned();
                TestEvent::Failed {
                    milliseconds,
                    failure,
                    advice,
                }
            }
        });
    }

    async fn session(&self, observe: &mut (dyn FnMut(Stage) + Send)) -> Result<Sent, Failure> {
        let settings: &SmtpSettings = &self.relay.settings;
        let mut session = Session::open(self.postern.dialer(), &self.relay, observe).await?;
        let encryption = session.encryption().map(ToOwned::to_owned);
        let postern = self.postern.public_url();
        let mail = self
            .letter
            .write(settings, encryption.as_deref(), postern, self.postern.now());
        let envelope = Envelope {
            from: settings.from_address.clone(),
            to: vec![self.recipient.clone()],
        };
        let delivery = session.send(&envelope, &mail.bytes, observe).await?;
        observe(Stage::Quit);
        session.quit().await;
        Ok(Sent {
            reply: delivery.reply,
            encryption,
            message_id: mail.id,
        })
    }
}

struct Sent {
    reply: domain::Reply,
    encryption: Option<String>,
    message_id: String,
}
