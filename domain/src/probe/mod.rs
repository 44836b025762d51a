//! Probing a relay: candidate connections, their results and the recommended settings.
//!
//! `plan` derives connections from DNS records, `attempt` turns sessions into results, `recommend`
//! chooses settings, `format` formats a report as text.

mod attempt;
mod format;
mod plan;
mod recommend;

pub use attempt::{Attempt, Source, attempts};
pub use plan::{Answers, SrvRecords};
pub use recommend::{Recommendation, recommend};

use serde::Serialize;

use crate::cause::Finding;
use crate::diagnosis::event::{ConnectOutcome, Elapsed};
use crate::smtp::stage::{CertificateFault, Failure, Fault, Stage};
use crate::{AuthenticationType, ConnectionType};

/// A combination of host, port and connection type to try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Candidate {
    /// A name or an IP address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The connection type; `None` stands for the extensions offered before StartTLS.
    pub connection_type: ConnectionType,
    /// Why the candidate is tried.
    pub source: Source,
}

/// The result of trying a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProbeResult {
    /// The candidate.
    #[serde(flatten)]
    pub candidate: Candidate,
    /// Whether a TCP connection was established.
    pub reachable: bool,
    /// The failure; none when the relay replied to EHLO.
    pub failure: Option<Failure>,
    /// The cause of the failure; none when it is not known.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Finding>))]
    pub cause: Option<Finding>,
    /// The TLS version, as in `TLS 1.3`; none without encryption.
    pub encryption: Option<String>,
    /// The cipher suite, as in `TLS_AES_256_GCM_SHA384`.
    pub cipher: Option<String>,
    /// The result of the certificate check; none without encryption.
    pub certificate: Option<CertificateVerdict>,
    /// Whether StartTLS is offered; connection type `None` then uses it.
    pub start_tls: bool,
    /// The offered SASL mechanisms in upper case, in the relay's order.
    pub authentication: Vec<String>,
    /// The duration of the attempt.
    pub milliseconds: Elapsed,
}

/// The result of a certificate check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CertificateVerdict {
    /// The fault; none when the certificate passes.
    pub fault: Option<CertificateFault>,
    /// The result as a sentence for the user.
    pub verdict: String,
}

/// An event of a probe. `started` is the first, `found` follows for each candidate, a `tick` every
/// second, and exactly one `over` is the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "event": "tick", "seconds": 1 })))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ProbeEvent {
    /// The probe started.
    Started {
        /// The host or e-mail address of the request.
        asked: String,
        /// The connections to try.
        candidates: Vec<Candidate>,
    },
    /// A candidate was tried.
    Found(Box<ProbeResult>),
    /// Another second has passed.
    Tick {
        /// Whole seconds since the start.
        seconds: u64,
    },
    /// The probe ended.
    #[serde(rename = "over")]
    Finished(ProbeSummary),
}

/// The end of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProbeSummary {
    /// The duration of the probe.
    pub milliseconds: Elapsed,
    /// The recommended settings.
    #[serde(flatten)]
    pub recommendation: Recommendation,
}

/// The state of a probe, built from its events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(example = json!({
        "asked": "smtp.example.org",
        "candidates": [
            {
                "host": "smtp.example.org",
                "port": 587,
                "connection_type": "TLS",
                "source": "guessed",
                "reachable": true,
                "failure": null,
                "cause": null,
                "encryption": "TLS 1.3",
                "cipher": "TLS_AES_256_GCM_SHA384",
                "certificate": { "fault": null, "verdict": "It passes." },
                "start_tls": true,
                "authentication": ["PLAIN", "LOGIN"],
                "milliseconds": 41.2,
            },
        ],
        "settings": {
            "smtp_host": "smtp.example.org",
            "smtp_port": "587",
            "smtp_connection_type": "TLS",
            "smtp_authentication_type": "Plain",
        },
        "reason": [
            "smtp.example.org port 587 with TLS: StartTLS encrypts the connection before mail is submitted.",
            "Its certificate passes.",
        ],
        "others": [],
        "milliseconds": 512.6,
    }))
)]
pub struct ProbeReport {
    /// The host or e-mail address of the request.
    pub asked: String,
    /// A row for each candidate, in order.
    #[serde(rename = "candidates")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<ProbeResult>))]
    pub rows: Vec<ProbeRow>,
    /// Whole seconds since the start, while the probe runs.
    #[serde(skip)]
    pub seconds: u64,
    /// The summary; none while the probe runs.
    #[serde(flatten)]
    pub summary: Option<ProbeSummary>,
}

