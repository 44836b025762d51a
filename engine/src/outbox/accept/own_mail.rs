//! Mail of Postern itself: whether it would leave now, and its acceptance.

use domain::outbox::Priority;
use domain::{EmailAddress, Kind, Refusal};
use sha2::{Digest as _, Sha256};

use super::{Idempotency, Submissions};
use crate::Actor;
use crate::mail::Submission;
use crate::outbox::relays::mail_outage::MailOutage;
use crate::outbox::relays::waiting;
use crate::outbox::service::Outbox;
use crate::store::delivery::suppressions;
use crate::store::messages::flows::{GLOBAL_QUEUE, QueueTarget};

/// A plain-text mail of Postern itself.
#[derive(Debug)]
pub(crate) struct OwnMail<'a> {
    pub to: &'a str,
    pub subject: &'a str,
    pub text: String,
    /// The ids of relays of the organisation that are tried last, in this order.
    pub avoided_relays: Vec<String>,
}

impl Outbox {
    /// Why mail of Postern itself would not leave now; `None` where it would.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn mail_outage(&self) -> Result<Option<MailOutage>, Refusal> {
        if self.hold_mail() {
            return Ok(Some(MailOutage::Paused));
        }
        let Some(queue) = self.own_queue().await? else {
            return Ok(Some(MailOutage::NotConfigured));
        };
        let mut connection = self.store.read().await?;
        Ok(waiting::outage(&mut connection, &queue, self.clock.now()).await?)
    }

    /// Accepts a plain-text mail of Postern itself, from the address of the settings. Its content is
    /// shown to nobody.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `to` where the address is on the suppression list; what
    /// [`Outbox::accept`] refuses.
    pub(crate) async fn accept_own(
        &self,
        to: &str,
        subject: &str,
        text: String,
    ) -> Result<(), Refusal> {
        let mail = OwnMail {
            to,
            subject,
            text,
            avoided_relays: Vec::new(),
        };
        self.accept_own_mail(mail, None).await
    }

    /// As [`Outbox::accept_own`], once: for 24 hours a mail with the same key is accepted no second time.
    ///
    /// # Errors
    /// As [`Outbox::accept_own`].
    pub(crate) async fn accept_own_once(
        &self,
        key: &str,
        mail: OwnMail<'_>,
    ) -> Result<(), Refusal> {
        // The key stands for the mail: its text may name another time when it is made again.
        let key = Idempotency {
            key: key.to_owned(),
            body_sha256: Sha256::digest(key).into(),
        };
        self.accept_own_mail(mail, Some(key)).await
    }

    async fn accept_own_mail(
        &self,
        mail: OwnMail<'_>,
        key: Option<Idempotency>,
    ) -> Result<(), Refusal> {
        let to = mail.to;
        let now = self.clock.now();
        if suppressions::contains_address(&mut *self.store.read().await?, to, now).await? {
            let text = "This address is on the suppression list.";
            return Err(Refusal::of(Kind::Invalid, "to", text));
        }
        let submission = Submission {
            to: vec![to.to_owned()],
            subject: Some(mail.subject.to_owned()),
            text: Some(mail.text),
            // RFC 3834: no vacation notice answers it.
            headers: vec![("Auto-Submitted".to_owned(), "auto-generated".to_owned())],
            priority: Some(Priority::High),
            ..Submission::default()
        };
        let submissions = Submissions::One(Box::new(submission));
        let avoided = &mail.avoided_relays;
        self.accept_avoiding(&Actor::postern(), submissions, key, avoided)
            .await?;
        Ok(())
    }

    /// The domain of the rule that mail of Postern itself is sent by; `None` for mail of no rule.
    ///
    /// # Errors
    /// Where the database fails.
    pub(crate) async fn own_rule(&self) -> Result<Option<String>, Refusal> {
        let queue = self.own_queue().await?;
        let rule = queue
            .as_deref()
            .and_then(|queue| QueueTarget::of(queue).rule);
        Ok(rule.map(str::to_owned))
    }

    /// The queue of mail from the address of the settings; `None` before the first save.
    async fn own_queue(&self) -> Result<Option<String>, Refusal> {
        let settings = self.acceptance_settings().await?;
        let Some(sender) = &settings.sender else {
            return Ok(None);
        };
        let from: &EmailAddress = &sender.address;
        let queue = settings.queue(None, from);
        Ok(Some(queue.map_or_else(
            || GLOBAL_QUEUE.to_owned(),
            |queue| queue.to_string(),
        )))
    }
}
