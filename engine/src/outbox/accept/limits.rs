//! The limits that hold for a submission: of its account and of its token, and their refusals.

use std::time::Duration;

use domain::limits::rate_window::ReachedLimit;
use domain::{Kind, Refusal, SendingLimits, Timestamp};
use strum::IntoStaticStr;

use crate::Actor;
use crate::store::accounts::sending_limits::QuotasById;

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum HolderKind {
    /// The account that submits.
    Account,
    /// The API token that it submits with.
    Token,
}

impl HolderKind {
    fn name(self) -> &'static str {
        self.into()
    }
}

/// An account or a token whose messages are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitHolder {
    pub kind: HolderKind,
    pub id: String,
}

/// The most recipients of a message, and whose limit that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::outbox) struct RecipientLimit {
    holder: HolderKind,
    most: u32,
}

impl RecipientLimit {
    /// Checks the number of recipients of a message, which `field` lists.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `field`.
    pub fn check(self, recipients: usize, field: &str) -> Result<(), Refusal> {
        let Self { holder, most } = self;
        if u32::try_from(recipients).is_ok_and(|number| number <= most) {
            return Ok(());
        }
        let text = format!(
            "This mail has {recipients} recipients in to, cc and bcc together. A mail of this {} may have at \
             most {most}: send several mails.",
            holder.name()
        );
        Err(Refusal::of(Kind::Invalid, field, text))
    }
}

/// The limits of a submission. Without any they cost neither a query nor a row.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::outbox) struct SubmissionLimits {
    /// The lowest one.
    pub recipients: Option<RecipientLimit>,
    /// The holders against whose quotas its messages count.
    pub counted: Vec<LimitHolder>,
}

impl SubmissionLimits {
    /// The limits for the mail of an actor. `accounts` are those of accounts.
    pub fn of(actor: &Actor, accounts: &QuotasById) -> Self {
        let mut limits = Self::default();
        if let Some(quota) = accounts.get(actor.submitter()) {
            limits.add(HolderKind::Account, actor.submitter(), &quota.limits);
        }
        if let Some(token) = actor.as_token() {
            limits.add(HolderKind::Token, &token.id, &token.quota.limits);
        }
        limits
    }

    fn add(&mut self, holder: HolderKind, id: &str, limits: &SendingLimits) {
        if let Some(most) = limits.max_recipients
            && self.recipients.is_none_or(|known| most < known.most)
        {
            self.recipients = Some(RecipientLimit { holder, most });
        }
        if limits.counts_messages() {
            self.counted.push(LimitHolder {
                kind: holder,
                id: id.to_owned(),
            });
        }
    }
}

/// Why messages are not accepted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitRefusal {
    pub holder: HolderKind,
    pub reached: ReachedLimit,
    /// The number of messages in the request.
    pub messages: u32,
}

impl LimitRefusal {
    /// The refusal at `now`: [`Kind::TooMany`] with the seconds until the messages would be accepted, or
    /// [`Kind::Invalid`] for more messages at once than the limit ever allows.
    pub fn refusal(&self, now: Timestamp) -> Refusal {
        let (limit, holder) = (self.reached.limit, self.holder.name());
        let text = self.reached.period.limit_text(limit);
        if self.messages > limit {
            let text = format!(
                "These are {} mails at once, and this {holder} sends at most {text}. Send fewer at once.",
                self.messages
            );
            return Refusal::new(Kind::Invalid, text);
        }
        let wait = self.reached.next_at.saturating_since(now);
        // Rounded up: a retry at that second is accepted.
        let seconds = (wait + Duration::from_millis(999)).as_secs().max(1);
        let at = now + Duration::from_secs(seconds);
        let which = match self.messages {
            1 => "the next mail is",
            _ => "these mails are",
        };
        let text = format!(
            "This {holder} sends at most {text}, and {which} accepted from {} on. Try again then.",
            at.rfc3339()
        );
        Refusal::too_many(seconds, text)
    }
}

#[cfg(test)]
mod tests {
    use domain::limits::rate_window::Period;

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_151_610_000);

    #[test]
    fn a_refusal_names_the_limit_and_when_it_ends() {
        let refused = |holder, messages, milliseconds| {
            let reached = ReachedLimit {
                period: Period::Hour,
                limit: 2,
                next_at: NOW + Duration::from_millis(milliseconds),
            };
            LimitRefusal {
                holder,
                reached,
                messages,
            }
            .refusal(NOW)
        };
        let one = refused(HolderKind::Account, 1, 29_001);
        assert_eq!((one.kind, one.retry_after), (Kind::TooMany, Some(30)));
        assert_eq!(
            one.text(),
            "This account sends at most 2 messages an hour, and the next mail is accepted from \
             2026-11-20T05:14:00Z on. Try again then."
        );
        let two = refused(HolderKind::Token, 2, 30_000);
        assert_eq!((two.kind, two.retry_after), (Kind::TooMany, Some(30)));
        assert!(
            two.text()
                .starts_with("This token sends at most 2 messages an hour")
        );
        assert!(two.text().contains("these mails are accepted from"));
        let never = refused(HolderKind::Token, 3, 30_000);
        assert_eq!((never.kind, never.retry_after), (Kind::Invalid, None));
        assert!(never.text().contains("3 mails at once"), "{never}");
    }

    #[test]
    fn the_lowest_limit_of_recipients_holds() {
        let mut limits = SubmissionLimits::default();
        let of = |recipients| SendingLimits {
            max_recipients: Some(recipients),
            ..SendingLimits::default()
        };
        limits.add(HolderKind::Account, "1", &of(3));
        limits.add(HolderKind::Token, "2", &of(5));
        assert!(limits.counted.is_empty(), "no messages are limited");
        let limit = limits.recipients.expect("a limit");
        assert_eq!(limit.check(3, "to"), Ok(()));
        let refusal = limit.check(4, "to").expect_err("too many");
        assert_eq!(refusal.kind, Kind::Invalid);
        assert!(refusal.fields["to"].contains("of this account may have at most 3"));
        limits.add(HolderKind::Token, "2", &of(2));
        let limit = limits.recipients.expect("a limit");
        let refusal = limit.check(3, "raw").expect_err("too many");
        assert!(refusal.fields["raw"].contains("of this token may have at most 2"));
    }
}
