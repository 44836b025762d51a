//! Acceptance: submissions are validated and composed, and on disk before their ids are returned.

mod batch;
pub(super) mod disk_space;
pub(super) mod flow_ids;
pub(super) mod known_accounts;
pub(super) mod limits;
pub(super) mod own_mail;
pub(super) mod reservation;
mod write;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::account::Role;
use domain::outbox::QueueKind;
use domain::timestamp::in_words;
use domain::{EmailAddress, Kind, Refusal, SmtpSettings};

use super::group_commit::request::NewMessage;
use super::group_commit::transaction::KEY_LIFETIME;
use super::open_tracking::notice;
use super::service::{AcceptanceSettings, AccountKey, CachedSettings, Outbox};
use crate::Actor;
use crate::mail::{
    AccountSenders, DefaultSender, EnvelopeSubmission, SenderLimits, SenderSet, Submission,
};
use crate::smtp::to_ascii;
use crate::store::accounts::{sender_identities, sending_limits};
use crate::store::messages::flows::{self, Flow, QueueTarget};
use crate::store::messages::idempotency::{self, IdempotencyKey};
use crate::store::messages::{Submitter, opens};
use crate::store::notifications::webhooks;
use crate::store::relays::{self, routing};
use crate::store::settings::{information, policy};
use crate::store::{Connection, Scope};
use batch::{Batch, Uncomposed};
use limits::{RecipientLimit, SubmissionLimits};

/// How long settings are cached. A save in this process invalidates them at once; other nodes follow
/// within this time.
const SETTINGS_LIFETIME: Duration = Duration::from_secs(1);

/// Submissions of more octets are composed on a blocking thread.
const LARGE: usize = 128 * 1024;

/// An idempotency key of a request under way, until it is dropped.
struct KeyInFlight<'a> {
    outbox: &'a Outbox,
    key: AccountKey,
}

impl Drop for KeyInFlight<'_> {
    fn drop(&mut self) {
        self.outbox.keys_in_flight.lock().remove(&self.key);
    }
}

/// The messages that an application submits in one request. All are accepted, or none.
#[derive(Debug)]
pub enum Submissions {
    /// One message.
    One(Box<Submission>),
    /// 1 to [`Submissions::MAX`] messages.
    Many(Vec<Submission>),
    /// A whole message with its envelope.
    Envelope(Box<EnvelopeSubmission>),
}

impl Submissions {
    /// The maximum number of messages of one request.
    pub const MAX: usize = 500;
}

#[cfg(feature = "otel")]
impl Submissions {
    /// As spans name it.
    fn form(&self) -> &'static str {
        match self {
            Self::One(_) | Self::Many(_) => "fields",
            Self::Envelope(_) => "envelope",
        }
    }
}

/// What identifies a request that may come again.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// Its Idempotency-Key.
    pub key: String,
    /// The SHA-256 of its body: the same key with another body is another request, and refused.
    pub body_sha256: [u8; 32],
}

/// Messages that are on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Their ids, in the order of the request.
    pub ids: Vec<String>,
    /// Whose relays their queue is for.
    pub queue: QueueKind,
    /// How the opens of those messages are tracked that ask for it.
    pub open_tracking: Option<String>,
}

impl Outbox {
    /// Accepts messages for delivery, and returns their ids once they are on disk. With `key`, the
    /// same request of the same account gets the first answer for 24 hours.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with every fault by field, of many messages as `[3].to`, also under `from` where
    /// the account or the token may not send from an address, under `track_opens` where opens cannot be
    /// tracked, and under `webhook` where the account has no such webhook; [`Kind::Conflict`] while a request
    /// with this key is under way; [`Kind::TooMany`] with the seconds to wait while the account or its token
    /// is at a limit of messages; [`Kind::Unavailable`]
    /// where the database fails or its disk has no more free space than its reserve;
    /// [`Kind::Unauthenticated`] where the account was deleted or disabled before the commit, on any node.
    /// On PostgreSQL a commit that has begun by then goes on, and on both databases a request with a token
    /// that is revoked meanwhile does.
    pub async fn accept(
        &self,
        actor: &Actor,
        submissions: Submissions,
        key: Option<Idempotency>,
    ) -> Result<Accepted, Refusal> {
        self.accept_avoiding(actor, submissions, key, &[]).await
    }

