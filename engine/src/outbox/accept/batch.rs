//! The messages of one request: composed, checked against their limits, and given a queue.

use std::collections::HashSet;
use std::sync::Arc;

use domain::outbox::{Priority, PriorityLimits};
use domain::{Kind, Refusal, Timestamp};

use super::limits::RecipientLimit;
use crate::mail::{ComposedMessage, DefaultSender, EnvelopeSubmission, SenderLimits, Submission};
use crate::outbox::group_commit::request::NewMessage;
use crate::outbox::open_tracking::OpenImages;
use crate::outbox::service::AcceptanceSettings;
use crate::store::Scope;
use crate::store::messages::flows::{GLOBAL_QUEUE, QueueClass};
use crate::store::messages::{MessageRow, Submitter};

/// A message of a request, not composed yet.
pub(super) enum Uncomposed {
    /// A message in parts, or a raw one.
    Submission(Submission),
    /// A whole message with its envelope.
    Envelope(EnvelopeSubmission),
}

impl Uncomposed {
    /// The approximate size in bytes, to which the time of composing is proportional.
    pub fn weight(&self) -> usize {
        match self {
            Self::Submission(submission) => submission.weight(),
            Self::Envelope(submission) => submission.weight(),
        }
    }

    /// As [`OpenImages::add_to`].
    fn add_image(&mut self, images: OpenImages<'_>) -> Result<Option<String>, Refusal> {
        match self {
            Self::Submission(submission) => images.add_to(submission),
            Self::Envelope(_) => Ok(None),
        }
    }

    fn priority(&self) -> Option<Priority> {
        match self {
            Self::Submission(submission) => submission.priority,
            Self::Envelope(_) => None,
        }
    }

    /// The id of the webhook that it names.
    pub fn webhook(&self) -> Option<&str> {
        match self {
            Self::Submission(submission) => submission.webhook.as_deref(),
            Self::Envelope(_) => None,
        }
    }

    /// The id of the webhook that it names, which is one of `known`.
    fn known_webhook(&self, known: &HashSet<String>) -> Result<Option<String>, Refusal> {
        match self.webhook() {
            Some(id) if !known.contains(id) => {
                let text = "The account has no such webhook. Those that it has are at \
                            /account/webhooks and at /api/message-webhooks.";
                Err(Refusal::of(Kind::Invalid, "webhook", text))
            }
            named => Ok(named.map(str::to_owned)),
        }
    }

    /// The fields of the request that have its header fields and its recipients.
    fn fields(&self) -> (&'static str, &'static str) {
        match self {
            Self::Submission(submission) if submission.raw.is_none() => ("headers", "to"),
            Self::Submission(_) => ("raw", "raw"),
            Self::Envelope(_) => ("raw", "to"),
        }
    }

    fn compose(
        self,
        sender: Option<&DefaultSender>,
        id: &str,
        now: Timestamp,
    ) -> Result<ComposedMessage, Refusal> {
        match self {
            Self::Submission(submission) => submission.compose(sender, id, now),
            Self::Envelope(submission) => submission.compose(sender, id, now),
        }
    }
}

/// Submissions of one request, to be composed.
pub(super) struct Batch {
    pub submissions: Vec<Uncomposed>,
    pub ids: Vec<String>,
    /// Faults are reported with the index of their message.
    pub many: bool,
    pub settings: Arc<AcceptanceSettings>,
    pub submitter: Submitter,
    pub senders: SenderLimits,
    pub priorities: PriorityLimits,
    pub recipient_limit: Option<RecipientLimit>,
    /// The ids of the webhooks that messages may name.
    pub webhooks: HashSet<String>,
    pub public_url: Arc<str>,
    pub now: Timestamp,
}

impl Batch {
    /// Composes all messages.
    ///
    /// # Errors
    /// The faults of all.
    pub fn compose(self) -> Result<Vec<NewMessage>, Refusal> {
        let mut faults = Refusal::invalid();
        let mut messages = Vec::with_capacity(self.ids.len());
        let sender = self.settings.sender(&self.submitter.account);
        let has_own = self.settings.own.contains_key(&self.submitter.account);
        let own = Scope::of_account(&self.submitter.account).filter(|_| has_own);
        let global: Arc<str> = GLOBAL_QUEUE.into();
        let images = OpenImages {
            public_url: &self.public_url,
            allowed: self.settings.open_tracking,
        };
        for (index, (mut submission, id)) in self.submissions.into_iter().zip(self.ids).enumerate()
        {
            let open_id = submission.add_image(images);
            let priority = self.priorities.choose(submission.priority());
            let priority = priority.map_err(|text| Refusal::of(Kind::Invalid, "priority", text));
            let webhook = submission.known_webhook(&self.webhooks);
            let (headers, recipients) = submission.fields();
            let composed = submission.compose(sender, &id, self.now);
            let checked =
                composed.and_then(|composed| composed.check_senders(&self.senders, headers));
            let checked = checked.and_then(|composed| {
                if let Some(limit) = self.recipient_limit {
                    limit.check(composed.recipients.len(), recipients)?;
                }
                Ok(composed)
            });
            let options = Refusal::both(priority, Refusal::both(open_id, webhook));
            match Refusal::both(checked, options) {
                Ok((finished, (priority, (open_id, webhook)))) => {
                    let queue = self.settings.queue(own, &finished.from);
                    let queue = queue.unwrap_or_else(|| global.clone());
                    let class = QueueClass { queue, priority };
                    let finished = ComposedMessage {
                        bytes: self.settings.dkim.sign(finished.bytes, self.now),
                        ..finished
                    };
                    let submitter = self.submitter.clone();
                    let mut new = new_message(finished, id, submitter, class);
                    new.open_id = open_id;
                    new.message.webhook = webhook;
                    messages.push(new);
                }
                Err(refusal) if self.many => {
                    for (field, text) in refusal.fields {
                        faults.add(&format!("[{index}].{field}"), text);
                    }
                }
                Err(refusal) => return Err(refusal),
            }
        }
        faults.or_ok()?;
        Ok(messages)
    }
}

/// The message to store, whose opens are not tracked and whose events no webhook gets. Its flow is not known yet.
fn new_message(
    finished: ComposedMessage,
    id: String,
    submitter: Submitter,
    class: QueueClass,
) -> NewMessage {
    NewMessage {
        class,
        flow: 0,
        open_id: None,
        message: MessageRow {
            id,
            account: submitter.account,
            token: submitter.token,
            sender: finished.envelope_sender().to_owned(),
            subject: finished.subject,
            message_id: finished.message_id,
            size: i64::try_from(finished.bytes.len()).unwrap_or(i64::MAX),
            dsn: finished.dsn.map(|dsn| dsn.to_json()),
            webhook: None,
        },
        bytes: finished.bytes,
        recipients: finished
            .recipients
            .iter()
            .map(|address| address.as_str().to_owned())
            .collect(),
    }
}
