//! Taking mail in: checked, finished, and on disk before it is answered.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Kind, Refusal, Timestamp};

use super::Running;
use super::writer::{New, Work, Written};
use crate::mail::{Finished, Sender, Submission};
use crate::store::idempotency::Key;
use crate::store::messages::Message;
use crate::{Actor, Postern};

/// The most messages of one request.
const MOST: usize = 500;

/// How long it is remembered who mail is from that does not say. A save forgets it in the process
/// that saves; others follow within this.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Mail of more octets is finished beside the threads that answer.
const LARGE: usize = 128 * 1024;

/// Who mail is from that does not say, when that was read, and the revision that this process had
/// saved by then.
pub(super) type Remembered = Option<(Instant, i64, Option<Arc<Sender>>)>;

/// What an application hands over in one request: all of it is kept, or nothing.
#[derive(Debug)]
pub enum Submissions {
    One(Box<Submission>),
    /// 1 to 500.
    Many(Vec<Submission>),
}

impl Postern {
    /// Keeps mail to be delivered, and answers its ids once it is on disk. `key` is the request's
    /// Idempotency-Key and the SHA-256 of its body: for 24 hours the same request of the same
    /// account gets the first answer.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with every fault by field, of many under `[3].to`; [`Kind::Conflict`] while
    /// a request with this key is under way; [`Kind::Unavailable`] where it cannot be kept now.
    pub async fn accept(
        &self,
        actor: &Actor,
        submissions: Submissions,
        key: Option<(String, [u8; 32])>,
    ) -> Result<Vec<String>, Refusal> {
        actor.sends()?;
        let account = actor.account().map_or("", |account| &account.id);
        let key = key.map(|(key, digest)| Key {
            account: account.to_owned(),
            key,
            digest: digest.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
        });
        let _running = key.as_ref().map(|key| self.running(key)).transpose()?;

        let sender = self.sender().await?;
        let now = self.now();
        let (submissions, many) = match submissions {
            Submissions::One(submission) => (vec![*submission], false),
            Submissions::Many(submissions) => (submissions, true),
        };
        if submissions.is_empty() || submissions.len() > MOST {
            let text = format!("Hand over 1 to {MOST} messages at once.");
            return Err(Refusal::new(Kind::Invalid, text));
        }
        let ids = submissions.iter().map(|_| self.outbox().id(now)).collect();
        let large = submissions.iter().map(Submission::weight).sum::<usize>() > LARGE;
        let account = account.to_owned();
        let finishing = move || finish(submissions, ids, many, sender.as_deref(), &account, now);
        let mails = if large {
            let finished = tokio::task::spawn_blocking(finishing).await;
            finished.map_err(|_| Refusal::internal())??
        } else {
            finishing()?
        };
        let ids: Vec<String> = mails.iter().map(|mail| mail.message.id.clone()).collect();

        let digest = key.as_ref().map(|key| key.digest.clone());
        let written = self.keep(mails, key).await?;
        match written.before {
            None => {
                self.outbox().meter.accepted(ids.len());
                if written.claimed.is_empty() {
                    self.outbox().wake();
                }
                Ok(ids)
            }
            Some((before, ids)) if Some(&before) == digest.as_ref() => {
                Ok(ids.split(' ').map(str::to_owned).collect())
            }
            Some(_) => {
                let text = "This key came with another body within the last 24 hours. Use a new key for new mail.";
                Err(Refusal::of(Kind::Invalid, "Idempotency-Key", text))
            }
        }
    }

    /// Writes mail, for the worker of this process where that has room.
    async fn keep(&self, mails: Vec<New>, key: Option<Key>) -> Result<Written, Refusal> {
        let mails: Arc<[New]> = mails.into();
        // Goes with this future, where whoever asked hangs up.
        let asker = Arc::new(());
        let waits = Arc::downgrade(&asker);
        let worker = self.outbox().worker();
        if let Some(reservation) = worker.and_then(|worker| worker.reserve(&mails)) {
            return reservation.keep(mails, key, waits).await;
        }
        let work = Work::Accept {
            mails,
            key,
            owner: None,
            waits,
        };
        self.outbox().writer.write(work).await
    }

    fn running(&self, key: &Key) -> Result<Running, Refusal> {
        let named = (key.account.clone(), key.key.clone());
        Running::begin(self.outbox(), named).ok_or_else(|| Refusal {
            retry_after: Some(1),
            ..Refusal::of(
                Kind::Conflict,
                "Idempotency-Key",
                "A request with this key is still under way. Ask again when it is over.",
            )
        })
    }

    /// Who mail is from that does not say.
    async fn sender(&self) -> Result<Option<Arc<Sender>>, Refusal> {
        let place = &self.outbox().sender;
        let remembered = place.lock().clone();
        let revision = *self.outbox().saved.borrow();
        if let Some((read, of, sender)) = remembered
            && of == revision
            && read.elapsed() < REMEMBERED
        {
            return Ok(sender);
        }
        let read = Instant::now();
        let saved = self.settings().saved().await?;
        let sender = saved.settings().map(|settings| {
            Arc::new(Sender {
                address: settings.from_address,
                name: settings.from_name,
                reply_to: settings.reply_to,
            })
        });
        *place.lock() = Some((read, revision, sender.clone()));
        Ok(sender)
    }
}

/// Finishes all of them, or tells the faults of all.
fn finish(
    submissions: Vec<Submission>,
    ids: Vec<String>,
    many: bool,
    sender: Option<&Sender>,
    account: &str,
    now: Timestamp,
) -> Result<Vec<New>, Refusal> {
    let mut faults = Refusal::invalid();
    let mut mails = Vec::with_capacity(ids.len());
    for (index, (submission, id)) in submissions.into_iter().zip(ids).enumerate() {
        match submission.finish(sender, &id, now) {
            Ok(finished) => mails.push(mail(finished, id, account)),
            Err(refusal) if many => {
                for (field, text) in refusal.fields {
                    faults.add(&format!("[{index}].{field}"), text);
                }
            }
            Err(refusal) => return Err(refusal),
        }
    }
    faults.or_ok()?;
    Ok(mails)
}

fn mail(finished: Finished, id: String, account: &str) -> New {
    New {
        message: Message {
            id,
            account: account.to_owned(),
            sender: finished.from.as_str().to_owned(),
            subject: finished.subject,
            message_id: finished.message_id,
            size: i64::try_from(finished.bytes.len()).unwrap_or(i64::MAX),
        },
        bytes: finished.bytes,
        recipients: finished
            .recipients
            .iter()
            .map(|address| address.as_str().to_owned())
            .collect(),
    }
}
