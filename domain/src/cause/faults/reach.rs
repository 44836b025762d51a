//! Causes: the relay cannot be reached by DNS or TCP.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Fault;

pub const FAULTS: &[Rule] = &[
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::NameNotFound),
        cause: &Cause {
            title: "The host name is unknown",
            class: CauseClass::Network,
            cause: "DNS has no address for this name.",
            steps: &[
                "Check the spelling of Host Name, or ask the relay's operator for it.",
                "If the name is known inside your network only, configure this machine to use the \
                 name servers of that network.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::ResolverFailed),
        cause: &Cause {
            title: "The name servers do not answer",
            class: CauseClass::Network,
            cause: "The name servers of this machine gave no usable answer for the host; the relay \
                    itself was not contacted.",
            steps: &[
                "Run the diagnosis again; the fault may be temporary.",
                "On this machine, check the name servers in /etc/resolv.conf, and that port 53 to \
                 them is open for UDP and TCP.",
                "Until they answer, enter the relay's IP address as Host Name; an encrypted \
                 relay's certificate must then name that address.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::AddressNotAllowed),
        cause: &Cause {
            title: "The address is not allowed",
            class: CauseClass::Network,
            cause: "The operator of this Postern forbids the relay's IP address, or it is in a \
                    reserved range; nothing was sent to it.",
            steps: &[
                "Check that Host Name resolves to the intended relay.",
                "If it does, ask the operator of this Postern to add the address to \
                 POSTERN_RELAY_ALLOW.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::AddressNotPublic),
        cause: &Cause {
            title: "The address is not public",
            class: CauseClass::Network,
            cause: "The relay of an account has a public address, so that it cannot reach into the \
                    network of this Postern; nothing was sent to it.",
            steps: &[
                "Check that Host Name is that of your provider's mail server.",
                "If the relay is inside this network, ask the operator of this Postern to add its \
                 network to POSTERN_USER_RELAY_ALLOW.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::NoAnswer),
        cause: &Cause {
            title: "The port is filtered",
            class: CauseClass::Network,
            cause: "There was no answer within the connect time-out: most likely a firewall drops \
                    the packets to this port, or the host is down.",
            steps: &[
                "Press Find settings: it tries the other ports of this host at once.",
                "By hand, try Port 587 with Connection Type TLS, 465 with SSL, or 2525 with TLS; \
                 many networks and hosting providers block 25.",
                "If no port answers, have one opened for this machine, in its own firewall or by \
                 its hosting provider.",
                "If the relay is far away, raise Connect Time-out under More options.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::ConnectionRefused),
        cause: &Cause {
            title: "Nothing listens on the port",
            class: CauseClass::Network,
            cause: "The host refused the connection: no mail service runs at this port, or a \
                    firewall rejects this machine.",
            steps: &[
                "Check Port, and that Host Name is the mail server, not the web server.",
                "Press Find settings to see on which ports this host listens.",
                "If the relay is your own, start its mail service and let it listen on this \
                 address, not on localhost alone.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Unreachable),
        cause: &Cause {
            title: "The host is unreachable",
            class: CauseClass::Network,
            cause: "This machine has no route to the relay's IP address.",
            steps: &[
                "Check Host Name: an address of another network has this effect, or an IPv6 \
                 address when this machine has no IPv6.",
                "On this machine, check its network, its gateway and, for an internal relay, the \
                 VPN.",
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, failed};
    use crate::smtp::stage::{Fault, Stage};

    #[test]
    fn a_relay_that_cannot_be_reached() {
        assert_causes(
            &[super::FAULTS],
            &[
                (
                    "The host name is unknown",
                    failed(Stage::Dns, Fault::NameNotFound),
                ),
                (
                    "The name servers do not answer",
                    failed(Stage::Dns, Fault::ResolverFailed),
                ),
                (
                    "The address is not allowed",
                    failed(Stage::Tcp, Fault::AddressNotAllowed),
                ),
                (
                    "The address is not public",
                    failed(Stage::Tcp, Fault::AddressNotPublic),
                ),
                ("The port is filtered", failed(Stage::Tcp, Fault::NoAnswer)),
                (
                    "Nothing listens on the port",
                    failed(Stage::Tcp, Fault::ConnectionRefused),
                ),
                (
                    "The host is unreachable",
                    failed(Stage::Tcp, Fault::Unreachable),
                ),
            ],
        );
    }
}