    /// As [`Outbox::accept`]. The relays of the organisation with these ids are tried last, in this order.
    pub(super) async fn accept_avoiding(
        &self,
        actor: &Actor,
        submissions: Submissions,
        key: Option<Idempotency>,
        avoided: &[String],
    ) -> Result<Accepted, Refusal> {
        actor.sends()?;
        #[cfg(feature = "otel")]
        let mut acceptance = self.spans.begin(submissions.form(), &self.clock);
        let account = actor.submitter();
        let key = key.map(|Idempotency { key, body_sha256 }| IdempotencyKey {
            account: account.to_owned(),
            key,
            digest: body_sha256.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
        });
        let _in_flight = key.as_ref().map(|key| self.in_flight(key)).transpose()?;

        let settings = self.acceptance_settings().await?;
        let version = settings.version;
        let known = self.known_accounts.require(&self.store, actor, version);
        known.await?;
        let SubmissionLimits {
            recipients,
            counted,
        } = SubmissionLimits::of(actor, &settings.limits);
        let composed = self.compose(actor, submissions, settings, recipients).await;
        let mut messages = match (composed, &key) {
            (Ok(messages), _) => messages,
            // What it may name, or how many, may have changed since it was accepted.
            (Err(refusal), Some(key)) => return self.answered(key).await?.ok_or(refusal),
            (Err(refusal), None) => return Err(refusal),
        };
        let account: Arc<str> = account.into();
        for new in &mut messages {
            new.class.queue = flows::avoiding(new.class.queue.clone(), avoided);
            let flow = Flow {
                class: new.class.clone(),
                account: account.clone(),
            };
            new.flow = self.flow_ids.of(&self.store, flow).await?;
        }
        let ids: Vec<String> = messages.iter().map(|new| new.message.id.clone()).collect();
        let queue = messages
            .first()
            .map_or(QueueKind::Organisation, |new| kind(&new.class.queue));
        let is_tracked = messages.iter().any(|new| new.open_id.is_some());
        let open_tracking = is_tracked.then(|| notice(&self.public_url));
        let digest = key.as_ref().map(|key| key.digest.clone());
        #[cfg(feature = "otel")]
        if let Some(acceptance) = &mut acceptance {
            acceptance.of(&messages);
        }
        let written = self.write(actor, version, messages, key, counted).await?;
        if let Some(refused) = written.refused {
            return Err(refused.refusal(self.clock.now()));
        }
        match written.earlier {
            None => {
                self.meter.accepted(ids.len());
                #[cfg(feature = "otel")]
                self.spans.accepted(acceptance, &self.clock);
                if written.claimed.is_empty() {
                    self.wake_delivery();
                }
                Ok(Accepted {
                    ids,
                    queue,
                    open_tracking,
                })
            }
            Some(earlier) if Some(&earlier.digest) == digest.as_ref() => {
                let accepted = self.accepted_earlier(&earlier.ids, queue).await?;
                Ok(Accepted {
                    open_tracking,
                    ..accepted
                })
            }
            Some(_) => {
                let text = format!(
                    "This key came with another body within the last {}. Use a new key for new messages.",
                    in_words(KEY_LIFETIME)
                );
                Err(Refusal::of(Kind::Invalid, "Idempotency-Key", text))
            }
        }
    }

    /// Accepts a whole message with its envelope, by the rules of [`Outbox::accept`]. Failures are reported
    /// to the sender of the envelope; the null sender gets no report, and every actor may send with it.
    ///
    /// # Errors
    /// Those of [`Outbox::accept`], [`Kind::Invalid`] under `from` for the sender, `to` for the recipients,
    /// `received` for a mail loop, and `raw` for the message; [`Kind::TooLarge`] under `raw`.
    pub async fn accept_envelope(
        &self,
        actor: &Actor,
        submission: EnvelopeSubmission,
    ) -> Result<Accepted, Refusal> {
        let submissions = Submissions::Envelope(Box::new(submission));
        self.accept(actor, submissions, None).await
    }

    /// The answer that the same request with this key got; `None` where it was not accepted.
    async fn answered(&self, key: &IdempotencyKey) -> Result<Option<Accepted>, Refusal> {
        let since = self.clock.now() - KEY_LIFETIME;
        let found = idempotency::answer(&mut *self.store.read().await?, key, since).await?;
        match found.filter(|earlier| earlier.digest == key.digest) {
            Some(earlier) => {
                let accepted = self.accepted_earlier(&earlier.ids, QueueKind::Organisation);
                let accepted = accepted.await?;
                let mut connection = self.store.read().await?;
                let tracked = opens::is_any_tracked(&mut connection, &accepted.ids);
                Ok(Some(Accepted {
                    open_tracking: tracked.await?.then(|| notice(&self.public_url)),
                    ..accepted
                }))
            }
            None => Ok(None),
        }
    }

