//! Causes: the relay's replies about the network behind it.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Stage;

const BEHIND: Cause = Cause {
    title: "The relay does not reach the next server",
    class: CauseClass::Network,
    cause: "The relay reports that a connection was refused, cut or timed out: its own to the \
            recipient's server, or this one.",
    steps: &[
        "Try again in some minutes; Postern does so by itself for mail in the outbox.",
        "If it concerns one recipient, their mail server may be down; if all, send the relay's \
         operator the reply.",
    ],
};

pub const WORDS: &[Rule] = &[Rule {
    words: &[
        "connection timeout",
        "connection reset",
        "connection lost",
        "connection dropped",
        "connection expired",
        "connection broken",
        "connection closed",
        "connection died",
        "lost connection",
        "is broken",
        "message expired",
        "queue.expired",
        "delivery time expired",
        "no route to host",
        "network is unreachable",
        "network error",
        "network unreachable",
        "host is down",
        "unable to contact",
        "unable to connect",
        "could not connect",
        "cannot connect",
        "can't connect",
        "failed to connect",
        "able to establish",
        "could not contact",
        "couldn't contact",
        "socket error",
        "winsock error",
        "timeout exceeded",
        "timeout - closing",
        "timeout waiting",
        "timeout while",
        "timed out",
        "idle timeout",
        "name server timeout",
        "read error from",
        "i/o timeout",
        "bad connection",
        "no answer from host",
        "open for too long",
        "lost incoming",
        "data timeout",
        " timeout; ",
        "timeout (",
        "connection was dropped",
        "network i/o",
        "connect to ",
        "zeitueberschreitung",
        "zeituberschreitung",
        "tiempo de espera",
        "lost input connection",
    ],
    when: |observed| {
        !observed.at(&[Stage::Auth])
            && !observed.says(&["extreme bad ip", "dns query failed", "name server timeout"])
    },
    cause: &BEHIND,
}];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::smtp::stage::Stage;

    #[test]
    fn a_relay_that_speaks_of_the_network() {
        let title = "The relay does not reach the next server";
        let cases = [
            (Stage::Data, "550 4.4.7 QUEUE.Expired; message expired"),
            (Stage::Rcpt, "451 4.4.1 Connection timed out"),
            (Stage::Mail, "421 4.4.2 Timeout - closing connection"),
        ];
        assert_causes(
            &[super::WORDS],
            &cases.map(|(stage, reply)| (title, rejected(stage, reply))),
        );
    }
}
