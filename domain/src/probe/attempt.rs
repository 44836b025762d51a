//! The connections a probe makes, and their results.

use serde::Serialize;

use super::{Candidate, CertificateVerdict, ProbeResult};
use crate::cause::{self, Observation};
use crate::diagnosis::event::Elapsed;
use crate::diagnosis::trace::{Step, StepState, Trace};
use crate::smtp::capability::Capability;
use crate::smtp::certificate::UNCHECKED;
use crate::smtp::stage::{Failure, Fault, Stage};
use crate::{ConnectionType, Host, SmtpSettings};

/// The usual ports and whether they use implicit TLS: submissions (RFC 8314 section 7.3), submission
/// (RFC 6409), its common alternative, and SMTP.
const PORTS: [(u16, bool); 4] = [(465, true), (587, false), (2525, false), (25, false)];

/// Why a host or port is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The user named the host or port.
    Given,
    /// The domain's SRV records name the host and port (RFC 6186, RFC 8314).
    Declared,
    /// The host belongs to the provider whose MX hosts the domain uses.
    Provider,
    /// The host is an MX host of the domain.
    Exchange,
    /// The name or port is conventional.
    Guessed,
}

/// A connection to make. One without implicit TLS shows the extensions offered before and after
/// StartTLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The host.
    pub host: Host,
    /// The TCP port.
    pub port: u16,
    /// Whether to use implicit TLS.
    pub implicit: bool,
    /// Whether to report the extensions offered before StartTLS as well.
    pub plain: bool,
    /// Why the connection is tried.
    pub source: Source,
}

/// The connections to try for a host: the usual ports and the port `named`, if it is another one.
pub fn attempts(host: &Host, source: Source, named: Option<u16>) -> Vec<Attempt> {
    let attempt = |port, implicit| Attempt {
        host: host.clone(),
        port,
        implicit,
        plain: !implicit && (port == 25 || named == Some(port)),
        source,
    };
    let usual = |port| PORTS.iter().any(|(known, _)| *known == port);
    let named = named.filter(|port| !usual(*port));
    let named = named.map(|port| [attempt(port, true), attempt(port, false)]);
    let known = PORTS.map(|(port, implicit)| attempt(port, implicit));
    named.into_iter().flatten().chain(known).collect()
}

impl Attempt {
    /// The connection type to connect with.
    pub const fn connection_type(&self) -> ConnectionType {
        if self.implicit {
            ConnectionType::Ssl
        } else {
            ConnectionType::None
        }
    }

    /// The candidates whose results the connection provides.
    pub fn candidates(&self) -> Vec<Candidate> {
        let types: &[ConnectionType] = match (self.implicit, self.plain) {
            (true, _) => &[ConnectionType::Ssl],
            (false, false) => &[ConnectionType::Tls],
            (false, true) => &[ConnectionType::Tls, ConnectionType::None],
        };
        types
            .iter()
            .map(|connection_type| Candidate {
                host: self.host.to_string(),
                port: self.port,
                connection_type: *connection_type,
                source: self.source,
            })
            .collect()
    }

    /// The results of the connection: `trace` up to the last EHLO, the `failure` if it ended earlier,
    /// the `settings` used and the time it `took`.
    pub fn results(
        &self,
        trace: &Trace,
        failure: Option<&Failure>,
        settings: &SmtpSettings,
        took: Elapsed,
    ) -> Vec<ProbeResult> {
        self.candidates()
            .into_iter()
            .map(|candidate| match candidate.connection_type {
                ConnectionType::None => self.before(trace, failure, settings, took, candidate),
                _ => self.encrypted(trace, failure, settings, took, candidate),
            })
            .collect()
    }

    /// The extensions offered before StartTLS, whether or not a later stage failed.
    fn before(
        &self,
        trace: &Trace,
        failure: Option<&Failure>,
        settings: &SmtpSettings,
        took: Elapsed,
        candidate: Candidate,
    ) -> ProbeResult {
        match greeted(trace).next() {
            Some(ehlo) => result(candidate, None, settings, end(ehlo), false, &[]).offering(ehlo),
            None => result(candidate, failure.cloned(), settings, took, false, &[]),
        }
    }

