//! Causes: faults of the relay itself.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Stage;

pub const STORAGE: Cause = Cause {
    title: "The relay is out of storage",
    class: CauseClass::RelayFault,
    cause: "The relay has no disk space or memory left for mail of any size.",
    steps: &[
        "Tell the relay's operator; this machine cannot resolve it.",
        "Try again when there is space.",
    ],
};

pub const TROUBLE: Cause = Cause {
    title: "The relay has a fault of its own",
    class: CauseClass::RelayFault,
    cause: "The relay reports trouble on its side, such as a failed look-up, a wrong \
            configuration or a service behind it that does not answer.",
    steps: &[
        "Try again in some minutes; Postern does so by itself for mail in the outbox.",
        "If it persists, send the relay's operator the reply: its log has the reason.",
    ],
};

const LOOP: Cause = Cause {
    title: "The mail goes round in a loop",
    class: CauseClass::RelayFault,
    cause: "The mail passed the same servers again and again: a relay, a forwarding or the MX \
            record of a domain leads back.",
    steps: &[
        "Check that Host Name is not a server that hands its mail to this Postern.",
        "Look for a forwarding of the recipient that leads back to itself.",
        "Tell the relay's operator; the Received headers of the mail show the way it took.",
    ],
};

pub const UNAVAILABLE: Cause = Cause {
    title: "The relay is temporarily unavailable",
    class: CauseClass::RelayFault,
    cause: "The relay ended the session: it is shutting down, is overloaded, or limits this \
            machine for the moment.",
    steps: &[
        "Try again in some minutes.",
        "If it persists, ask the relay's operator what its log says about this machine.",
    ],
};

pub const WORDS: &[Rule] = &[
    Rule {
        words: &[
            "insufficient system resources",
            "insufficient disk",
            "insufficient storage",
            "insufficient space",
            "insufficient memory",
            "space shortage",
            "out of memory",
            "out of disk",
            "disk full",
            "disk is full",
            "no space left",
            "not enough memory",
            "system storage",
            "file system full",
            "filesystem full",
            "low on disk",
            "mail system full",
            "system is full",
            "load average",
            "allocation on the system",
            "useddiskspace",
            "file system imposed",
        ],
        when: |_| true,
        cause: &STORAGE,
    },
    Rule {
        words: &[
            "mail loop",
            "mail-loop",
            "looping",
            "loop detected",
            "loop count",
            "routing loop",
            "loops back",
            "too many hops",
            "hop count",
            "hopcount",
            "hops exceeded",
            "maximum hops",
            "too many received",
            "delivery loop",
            "forwarding loop",
            "points back to",
            "loops to itself",
        ],
        when: |observed| observed.in_transaction(),
        cause: &LOOP,
    },
    Rule {
        words: &[
            "shutting down",
            "service not available",
            "temporarily unavailable",
            "temporarily not available",
            "currently unavailable",
            "server unavailable",
            "not available at this time",
            "server busy",
            "system busy",
            "too busy",
            "server is busy",
            "overload",
            "under maintenance",
            "system not accepting",
            "not accepting network messages",
            "not currently accepting",
            "not accepting mail at this time",
            "server not ready",
            "agent busy",
            "server maintenance",
            "too much load",
        ],
        when: |observed| {
            let refuses_client = observed.at(&[Stage::Greeting]) && observed.refused();
            !refuses_client
                && !observed.at(&[Stage::Auth, Stage::StartTls])
                && !observed.says(&["mailbox"])
        },
        cause: &UNAVAILABLE,
    },
    Rule {
        words: &[
            "lookup failure",
            "lookup failed",
            "lookup error",
            "lookup problem",
            "local problem",
            "temporary local",
            "error in processing",
            "server configuration",
            "system config",
            "configuration error",
            "configuration problem",
            "config error",
            "misconfigur",
            "internal error",
            "internal server",
            "internal problem",
            "internal software",
            "internal resource",
            "system error",
            "system problem",
            "system failure",
            "server error",
            "server failure",
            "software error",
            "service error",
            "service failure",
            "temporary system",
            "temporary server",
            "temporary service",
            "temporary failure",
            "temporary error",
            "temporary problem",
            "temporary resource",
            "temporary backend",
            "temporary dns",
            "temporary name",
            "temporary network",
            "temporary mail",
            "temporary deferral",
            "temporary database",
            "temporary directory",
            "temporarily deferred",
            "temporarily rejected",
            "temporarily refused",
            "temporarily undeliverable",
            "temp fail",
            "tempfail",
            "resources temporarily",
            "resource temporarily",
            "dns error",
            "dns failure",
            "unable to resolve",
            "could not resolve",
            "cannot resolve",
            "queue file",
            "queue error",
            "queue full",
            "queue is full",
            "could not queue",
            "cannot queue",
            "unable to queue",
            "unable to write",
            "write error",
            "file write",
            "i/o error",
            "content filter unavailable",
            "scan error",
            "unable to scan",
            "cannot scan",
            "delivery temporarily",
            "requested action aborted: local",
            "resources restricted",
            "resource exhausted",
            "hosttemporarilyunavailable",
            "could not complete recipient verify",
            "cannot open",
            "unable to open",
            "can't open",
            "can't create",
            "cannot create",
            "tlsa lookup",
            "interner fehler",
            "systemfehler",
            "erreur interne",
            "error interno",
            "database returned",
            "mailer error",
            "could not load",
            "list expansion problem",
            "forwarding loop",
            "incorrect hostname used for inbounds",
            "dns query failed",
            "resolver.adr.ambiguous",
            "address ambiguous",
            "journaling",
            "due to an internal",
            "milter error",
            "milter failure",
            "exec /",
            "name server timeout",
            "queue unavailable",
            "failed to process recipient",
            "could not be saved",
            "host lookup did not",
            "unable to look up",
            "failed to assign",
            "no free process",
            "unable to process",
            "unable to start",
            "wrong office 365 region",
            "service not available",
            "is temporarily disabled",
        ],
        when: |observed| !observed.at(&[Stage::StartTls]),
        cause: &TROUBLE,
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::smtp::stage::Stage;

    const ROOM: &str = "The relay is out of storage";
    const TROUBLE: &str = "The relay has a fault of its own";
    const AWAY: &str = "The relay is temporarily unavailable";

    #[test]
    fn a_relay_with_trouble_of_its_own() {
        let cases = [
            (ROOM, Stage::Mail, "452 4.3.1 Insufficient system resources"),
            (ROOM, Stage::Mail, "452 Insufficient system storage"),
            (ROOM, Stage::Mail, "452 space shortage, please try later"),
            (
                "The mail goes round in a loop",
                Stage::Data,
                "554 5.4.0 Error: too many hops",
            ),
            (AWAY, Stage::Greeting, "421 4.3.2 Service shutting down"),
            (
                TROUBLE,
                Stage::Rcpt,
                "451 Temporary local problem - please try later",
            ),
            (
                TROUBLE,
                Stage::Mail,
                "451 4.7.1 Temporary DNS failure for sender domain",
            ),
            (
                TROUBLE,
                Stage::Rcpt,
                "451 4.3.5 <a@example.org>: Recipient address rejected: Server configuration error",
            ),
        ];
        assert_causes(
            &[super::WORDS],
            &cases.map(|(title, stage, reply)| (title, rejected(stage, reply))),
        );
    }
}
