//! Causes: the relay's certificate does not pass.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::{CertificateFault, Fault};

pub const FAULTS: &[Rule] = &[
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Certificate(CertificateFault::Expired)),
        cause: &Cause {
            title: "The certificate has expired",
            class: CauseClass::Tls,
            cause: "The relay's certificate, or one of its issuers' certificates, has expired.",
            steps: &[
                "Ask the relay's operator to renew it; every client that uses TLS is affected.",
                "Check the date and time of this machine.",
                "If it cannot wait, compare the fingerprint with the operator and press Trust this \
                 certificate; its dates are then ignored.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Certificate(CertificateFault::NotYetValid)),
        cause: &Cause {
            title: "The certificate is not valid yet",
            class: CauseClass::Tls,
            cause: "According to the clock of this machine, the validity of the relay's \
                    certificate has not begun.",
            steps: &[
                "Check the date and time of this machine: a slow clock is the usual reason.",
                "If the clock is right, ask the relay's operator to replace the certificate.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Certificate(CertificateFault::OtherName)),
        cause: &Cause {
            title: "The certificate is for another name",
            class: CauseClass::Tls,
            cause: "Host Name is not among the names in the relay's certificate, so another server \
                    may be answering.",
            steps: &[
                "Enter one of the certificate's names, shown with the handshake, as Host Name, if \
                 it is your relay's.",
                "If you entered an IP address or a name of your own, ask the relay's operator for \
                 the official one.",
                "If the relay has no better name, compare the fingerprint with the operator and \
                 press Trust this certificate.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Certificate(CertificateFault::SelfSigned)),
        cause: &Cause {
            title: "The certificate is self-signed",
            class: CauseClass::Tls,
            cause: "No authority confirms the owner of the relay's certificate; newly installed \
                    mail servers have such certificates, and so do proxies that intercept mail.",
            steps: &[
                "Ask the relay's operator for the fingerprint (SHA-256) of its certificate, and \
                 compare it with the one shown here.",
                "If they are equal, press Trust this certificate, then Submit: only listed \
                 certificates are accepted from then on.",
                "If they differ, something intercepts the connection: find out what before a \
                 password is sent.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Certificate(CertificateFault::UnknownIssuer)),
        cause: &Cause {
            title: "The certificate's issuer is unknown",
            class: CauseClass::Tls,
            cause: "The relay's certificate is issued by an authority that this machine does not \
                    trust, such as an organisation's own authority.",
            steps: &[
                "If the issuer shown here is your organisation's own authority, compare \
                 fingerprints with its operator and press Trust its authority; where the relay \
                 does not send it, choose Trusted as Certificate Check under More options and add \
                 it there.",
                "Without an authority to add, compare the relay's own fingerprint with its \
                 operator and press Trust this certificate.",
                "If nobody knows the issuer, a firewall or virus scanner may intercept the \
                 connection with its own certificate.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Certificate(CertificateFault::ChainIncomplete)),
        cause: &Cause {
            title: "The certificate chain is incomplete",
            class: CauseClass::Tls,
            cause: "The relay sends its own certificate without the intermediate certificates of a \
                    trusted authority; browsers fetch missing ones, mail programs do not.",
            steps: &[
                "Ask the relay's operator to send the whole chain: the file called fullchain \
                 instead of cert, with most authorities.",
                "Until then, compare the fingerprint with the operator and press Trust this \
                 certificate.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Certificate(CertificateFault::Version1)),
        cause: &Cause {
            title: "The certificate is of version 1",
            class: CauseClass::Tls,
            cause: "The relay's certificate has the format used before 1996, which cannot name a \
                    host, so it cannot be checked; old devices create such certificates.",
            steps: &[
                "Ask the relay's operator for a certificate of version 3 that names the host.",
                "If the device cannot create another, compare the fingerprint with the operator \
                 and press Trust this certificate.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Certificate(CertificateFault::NotTrusted)),
        cause: &Cause {
            title: "The certificate is not the trusted one",
            class: CauseClass::Tls,
            cause: "The relay's certificate is not among those trusted for it: it was renewed, or \
                    another server answers.",
            steps: &[
                "Ask the relay's operator whether the certificate was replaced, and compare the \
                 fingerprint with the one shown here.",
                "If it was, press Trust this certificate, and remove the old one from Trusted \
                 Certificates under More options.",
                "If the new one is of a public authority, or Host Name is now another relay's, \
                 choose Verify as Certificate Check there: only the listed ones count under \
                 Trusted.",
                "If it was not, something intercepts the connection; the password was not sent.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::Certificate(CertificateFault::Invalid)),
        cause: &Cause {
            title: "The certificate cannot be checked",
            class: CauseClass::Tls,
            cause: "The relay's certificate is damaged, is not meant for servers, or has an \
                    insecure signature.",
            steps: &[
                "Ask the relay's operator to replace it; the detail above says what is wrong.",
                "Press Find settings: another port of the same relay may have a valid one.",
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, failed};
    use crate::smtp::stage::{CertificateFault, Fault, Stage};

    #[test]
    fn a_certificate_that_does_not_pass() {
        let cases = [
            ("The certificate has expired", CertificateFault::Expired),
            (
                "The certificate is not valid yet",
                CertificateFault::NotYetValid,
            ),
            (
                "The certificate is for another name",
                CertificateFault::OtherName,
            ),
            (
                "The certificate is self-signed",
                CertificateFault::SelfSigned,
            ),
            (
                "The certificate's issuer is unknown",
                CertificateFault::UnknownIssuer,
            ),
            (
                "The certificate chain is incomplete",
                CertificateFault::ChainIncomplete,
            ),
            (
                "The certificate is of version 1",
                CertificateFault::Version1,
            ),
            (
                "The certificate is not the trusted one",
                CertificateFault::NotTrusted,
            ),
            (
                "The certificate cannot be checked",
                CertificateFault::Invalid,
            ),
        ];
        assert_causes(
            &[super::FAULTS],
            &cases.map(|(title, fault)| (title, failed(Stage::Tls, Fault::Certificate(fault)))),
        );
    }
}