    fn encrypted(
        &self,
        trace: &Trace,
        failure: Option<&Failure>,
        settings: &SmtpSettings,
        took: Elapsed,
        candidate: Candidate,
    ) -> ProbeResult {
        let bare = |ehlo: &Step| !self.implicit && !offers(ehlo, "STARTTLS");
        let failure = failure.cloned().or_else(|| {
            let unoffered = "the relay does not offer StartTLS";
            greeted(trace)
                .next()
                .filter(|ehlo| bare(ehlo))
                .map(|_| Failure::new(Stage::StartTls, Fault::StartTlsNotOffered, unoffered))
        });
        let encrypted = trace
            .steps
            .iter()
            .any(|step| step.stage == Stage::Tls && step.state == StepState::Passed);
        let handshake = trace.steps.iter().find_map(|step| step.handshake.as_ref());
        let last = greeted(trace).last();
        let offered = last.map_or(&[][..], |ehlo| &ehlo.capabilities);
        let ehlo = last.filter(|_| failure.is_none());
        let row = ProbeResult {
            encryption: handshake.and_then(|shaken| shaken.version.clone()),
            cipher: handshake.and_then(|shaken| shaken.cipher.clone()),
            certificate: handshake
                .filter(|shaken| !shaken.chain.is_empty())
                .map(|shaken| CertificateVerdict {
                    fault: shaken.fault,
                    verdict: shaken.verdict.trim_end_matches(UNCHECKED).to_owned(),
                }),
            ..result(candidate, failure, settings, took, encrypted, offered)
        };
        match ehlo {
            Some(ehlo) => row.offering(ehlo),
            None => row,
        }
    }
}

fn result(
    candidate: Candidate,
    failure: Option<Failure>,
    settings: &SmtpSettings,
    took: Elapsed,
    encrypted: bool,
    capabilities: &[Capability],
) -> ProbeResult {
    let settings = SmtpSettings {
        connection: candidate.connection_type,
        ..settings.clone()
    };
    let cause = failure.as_ref().and_then(|failure| {
        cause::find(&Observation {
            failure,
            settings: &settings,
            encrypted,
            capabilities,
            sender: settings.from_address.as_str(),
            recipient: None,
        })
    });
    let unreached = |failure: &Failure| matches!(failure.stage, Stage::Dns | Stage::Tcp);
    ProbeResult {
        candidate,
        reachable: !failure.as_ref().is_some_and(unreached),
        failure,
        cause,
        encryption: None,
        cipher: None,
        certificate: None,
        start_tls: false,
        authentication: Vec::new(),
        milliseconds: took,
    }
}

impl ProbeResult {
    fn offering(mut self, ehlo: &Step) -> Self {
        self.start_tls = offers(ehlo, "STARTTLS");
        // For old clients, some relays repeat the line as `AUTH=`.
        for name in mechanisms(&ehlo.capabilities) {
            if !self.authentication.contains(&name) {
                self.authentication.push(name);
            }
        }
        self
    }
}

/// The successful EHLO stages, before and after StartTLS.
fn greeted(trace: &Trace) -> impl Iterator<Item = &Step> {
    let passed = |step: &&Step| step.stage == Stage::Ehlo && step.state == StepState::Passed;
    trace.steps.iter().filter(passed)
}

fn end(step: &Step) -> Elapsed {
    Elapsed(step.at.0 + step.milliseconds.map_or(0, |took| took.0))
}

fn offers(ehlo: &Step, keyword: &str) -> bool {
    ehlo.capabilities
        .iter()
        .any(|capability| capability.keyword == keyword)
}