    /// What was answered before with these ids. `queue` is where the messages would wait now.
    async fn accepted_earlier(&self, ids: &str, queue: QueueKind) -> Result<Accepted, Refusal> {
        let ids: Vec<String> = ids.split(' ').map(str::to_owned).collect();
        let mut connection = self.store.read().await?;
        let first = ids.first().map_or("", String::as_str);
        let waited = flows::queue_of(&mut connection, first).await?;
        let queue = waited.map_or(queue, |waited| kind(&waited));
        Ok(Accepted {
            ids,
            queue,
            open_tracking: None,
        })
    }

    /// Validates and composes messages, and gives them ids.
    async fn compose(
        &self,
        actor: &Actor,
        submissions: Submissions,
        settings: Arc<AcceptanceSettings>,
        recipient_limit: Option<RecipientLimit>,
    ) -> Result<Vec<NewMessage>, Refusal> {
        let now = self.clock.now();
        let (submissions, many) = match submissions {
            Submissions::One(submission) => (vec![Uncomposed::Submission(*submission)], false),
            Submissions::Many(submissions) => {
                let submissions = submissions.into_iter().map(Uncomposed::Submission);
                (submissions.collect(), true)
            }
            Submissions::Envelope(submission) => (vec![Uncomposed::Envelope(*submission)], false),
        };
        if submissions.is_empty() || submissions.len() > Submissions::MAX {
            let text = format!("Submit 1 to {} messages at once.", Submissions::MAX);
            return Err(Refusal::new(Kind::Invalid, text));
        }
        let octets: usize = submissions.iter().map(Uncomposed::weight).sum();
        if let Some(disk) = &self.disk_space {
            disk.take(submissions.len(), octets)?;
        }
        let webhooks = self.webhooks_for(actor, &submissions).await?;
        let batch = Batch {
            ids: submissions.iter().map(|_| self.new_id(now)).collect(),
            submissions,
            many,
            submitter: Submitter {
                account: actor.submitter().to_owned(),
                token: actor.as_token().map(|token| token.id.clone()),
            },
            senders: settings.sender_limits(actor),
            settings,
            priorities: actor.priorities(),
            recipient_limit,
            webhooks,
            public_url: self.public_url.clone(),
            now,
        };
        // A signature of RSA takes about a millisecond.
        if octets > LARGE || !batch.settings.dkim.is_empty() {
            let composed = tokio::task::spawn_blocking(|| batch.compose()).await;
            composed.map_err(|_| Refusal::internal())?
        } else {
            batch.compose()
        }
    }

    /// The ids of the webhooks of the actor's account. They are read only for messages that name one.
    async fn webhooks_for(
        &self,
        actor: &Actor,
        submissions: &[Uncomposed],
    ) -> Result<HashSet<String>, Refusal> {
        let is_named = submissions.iter().any(|one| one.webhook().is_some());
        let Some(account) = actor.account().filter(|_| is_named) else {
            return Ok(HashSet::new());
        };
        let mut connection = self.store.read().await?;
        Ok(webhooks::ids_of_account(&mut connection, &account.id).await?)
    }

