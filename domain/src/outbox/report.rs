//! Which results of a message are reported to its sender (RFC 3461, RFC 3464).

use std::time::Duration;

use strum::IntoStaticStr;

use crate::Timestamp;
use crate::mail::dsn::MessageDsn;

/// The time after its acceptance from which on an undelivered message is delayed (RFC 3461 section 4.1;
/// the default of sendmail and Exim).
pub const DELAYED_AFTER: Duration = Duration::from_secs(4 * 3600);

/// Why a recipient is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportCause {
    /// The relay refused the message for the recipient, or does not offer an extension that it needs.
    Refused,
    /// The recipient was deferred for [`MAXIMAL_QUEUE_LIFETIME`](super::MAXIMAL_QUEUE_LIFETIME).
    Expired,
    /// The address is on the suppression list: no attempt was made.
    Suppressed,
    /// The address cannot be parsed, or the content is no longer stored: no attempt was made.
    Unsendable,
    /// The message is not delivered [`DELAYED_AFTER`] its acceptance, and is retried.
    Delayed,
    /// A relay without DSN (RFC 3461) accepted the message: no report of success follows.
    Relayed,
}

impl ReportCause {
    /// The value of the field Action of the report.
    pub const fn action(self) -> ReportAction {
        match self {
            Self::Refused | Self::Expired | Self::Suppressed | Self::Unsendable => {
                ReportAction::Failed
            }
            Self::Delayed => ReportAction::Delayed,
            Self::Relayed => ReportAction::Relayed,
        }
    }
}

/// The action on a recipient (RFC 3464 section 2.3.3), the most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum ReportAction {
    /// The message was not delivered and is not retried.
    Failed,
    /// The message is not delivered yet.
    Delayed,
    /// The message was passed to a relay that sends no reports.
    Relayed,
}

impl ReportAction {
    /// The value of the field Action.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A result that is to be reported to the sender of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedResult {
    /// The cause of the report.
    pub cause: ReportCause,
    /// The recipient.
    pub address: String,
    /// The relay's reply, or what was observed.
    pub diagnostic: String,
    /// When the result was observed.
    pub at: Timestamp,
}

/// The reports that a sender requests about one recipient. By default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantedReports {
    /// Whether a failure is reported.
    pub failure: bool,
    /// Whether a delay is reported.
    pub delay: bool,
    /// Whether a delivery is reported.
    pub success: bool,
}

impl WantedReports {
    /// The reports by the parameter NOTIFY of the recipient at a position of the envelope (RFC 3461
    /// section 4.1). Without the parameter, failures are reported.
    pub fn of(dsn: &MessageDsn, position: usize) -> Self {
        let parameters = dsn.recipients.get(position);
        match parameters.and_then(|parameters| parameters.notify.as_ref()) {
            None => Self {
                failure: true,
                ..Self::default()
            },
            Some(notify) if notify.never => Self::default(),
            Some(notify) => Self {
                failure: notify.failure,
                delay: notify.delay,
                success: notify.success,
            },
        }
    }

    /// Whether a result with this cause is reported.
    pub const fn contains(self, cause: ReportCause) -> bool {
        match cause.action() {
            ReportAction::Failed => self.failure,
            ReportAction::Delayed => self.delay,
            ReportAction::Relayed => self.success,
        }
    }
}

/// Whether a message that was accepted at a time is delayed at another.
pub fn is_delayed(accepted: Timestamp, at: Timestamp) -> bool {
    at >= accepted + DELAYED_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::dsn::{NotifyOn, RecipientDsn};

    const ACCEPTED: Timestamp = Timestamp(1_795_151_610_000);

    fn dsn(notify: &[Option<&str>]) -> MessageDsn {
        let recipients = notify.iter().map(|notify| RecipientDsn {
            notify: notify.map(|text| NotifyOn::parse(text).expect("a value of NOTIFY")),
            orcpt: None,
        });
        MessageDsn {
            ret: None,
            envid: None,
            recipients: recipients.collect(),
        }
    }

    #[test]
    fn a_result_is_reported_if_the_sender_asks_for_it() {
        use ReportCause::{Delayed, Expired, Refused, Relayed, Suppressed, Unsendable};
        for (notify, wanted) in [
            (None, &[Refused, Expired, Suppressed, Unsendable][..]),
            (Some("NEVER"), &[]),
            (
                Some("FAILURE"),
                &[Refused, Expired, Suppressed, Unsendable][..],
            ),
            (Some("DELAY"), &[Delayed]),
            (Some("SUCCESS"), &[Relayed]),
            (Some("SUCCESS,DELAY"), &[Delayed, Relayed]),
            (
                Some("SUCCESS,FAILURE,DELAY"),
                &[Refused, Expired, Suppressed, Unsendable, Delayed, Relayed],
            ),
        ] {
            let asked = WantedReports::of(&dsn(&[notify]), 0);
            for cause in [Refused, Expired, Suppressed, Unsendable, Delayed, Relayed] {
                assert_eq!(
                    asked.contains(cause),
                    wanted.contains(&cause),
                    "{notify:?} {cause:?}"
                );
            }
        }
    }

    #[test]
    fn each_recipient_has_parameters_of_its_own_or_none() {
        let dsn = dsn(&[Some("NEVER"), Some("DELAY"), None]);
        assert_eq!(WantedReports::of(&dsn, 0), WantedReports::default());
        assert!(WantedReports::of(&dsn, 1).delay);
        for position in [2, 3] {
            assert!(WantedReports::of(&dsn, position).failure, "{position}");
        }
    }

    #[test]
    fn a_message_is_delayed_after_four_hours() {
        let hours = Duration::from_secs(4 * 3600);
        for (at, delayed) in [
            (ACCEPTED - hours, false),
            (ACCEPTED, false),
            (Timestamp((ACCEPTED + hours).0 - 1), false),
            (ACCEPTED + hours, true),
            (ACCEPTED + 30 * hours, true),
        ] {
            assert_eq!(is_delayed(ACCEPTED, at), delayed, "{at}");
        }
    }

    #[test]
    fn the_gravest_action_comes_first() {
        use ReportAction::{Delayed, Failed, Relayed};
        assert!(Failed < Delayed && Delayed < Relayed);
        let names = [Failed, Delayed, Relayed].map(ReportAction::as_str);
        assert_eq!(names, ["failed", "delayed", "relayed"]);
    }
}
