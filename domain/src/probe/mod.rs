//! Every way to reach a relay, tried at once: what was tried, what was found, what follows.
//!
//! `plan` reads what DNS says of a domain, `attempt` says which connections are made and reads
//! them, `recommend` chooses, `format` puts it into lines.

mod attempt;
mod format;
mod plan;
mod recommend;

pub use attempt::{Attempt, Source, attempts};
pub use plan::{Answers, SrvRecords};
pub use recommend::{Recommendation, recommend};

use serde::Serialize;

use crate::cause::Cause;
use crate::event::{ConnectOutcome, Elapsed};
use crate::stage::{CertificateFault, Failure, Fault, Stage};
use crate::{AuthenticationType, ConnectionType};

/// A way to reach a relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// A name or an IP address.
    pub host: String,
    pub port: u16,
    /// `None` stands for what is offered before StartTLS.
    pub connection_type: ConnectionType,
    pub source: Source,
}

/// What trying a way came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeResult {
    #[serde(flatten)]
    pub candidate: Candidate,
    /// Whether somebody answered at the port.
    pub reachable: bool,
    /// Where it ended; none when EHLO was answered.
    pub failure: Option<Failure>,
    /// None where nobody knows more than the failure says.
    pub cause: Option<&'static Cause>,
    /// As in `TLS 1.3`; none when nothing is encrypted.
    pub encryption: Option<String>,
    /// As in `TLS_AES_256_GCM_SHA384`.
    pub cipher: Option<String>,
    /// None when nothing is encrypted.
    pub certificate: Option<CertificateVerdict>,
    /// Whether StartTLS is offered, which connection type `None` then uses.
    pub start_tls: bool,
    /// The ways to sign in that are offered here, in the relay's spelling and order.
    pub authentication: Vec<String>,
    /// What it took.
    pub milliseconds: Elapsed,
}

/// What is to be said of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateVerdict {
    /// None when it passes.
    pub fault: Option<CertificateFault>,
    /// A sentence for a person.
    pub verdict: String,
}

/// Something that happened, in the order of things: `started`; `found` for each candidate as it
/// comes, and a `tick` every second; exactly one `over`, which is the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ProbeEvent {
    Started {
        /// The host or the address that was asked for.
        asked: String,
        candidates: Vec<Candidate>,
    },
    Found(Box<ProbeResult>),
    Tick {
        /// Since the start.
        seconds: u64,
    },
    Over(ProbeSummary),
}

/// How a probe ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeSummary {
    pub milliseconds: Elapsed,
    #[serde(flatten)]
    pub recommendation: Recommendation,
}

/// Everything that was heard of a probe so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProbeReport {
    pub asked: String,
    #[serde(rename = "candidates")]
    pub rows: Vec<ProbeRow>,
    /// Whole seconds since the start, while it runs.
    #[serde(skip)]
    pub seconds: u64,
    #[serde(flatten)]
    pub summary: Option<ProbeSummary>,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ProbeRow {
    Pending(Candidate),
    Finished(Box<ProbeResult>),
}

impl ProbeRow {
    pub fn candidate(&self) -> &Candidate {
        match self {
            Self::Pending(candidate) => candidate,
            Self::Finished(found) => &found.candidate,
        }
    }
}

impl ProbeReport {
    /// Takes in what happened next.
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
            ProbeEvent::Over(over) => self.summary = Some(over),
        }
    }

    /// What was found, in the order of the candidates.
    pub fn results(&self) -> impl Iterator<Item = &ProbeResult> {
        self.rows.iter().filter_map(|row| match row {
            ProbeRow::Pending(_) => None,
            ProbeRow::Finished(found) => Some(&**found),
        })
    }

    /// Whether something is recommended; not while it runs.
    pub fn recommends(&self) -> bool {
        self.summary
            .as_ref()
            .is_some_and(|over| !over.recommendation.settings.is_empty())
    }
}

impl ProbeResult {
    /// Whether mail could be handed over with these very settings, a certificate's fault aside.
    pub fn works(&self) -> bool {
        let bypassed = self.candidate.connection_type == ConnectionType::None && self.start_tls;
        self.failure.is_none() && !bypassed
    }

    /// What is wrong with its certificate, if there is one.
    pub fn certificate_fault(&self) -> Option<CertificateFault> {
        self.certificate.as_ref().and_then(|seen| seen.fault)
    }

    /// The best of the offered ways to sign in that Postern knows. Within TLS the simple ones are
    /// as good as CRAM-MD5, which makes the relay keep the password in the clear.
    pub fn best_authentication(&self) -> Option<AuthenticationType> {
        [
            ("PLAIN", AuthenticationType::Plain),
            ("LOGIN", AuthenticationType::Login),
            ("CRAM-MD5", AuthenticationType::CramMd5),
        ]
        .into_iter()
        .find(|(name, _)| self.authentication.iter().any(|offered| offered == name))
        .map(|(_, known)| known)
    }

    /// What came of it in a few words, without a full stop.
    pub fn description(&self) -> String {
        match &self.failure {
            Some(failure) => match self.cause {
                Some(cause) => within_a_sentence(cause.title),
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

/// A title with a small letter in front, unless it begins with a name.
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
        (Stage::Tcp, Fault::AddressNotAllowed) => ConnectOutcome::NotAllowed,
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
    fn what_is_found_takes_the_place_of_its_candidate() {
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
}