/// A row of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ProbeRow {
    /// The candidate is still being tried.
    Pending(Candidate),
    /// The candidate was tried.
    Finished(Box<ProbeResult>),
}

impl ProbeRow {
    /// The candidate of the row.
    pub fn candidate(&self) -> &Candidate {
        match self {
            Self::Pending(candidate) => candidate,
            Self::Finished(found) => &found.candidate,
        }
    }
}

impl ProbeReport {
    /// Applies the next event.
    pub fn apply(&mut self, event: ProbeEvent) {
        match event {
            ProbeEvent::Started { asked, candidates } => {
                *self = Self {
                    asked,
                    rows: candidates.into_iter().map(ProbeRow::Pending).collect(),
                    ..Self::default()
                }
            }
            ProbeEvent::Found(found) => {
                let place = self
                    .rows
                    .iter_mut()
                    .find(|row| *row.candidate() == found.candidate);
                if let Some(row) = place {
                    *row = ProbeRow::Finished(found);
                }
            }
            ProbeEvent::Tick { seconds } => self.seconds = seconds,
            ProbeEvent::Finished(summary) => self.summary = Some(summary),
        }
    }

    /// The results so far, in the order of the candidates.
    pub fn results(&self) -> impl Iterator<Item = &ProbeResult> {
        self.rows.iter().filter_map(|row| match row {
            ProbeRow::Pending(_) => None,
            ProbeRow::Finished(found) => Some(&**found),
        })
    }

    /// Whether the probe ended with a recommendation.
    pub fn recommends(&self) -> bool {
        self.summary
            .as_ref()
            .is_some_and(|summary| !summary.recommendation.settings.is_empty())
    }
}

impl ProbeResult {
    /// Whether mail can be submitted with these settings, apart from a fault of the certificate.
    pub fn works(&self) -> bool {
        let bypassed = self.candidate.connection_type == ConnectionType::None && self.start_tls;
        self.failure.is_none() && !bypassed
    }

    /// The fault of the certificate, if it has one.
    pub fn certificate_fault(&self) -> Option<CertificateFault> {
        self.certificate.as_ref().and_then(|seen| seen.fault)
    }

    /// The preferred of the offered mechanisms that Postern supports. PLAIN and LOGIN come first:
    /// inside TLS they are as safe as CRAM-MD5, which requires the relay to store the password in
    /// plain text.
    pub fn best_authentication(&self) -> Option<AuthenticationType> {
        let offered = |name| self.authentication.iter().any(|offered| offered == name);
        AuthenticationType::ALL
            .iter()
            .copied()
            .find(|known| known.mechanism().is_some_and(offered))
    }

    /// The result in a few words, without a full stop.
    pub fn description(&self) -> String {
        match &self.failure {
            Some(failure) => match self.cause {
                Some(found) => within_a_sentence(found.cause.title),
                None => failure_description(failure),
            },
            None if self.candidate.connection_type == ConnectionType::None && self.start_tls => {
                "works, and offers StartTLS".to_owned()
            }
            None if self.certificate_fault().is_some() => {
                "works, but the certificate does not pass".to_owned()
            }
            None => "works".to_owned(),
        }
    }
}

/// Lower-cases the first letter of a title, unless the title begins with a name.
fn within_a_sentence(title: &str) -> String {
    let (word, rest) = title.split_once(' ').unwrap_or((title, ""));
    match word {
        "The" | "This" | "A" | "No" | "Nothing" | "Something" => {
            format!("{} {rest}", word.to_lowercase())
        }
        _ => title.to_owned(),
    }
}