    /// Marks a key as under way.
    fn in_flight(&self, key: &IdempotencyKey) -> Result<KeyInFlight<'_>, Refusal> {
        let key = AccountKey {
            account: key.account.clone(),
            key: key.key.clone(),
        };
        if self.keys_in_flight.lock().insert(key.clone()) {
            return Ok(KeyInFlight { outbox: self, key });
        }
        Err(Refusal {
            retry_after: Some(1),
            ..Refusal::of(
                Kind::Conflict,
                "Idempotency-Key",
                "A request with this key is in progress. Try again when it has ended.",
            )
        })
    }

    /// The settings for messages that are accepted now.
    pub(super) async fn acceptance_settings(&self) -> Result<Arc<AcceptanceSettings>, Refusal> {
        let cached = self.cached_settings.lock().clone();
        let written = *self.saved.borrow();
        let is_current = |cached: &CachedSettings| {
            cached.written == written && cached.read_at.elapsed() < SETTINGS_LIFETIME
        };
        let cached = match cached {
            Some(cached) if is_current(&cached) => return Ok(cached.accepting),
            cached => cached,
        };
        let read_at = Instant::now();
        let mut connection = self.store.read().await?;
        // Before the settings: they may change meanwhile.
        let version = routing::version(&mut connection).await?;
        let accepting = match cached.filter(|cached| cached.accepting.version == version) {
            Some(cached) => cached.accepting,
            None => {
                let read = self.read_acceptance_settings(&mut connection, version);
                Arc::new(read.await?)
            }
        };
        *self.cached_settings.lock() = Some(CachedSettings {
            read_at,
            written,
            accepting: accepting.clone(),
        });
        Ok(accepting)
    }

    /// Reads the settings. Every change of them, of what accounts may send from, and of DKIM keys raises
    /// the version of the routing.
    async fn read_acceptance_settings(
        &self,
        connection: &mut Connection,
        version: i64,
    ) -> Result<AcceptanceSettings, Refusal> {
        let saved = information::read(connection, self.settings.scope()).await?;
        let settings = saved.and_then(|saved| saved.form.parse().ok());
        let from_domains = relays::from_domains(connection).await?;
        let policy = policy::read(connection).await?;
        let own = match policy.own_relays {
            true => information::of_accounts(connection).await?,
            false => Vec::new(),
        };
        let limits = sending_limits::of_accounts(connection).await?;
        let own = own.into_iter().filter_map(|saved| {
            let settings = saved.form.parse().ok()?;
            Some((saved.scope.account()?, default_sender(settings)))
        });
        let mut sets: HashMap<String, SenderSet> = HashMap::new();
        for row in sender_identities::confirmed(connection).await? {
            sets.entry(row.account)
                .or_default()
                .add(&row.address, row.key);
        }
        let senders = sets
            .into_iter()
            .map(|(account, set)| (account, Arc::new(set)))
            .collect();
        Ok(AcceptanceSettings {
            version,
            sender: settings.map(default_sender),
            from_domains: from_domains.into_iter().collect(),
            own: own.collect(),
            senders,
            limits,
            open_tracking: policy.open_tracking,
            dkim: self.dkim_signers.read(connection, version).await?,
        })
    }
}

fn default_sender(settings: SmtpSettings) -> Arc<DefaultSender> {
    Arc::new(DefaultSender {
        address: settings.from_address,
        name: settings.from_name,
        reply_to: settings.reply_to,
    })
}

fn kind(queue: &str) -> QueueKind {
    match QueueTarget::of(queue).own {
        Some(_) => QueueKind::OwnRelay,
        None => QueueKind::Organisation,
    }
}

impl AcceptanceSettings {
    /// The default sender of the mail of an account.
    pub(super) fn sender(&self, account: &str) -> Option<&DefaultSender> {
        self.own
            .get(account)
            .or(self.sender.as_ref())
            .map(|sender| &**sender)
    }

    /// The senders that the mail of an actor may name.
    fn sender_limits(&self, actor: &Actor) -> SenderLimits {
        let account = actor.account().filter(|_| !actor.sends_from_any_address());
        let is_admin = actor.role() == Some(Role::Admin);
        SenderLimits {
            token: actor.senders().to_vec(),
            account: account.map(|account| {
                let is_own = self.own.contains_key(&account.id);
                // That of an own relay was one of the account's when it was saved, and must still be.
                let from = self.sender(&account.id).filter(|_| !is_own || is_admin);
                let from = from.map(|sender| &sender.address);
                let added = self.senders.get(&account.id).cloned();
                AccountSenders::new(&account.email, from, added)
            }),
        }
    }

    /// The relays for the mail of an account with this From address: its own where it has one, and
    /// those of a rule for the domain.
    pub(super) fn queue(&self, own: Option<Scope>, from: &EmailAddress) -> Option<Arc<str>> {
        let rule = match self.from_domains.is_empty() {
            true => None,
            false => to_ascii(from.domain()).map(|domain| domain.to_ascii_lowercase()),
        };
        let rule = rule.filter(|domain| self.from_domains.contains(domain));
        let rule = rule.as_deref();
        (own.is_some() || rule.is_some()).then(|| QueueTarget::new(own, rule).queue().into())
    }
}
