//! Causes: the sending account is barred, unpaid or exhausted.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Stage;

const BARRED: Cause = Cause {
    title: "The sending account is barred",
    class: CauseClass::SenderAccount,
    cause: "The provider no longer sends mail of this account or organisation, because of spam \
            that came from it, an open bill, or a review that is not finished.",
    steps: &[
        "Sign in at the provider and read what it says about the account; the reply may have a \
         link.",
        "Where spam was the reason, change the account's password and find the program that sent \
         it.",
        "Ask the provider to lift the bar; until then send through another relay.",
    ],
};

const EXHAUSTED: Cause = Cause {
    title: "The sending account has no credit left",
    class: CauseClass::SenderAccount,
    cause: "The account's plan, trial or prepaid credit is used up, so the provider sends no more \
            mail of it.",
    steps: &[
        "Sign in at the provider, and renew the plan or pay the open bill.",
        "Check which program used the credit up.",
    ],
};

pub const BAD_OUTBOUND: Cause = Cause {
    title: "Microsoft 365 bars this sender",
    class: CauseClass::SenderAccount,
    cause: "Microsoft 365 restricts this mailbox or tenant from sending, mostly because it sent \
            spam or because the tenant is new or unpaid.",
    steps: &[
        "In the Microsoft Defender portal, under Email and collaboration, Review, Restricted \
         entities, look for the mailbox and unblock it after changing its password.",
        "For 5.7.7xx check in the Microsoft 365 admin center that the tenant's licences are paid, \
         and ask Microsoft's support to lift the limit.",
        "Until then, send through another relay.",
    ],
};

pub const WORDS: &[Rule] = &[
    Rule {
        words: &[
            "bad outbound sender",
            "spam abuse detected",
            "tenant has been blocked",
            "tenant has exceeded",
            "access denied, tenant",
            "sending from a trial tenant",
            "outboundspamexception",
            "wascl useraction",
            "unusual activity in your",
            "traffic not accepted from this ip",
        ],
        when: |_| true,
        cause: &BAD_OUTBOUND,
    },
    Rule {
        words: &[
            "credits exceeded",
            "maximum credits",
            "not enough credit",
            "insufficient credit",
            "no credits",
            "out of credits",
            "trial has expired",
            "trial expired",
            "subscription has expired",
            "subscription expired",
            "plan has expired",
            "payment required",
            "unpaid",
            "overdue",
            "insufficient funds",
            "insufficient balance",
            "billing",
            "license expired",
            "licence expired",
            "license has expired",
            "not subscribed to ses",
            "free accounts are",
        ],
        when: |observed| !observed.says(&["recipient address", "mailbox"]),
        cause: &EXHAUSTED,
    },
    Rule {
        words: &[
            "sending account",
            "sender account",
            "your account has been",
            "your account is",
            "your account was",
            "your account must be",
            "account is not permitted to send",
            "account not permitted to send",
            "account is not allowed to send",
            "suspended from sending",
            "account under review",
            "account is frozen",
            "account frozen",
            "account has limited access to send",
            "account activity",
            "sending activity",
            "sending has been paused",
            "sending paused",
            "sending is paused",
            "sending suspended",
            "sending has been disabled",
            "sending disabled",
            "sending privileges",
            "sending is disabled",
            "sending for this account is disabled",
            "email sending blocked",
            "outgoing blocked",
            "outbounds disabled",
            "outgoing mail has been suspended",
            "outgoing email disabled",
            "outbound mail from your account",
            "blocked from sending",
            "disabled from sending",
            "sender is suspended",
            "sender suspended",
            "sender has been suspended",
            "suspended sender",
            "compromised",
            "account of the sender",
            "activate your",
            "user has no permission",
            "smtp account",
            "outgoing mail from",
            "account suspended due to",
            "account is suspended or inactive",
            "conta bloqueada",
            "cuenta suspendida",
            "ihr konto",
            "est bloque pour envoi",
            "account is blocked",
            "project suspended",
            "tenant disabled",
            "account @ is not permitted",
        ],
        when: |observed| {
            let other_causes = [
                "recipient",
                "mailbox",
                "unregistered domain",
                "over quota",
                "not authorized to send messages through",
            ];
            // In a reply to AUTH or RCPT the words are about the account that signs in or receives.
            let of_another =
                observed.at(&[Stage::Auth, Stage::Rcpt]) && observed.says(&["your account"]);
            !of_another && !observed.says(&other_causes)
        },
        cause: &BARRED,
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::smtp::stage::Stage;

    #[test]
    fn an_account_that_may_not_send() {
        let bad_outbound = "Microsoft 365 bars this sender";
        let cases = [
            (
                bad_outbound,
                Stage::Data,
                "550 5.1.8 Access denied, bad outbound sender AS(42004)",
            ),
            (
                bad_outbound,
                Stage::Mail,
                "550 5.7.501 Access denied, spam abuse detected from alerts@example.org",
            ),
            (
                bad_outbound,
                Stage::Data,
                "550 5.7.705 Access denied, tenant has exceeded threshold",
            ),
            (
                bad_outbound,
                Stage::Data,
                "550 5.7.708 Access denied, traffic not accepted from this IP",
            ),
            (
                "The sending account has no credit left",
                Stage::Auth,
                "451 Authentication failed: Maximum credits exceeded",
            ),
            (
                "The sending account is barred",
                Stage::Data,
                "554 5.7.1 Your account has been suspended. Contact support.",
            ),
            (
                "The sending account is barred",
                Stage::Data,
                "554 Message rejected: Sending paused for this account.",
            ),
        ];
        assert_causes(
            &[super::WORDS],
            &cases.map(|(title, stage, reply)| (title, rejected(stage, reply))),
        );
    }
}