fn failure_description(failure: &Failure) -> String {
    let reach = match (failure.stage, &failure.fault) {
        (_, Fault::NameNotFound) => return "DNS does not know this name".to_owned(),
        (_, Fault::ResolverFailed) => return "DNS does not answer".to_owned(),
        (Stage::Tcp, Fault::ConnectionRefused) => ConnectOutcome::Refused,
        (Stage::Tcp, Fault::Unreachable) => ConnectOutcome::Unreachable,
        (Stage::Tcp, Fault::NoAnswer | Fault::Deadline) => ConnectOutcome::NoAnswer,
        (Stage::Tcp, Fault::AddressNotAllowed | Fault::AddressNotPublic) => {
            ConnectOutcome::NotAllowed
        }
        (Stage::Tcp, Fault::Reset) => ConnectOutcome::Reset,
        _ => return failure.to_string().trim_end_matches('.').to_owned(),
    };
    reach.description().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(port: u16) -> Candidate {
        Candidate {
            host: "smtp.example.org".to_owned(),
            port,
            connection_type: ConnectionType::Ssl,
            source: Source::Given,
        }
    }

    fn found(port: u16) -> ProbeResult {
        ProbeResult {
            candidate: candidate(port),
            reachable: true,
            failure: None,
            cause: None,
            encryption: Some("TLS 1.3".to_owned()),
            cipher: None,
            certificate: None,
            start_tls: false,
            authentication: Vec::new(),
            milliseconds: Elapsed(12_500),
        }
    }

    #[test]
    fn a_result_replaces_its_candidate() {
        let mut probed = ProbeReport::default();
        probed.apply(ProbeEvent::Started {
            asked: "smtp.example.org".to_owned(),
            candidates: vec![candidate(465), candidate(4465)],
        });
        probed.apply(ProbeEvent::Found(Box::new(found(4465))));
        assert_eq!(probed.rows[0], ProbeRow::Pending(candidate(465)));
        assert_eq!(probed.results().collect::<Vec<_>>(), [&found(4465)]);
        assert!(!probed.recommends());
    }

    #[test]
    fn a_title_becomes_a_part_of_a_sentence() {
        for (title, part) in [
            ("The port is filtered", "the port is filtered"),
            ("Nothing listens", "nothing listens"),
            ("StartTLS is not offered", "StartTLS is not offered"),
            ("Amazon SES wants", "Amazon SES wants"),
        ] {
            assert_eq!(within_a_sentence(title), part);
        }
    }

    #[test]
    fn an_event_is_a_flat_object_with_its_name() {
        let event = ProbeEvent::Found(Box::new(found(465)));
        assert_eq!(
            serde_json::to_string(&event).expect("JSON"),
            concat!(
                r#"{"event":"found","host":"smtp.example.org","port":465,"connection_type":"SSL","#,
                r#""source":"given","reachable":true,"failure":null,"cause":null,"#,
                r#""encryption":"TLS 1.3","cipher":null,"certificate":null,"start_tls":false,"#,
                r#""authentication":[],"milliseconds":12.5}"#
            )
        );
    }

    #[test]
    fn a_result_is_described_in_a_few_words() {
        let mut result = found(25);
        assert_eq!(result.description(), "works");
        result.certificate = Some(CertificateVerdict {
            fault: Some(CertificateFault::Expired),
            verdict: "It has expired.".to_owned(),
        });
        assert_eq!(
            result.description(),
            "works, but the certificate does not pass"
        );
        result.candidate.connection_type = ConnectionType::None;
        result.start_tls = true;
        assert_eq!(result.description(), "works, and offers StartTLS");
        for (stage, fault, text) in [
            (
                Stage::Dns,
                Fault::NameNotFound,
                "DNS does not know this name",
            ),
            (Stage::Dns, Fault::ResolverFailed, "DNS does not answer"),
            (
                Stage::Tcp,
                Fault::ConnectionRefused,
                "refused: nothing listens there",
            ),
            (
                Stage::Tcp,
                Fault::Unreachable,
                "unreachable: there is no route",
            ),
            (Stage::Tcp, Fault::NoAnswer, "no answer"),
            (Stage::Tcp, Fault::Deadline, "no answer"),
            (
                Stage::Tcp,
                Fault::AddressNotAllowed,
                "not allowed by the operator of this Postern",
            ),
            (Stage::Tcp, Fault::Reset, "connection reset"),
            (Stage::Greeting, Fault::Reset, "as observed"),
        ] {
            result.failure = Some(Failure::new(stage, fault, "as observed."));
            assert_eq!(result.description(), text);
        }
        assert!(!result.works());
    }

    #[test]
    fn the_simplest_mechanism_is_preferred() {
        use AuthenticationType::{CramMd5, Login, Plain};
        for (offered, best) in [
            (&["CRAM-MD5", "LOGIN", "PLAIN"][..], Some(Plain)),
            (&["CRAM-MD5", "LOGIN"], Some(Login)),
            (&["CRAM-MD5"], Some(CramMd5)),
            (&["XOAUTH2"], None),
        ] {
            let mut result = found(465);
            result.authentication = offered.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(result.best_authentication(), best);
        }
    }
}
