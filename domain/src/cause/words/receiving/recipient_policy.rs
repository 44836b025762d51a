//! Causes: the recipient's side does not take mail from this sender.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Stage;

pub const RECIPIENT_POLICY: Cause = Cause {
    title: "The recipient does not take mail from this sender",
    class: CauseClass::RecipientPolicy,
    cause: "The recipient's side accepts mail for this address from certain senders only: a group \
            or list with members, a rule of the recipient, or a filter of their organisation.",
    steps: &[
        "Ask the recipient or their administrator to allow the address in Email Address.",
        "For a group in Microsoft 365 or Google Workspace, have senders outside the organisation \
         allowed.",
        "For a mailing list, subscribe the address in Email Address.",
    ],
};

/// The stages at which a relay speaks of a mailbox; some wait until the mail is sent.
const LATE: &[Stage] = &[Stage::Rcpt, Stage::Data];

pub const WORDS: &[Rule] = &[Rule {
    words: &[
        "only accepts mail from",
        "only accepts messages from",
        "accepts mail from certain",
        "only accept mail from",
        "accept mail only from",
        "not allowed to send to",
        "not allowed to post",
        "not permitted to send to",
        "not authorized to send to",
        "not authorized to post",
        "not permitted to post",
        "not accept messages from",
        "not accepting mail from this sender",
        "permission to post",
        "permission to send to",
        "permission to contact",
        "recipnotfound; authentication",
        "authentication required for relay to group",
        "recipient not authorized",
        "restricted address",
        "restricted recipient",
        "rejected by recipient",
        "rejected by the recipient",
        "rejected by this user",
        "refused by recipient",
        "blocked by recipient",
        "blocked by the recipient",
        "blocked by user",
        "blocked your",
        "blocked this sender",
        "blocked sender",
        "recipient has blocked",
        "user has blocked",
        "user refused",
        "recipient refuses",
        "recipient rejects",
        "recipient has refused",
        "recipient does not want",
        "recipient does not wish",
        "does not accept email from",
        "doesn't accept mail from",
        "not accept mail from this",
        "member of the list",
        "members only",
        "members-only",
        "member-only",
        "non-member",
        "nonmember",
        "not subscribed",
        "subscribers only",
        "closed list",
        "private list",
        "mailing list expansion prohibited",
        "authorized senders",
        "allowed senders",
        "approved senders",
        "sender not authorized",
        "senders not authenticated",
        "not authenticated for group",
        "authreqd",
        "safelist",
        "external senders",
        "outside the organization",
        "internal use only",
        "internal senders only",
        "internal mail only",
        "does not receive external",
        "not allowed to receive",
        "cannot receive external",
        "restricted to internal",
        "recipient's filter",
        "user filter",
        "user's filter",
        "personal filter",
        "public folder",
        "sender was not authenticated",
        "not authenticated for mailbox",
        "recipient doesn't want",
        "does not want your",
        "refuses to receive",
        "refuse to receive",
        "user rules",
        "spamarrest",
        "has restricted",
        "mailbox delivery restricted",
        "is restricted",
        "senderfilterconfig",
        "policy rejection on the target",
        "sending to (or from) has a policy",
        "envelope blocked",
        "recipient preferences",
        "privacy settings",
        "captcha",
        "address rejected: blocked",
        "mailbox access for",
        "only accepting mail from",
        "pre-approved",
        "allowed-senders",
        "list of senders to accept",
        "by this recipient",
        "blacklisted by recipient",
        "is not accepting any",
        "not a member of the group",
        "not a member of this",
        "is not in my domain",
        "does not accept email over",
        "this account is not allowed",
        "resolver.rst.sender",
        "resolver.rst.auth",
        "resolver.rst.not",
        "nur emails von",
        "nur e-mails von",
        "want your email",
        "explicit blocking of",
        "sender is blacklisted",
        "sender is on domain's",
        "list_access",
        "not allowed to this address",
        "empfaenger akzeptiert",
        "empfanger akzeptiert",
        "empfaenger hat ihre",
        "empfanger hat ihre",
        "destinataire a bloque",
        "destinatario no acepta",
        "odbiorca nie chce",
        "user blacklisted",
        "digitally signed by",
        "authenticated by organization",
    ],
    when: |observed| {
        observed.at(LATE)
            && !observed.says(&[
                "spam score",
                "virus",
                "spam filter",
                "ptr record",
                "ip address",
            ])
    },
    cause: &RECIPIENT_POLICY,
}];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::smtp::stage::Stage;

    const POLICY: &str = "The recipient does not take mail from this sender";

    #[test]
    fn a_recipient_that_takes_mail_from_certain_senders() {
        let cases = [
            (
                POLICY,
                Stage::Data,
                "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required",
            ),
            (
                POLICY,
                Stage::Rcpt,
                "550 You are not allowed to post to this mailing list",
            ),
        ];
        assert_causes(
            &[super::WORDS],
            &cases.map(|(title, stage, reply)| (title, rejected(stage, reply))),
        );
    }
}