fn mechanisms(capabilities: &[Capability]) -> impl Iterator<Item = String> {
    capabilities
        .iter()
        .filter(|capability| capability.keyword == "AUTH")
        .flat_map(|capability| capability.parameters.split_whitespace())
        .map(str::to_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::event::Event;
    use crate::smtp::certificate::Handshake;
    use crate::smtp::stage::CertificateFault;
    use crate::{Form, Label};

    fn settings() -> SmtpSettings {
        Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "25")
            .parse()
            .expect("valid")
    }

    fn attempt(implicit: bool) -> Attempt {
        Attempt {
            host: Host::Name("smtp.example.org".to_owned()),
            port: 25,
            implicit,
            plain: !implicit,
            source: Source::Given,
        }
    }

    /// A session in which every stage takes a millisecond and passes, except the last if `fails` is set.
    fn trace(stages: &[(Stage, &[&str])], fails: bool) -> Trace {
        let mut trace = Trace::default();
        for (at, (stage, offers)) in (0..).zip(stages) {
            trace.apply(Event::Began {
                stage: *stage,
                at: Elapsed(at * 1000),
            });
            let capabilities: Vec<_> = offers
                .iter()
                .filter_map(|line| Capability::parse(line))
                .collect();
            if !capabilities.is_empty() {
                trace.apply(Event::Offered { capabilities });
            }
            if *stage == Stage::Tls {
                trace.apply(Event::Handshake(Handshake {
                    version: Some("TLS 1.3".to_owned()),
                    cipher: None,
                    chain: Vec::new(),
                    fault: Some(CertificateFault::Expired),
                    checked: false,
                    client_certificate_requested: false,
                    verdict: "expired".to_owned(),
                }));
            }
            let last = usize::try_from(at) == Ok(stages.len() - 1);
            trace.apply(Event::Ended {
                stage: *stage,
                passed: !(fails && last),
                milliseconds: Elapsed(1000),
            });
        }
        trace
    }

    #[test]
    fn usual_ports_are_tried_once_and_a_given_one_with_both_types() {
        let ways = |named| {
            attempts(&Host::Name("h".to_owned()), Source::Given, named)
                .iter()
                .flat_map(Attempt::candidates)
                .map(|way| format!("{} {}", way.port, way.connection_type))
                .collect::<Vec<_>>()
                .join(", ")
        };
        for (named, expected) in [
            (None, "465 SSL, 587 TLS, 2525 TLS, 25 TLS, 25 None"),
            (Some(465), "465 SSL, 587 TLS, 2525 TLS, 25 TLS, 25 None"),
            (Some(25), "465 SSL, 587 TLS, 2525 TLS, 25 TLS, 25 None"),
            (
                Some(587),
                "465 SSL, 587 TLS, 587 None, 2525 TLS, 25 TLS, 25 None",
            ),
            (
                Some(1025),
                "1025 SSL, 1025 TLS, 1025 None, 465 SSL, 587 TLS, 2525 TLS, 25 TLS, 25 None",
            ),
        ] {
            assert_eq!(ways(named), expected);
        }
    }

    #[test]
    fn one_connection_reports_capabilities_before_and_after_start_tls() {
        use Stage::{Ehlo, StartTls, Tcp, Tls};
        let trace = trace(
            &[
                (Tcp, &[]),
                (Ehlo, &["STARTTLS", "AUTH CRAM-MD5"]),
                (StartTls, &[]),
                (Tls, &[]),
                (Ehlo, &["AUTH plain LOGIN", "AUTH=PLAIN LOGIN"]),
            ],
            false,
        );
        let rows = attempt(false).results(&trace, None, &settings(), Elapsed(4000));
        let [after, before] = rows.as_slice() else {
            panic!("{rows:?}");
        };
        assert_eq!(after.authentication, ["PLAIN", "LOGIN"]);
        assert_eq!(after.encryption.as_deref(), Some("TLS 1.3"));
        assert!(after.works() && after.milliseconds == Elapsed(4000));
        assert_eq!(before.authentication, ["CRAM-MD5"]);
        assert_eq!(before.encryption, None);
        assert!(!before.works() && before.start_tls && before.failure.is_none());
        assert_eq!(before.milliseconds, Elapsed(2000));
    }

    #[test]
    fn a_failure_belongs_to_the_rows_it_ends() {
        use Stage::{Ehlo, StartTls, Tcp};
        let failure = |stage| Failure::new(stage, Fault::TimedOut, "no complete reply");
        // stages, where it fails, what ends after StartTLS and before
        for (trace, failed, after, before) in [
            (trace(&[(Tcp, &[])], true), Some(Tcp), Some(Tcp), Some(Tcp)),
            (
                trace(&[(Ehlo, &["STARTTLS"]), (StartTls, &[])], true),
                Some(StartTls),
                Some(StartTls),
                None,
            ),
            (
                trace(&[(Ehlo, &["SIZE"])], false),
                None,
                Some(StartTls),
                None,
            ),
        ] {
            let failure = failed.map(failure);
            let rows = attempt(false).results(&trace, failure.as_ref(), &settings(), Elapsed(9));
            let ended: Vec<_> = rows
                .iter()
                .map(|row| row.failure.as_ref().map(|failure| failure.stage))
                .collect();
            assert_eq!(ended, [after, before]);
            assert_eq!(rows[0].reachable, failed != Some(Tcp));
        }
        let implicit =
            attempt(true).results(&trace(&[(Ehlo, &[])], false), None, &settings(), Elapsed(9));
        assert!(implicit[0].works());
    }

    #[test]
    fn only_a_handshake_that_passed_encrypts() {
        use Stage::{Auth, Ehlo, Tls};
        let failure = Failure::new(Auth, Fault::MechanismNotOffered(Vec::new()), "none");
        for (trace, encrypted) in [
            (trace(&[(Tls, &[]), (Ehlo, &[])], false), true),
            (trace(&[(Tls, &[])], true), false),
            (trace(&[(Ehlo, &[])], false), false),
        ] {
            let rows = attempt(true).results(&trace, Some(&failure), &settings(), Elapsed(9));
            let found = rows[0].cause.expect("a cause");
            assert_eq!(found.cause.title, "The relay offers no sign-in");
            // Without encryption, the sign-in may be missing for that reason.
            assert_eq!(found.alternative.is_none(), encrypted);
        }
    }
}
