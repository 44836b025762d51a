//! Causes: the size of the message.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Fault;

pub const TOO_BIG: Cause = Cause {
    title: "The mail is too big for the relay",
    class: CauseClass::Size,
    cause: "The mail exceeds the relay's size limit; encoding makes an attachment a third larger.",
    steps: &[
        "Send smaller attachments, or links to them.",
        "Ask the relay's operator for a higher limit.",
    ],
};

pub const FAULTS: &[Rule] = &[Rule {
    words: &[],
    when: |observed| matches!(observed.observation.failure.fault, Fault::TooBig(_)),
    cause: &TOO_BIG,
}];

pub const WORDS: &[Rule] = &[Rule {
    words: &[
        "too large",
        "too big",
        "message size",
        "mail size",
        "size limit",
        "size exceed",
        "exceeds size",
        "exceeded size",
        "maximum size",
        "maximum message",
        "maximum allowed size",
        "exceeds fixed",
        "message length exceeds",
        "message too long",
        "message is too long",
        "message exceeds",
        "message exceeded max",
        "email exceeds",
        "larger than the current",
        "larger than allowed",
        "size of the message",
        "size of this message",
        "size of message",
        "oversized",
        "message to big",
        "trop volumineux",
        "trop gros",
        "zu gross",
        "demasiado grande",
        "muito grande",
        "troppo grande",
        "te groot",
        "mesgtoobig",
        "exceeds google's limit",
        "num-attachments",
        "individual header size",
        "taille limite du message",
        "tamanho maximo",
        "taille maximale",
        "maximale nachrichtengrosse",
        "tamano maximo",
    ],
    when: |observed| {
        observed.in_transaction()
            && !observed.says(&[
                "mailbox",
                "line too",
                "per transaction",
                "recipients",
                "quota",
                "storage",
                "too many",
                " rate",
                "line length",
                "size syntax",
                "file system",
                "headers too",
                "header size",
            ])
    },
    cause: &TOO_BIG,
}];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, failed, rejected};
    use crate::smtp::stage::{Fault, Stage};

    #[test]
    fn a_mail_that_is_too_big() {
        let big = "The mail is too big for the relay";
        assert_causes(
            &[super::FAULTS, super::WORDS],
            &[
                (big, failed(Stage::Mail, Fault::TooBig(1000))),
                (
                    big,
                    rejected(Stage::Mail, "552 5.3.4 Message size exceeds fixed limit"),
                ),
                (
                    big,
                    rejected(Stage::Data, "552 Message size exceeds maximum permitted"),
                ),
                (big, rejected(Stage::Data, "554 5.2.3 No")),
            ],
        );
    }
}
