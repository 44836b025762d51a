//! Choosing settings from the results of a probe, with the reasons for the choice.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ProbeResult, Source};
use crate::settings::provider::{self, ProviderUser};
use crate::smtp::stage::Fault;
use crate::{AuthenticationType, ConnectionType, Label};

/// The recommended settings after a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recommendation {
    /// The form values; empty when no candidate works.
    pub settings: BTreeMap<Label, String>,
    /// The reasons as sentences, also when no candidate works.
    pub reason: Vec<String>,
    /// A sentence for each candidate that does not work.
    pub others: Vec<String>,
}

impl Recommendation {
    /// Whether the settings are those of a result.
    pub fn is(&self, found: &ProbeResult) -> bool {
        let way = &found.candidate;
        let same = |label, value: &str| self.settings.get(&label).is_some_and(|set| set == value);
        same(Label::Host, &way.host)
            && same(Label::Port, &way.port.to_string())
            && same(Label::ConnectionType, way.connection_type.as_str())
    }
}

/// Chooses the safest working candidate. `address` is the From address, if known.
pub fn recommend(found: &[ProbeResult], address: Option<&str>) -> Recommendation {
    let best = found
        .iter()
        .enumerate()
        .filter(|(_, row)| row.works())
        .min_by_key(|(place, row)| (Rank::of(row), *place))
        .map(|(_, row)| row);
    let others = found
        .iter()
        .filter(|row| row.failure.is_some())
        .map(|row| {
            let way = &row.candidate;
            format!(
                "{} port {} with {}: {}.",
                way.host,
                way.port,
                way.connection_type,
                row.description()
            )
        })
        .collect();
    Recommendation {
        settings: best.map_or_else(BTreeMap::new, |row| settings(row, address)),
        reason: best.map_or_else(|| vec![nothing(found)], reason),
        others,
    }
}

/// The preference of a result; the least is preferred.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    class: Class,
    /// Whether the relay offers no sign-in: such relays accept mail from few clients.
    anonymous: bool,
    /// Whether the host is guessed: hosts declared in DNS come first.
    undeclared: bool,
    /// The order of connection types and ports: RFC 8314 section 3 prefers implicit TLS, and submission
    /// ports come before port 25.
    order: u8,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Encrypted,
    /// The connection is encrypted, and the certificate does not pass.
    Faulty,
    Unencrypted,
    /// The host is an MX host, which most likely does not relay.
    Incoming,
}

impl Rank {
    fn of(row: &ProbeResult) -> Self {
        let way = &row.candidate;
        let anonymous = row.best_authentication().is_none();
        let class = if way.source == Source::Exchange && anonymous {
            Class::Incoming
        } else if way.connection_type == ConnectionType::None {
            Class::Unencrypted
        } else if row.certificate_fault().is_some() {
            Class::Faulty
        } else {
            Class::Encrypted
        };
        Self {
            class,
            anonymous,
            undeclared: way.source != Source::Declared,
            order: match (way.connection_type, way.port) {
                (ConnectionType::Ssl, _) => 0,
                (_, 587) => 1,
                (_, 2525) => 2,
                (_, 25) => 4,
                _ => 3,
            },
        }
    }
}

fn settings(row: &ProbeResult, address: Option<&str>) -> BTreeMap<Label, String> {
    let way = &row.candidate;
    let authentication = authentication(row);
    let mut settings = BTreeMap::from([
        (Label::Host, way.host.clone()),
        (Label::Port, way.port.to_string()),
        (Label::ConnectionType, way.connection_type.to_string()),
        (Label::AuthenticationType, authentication.to_string()),
    ]);
    let user = match provider::by_host(&way.host).map(|provider| provider.user) {
        Some(ProviderUser::Fixed(name)) => Some(name),
        Some(ProviderUser::Own | ProviderUser::Nobody) => None,
        Some(ProviderUser::Address) | None => address,
    };
    if let Some(user) = user.filter(|_| authentication != AuthenticationType::None) {
        settings.insert(Label::Username, user.to_owned());
    }
    settings
}

/// Recommends no sign-in without encryption: the settings would have to allow it explicitly.
fn authentication(row: &ProbeResult) -> AuthenticationType {
    row.best_authentication()
        .filter(|_| row.candidate.connection_type != ConnectionType::None)
        .unwrap_or(AuthenticationType::None)
}

fn reason(row: &ProbeResult) -> Vec<String> {
    let way = &row.candidate;
    let mut sentences = vec![match way.connection_type {
        ConnectionType::Ssl => format!(
            "{} port {} with SSL: encrypted from the first byte, as RFC 8314 recommends.",
            way.host, way.port
        ),
        ConnectionType::Tls => format!(
            "{} port {} with TLS: StartTLS encrypts the connection before mail is submitted.",
            way.host, way.port
        ),
        ConnectionType::None => format!(
            "{} port {} without encryption: nothing better works. Anyone on the path can read and change the mail, so use it only inside your own network.",
            way.host, way.port
        ),
    }];
    match way.source {
        Source::Declared => {
            sentences.push("The domain declares it for submission in DNS.".to_owned());
        }
        Source::Provider => {
            sentences
                .push("According to DNS, the domain's mail is hosted by this provider.".to_owned());
        }
        Source::Given | Source::Exchange | Source::Guessed => {}
    }
    if row.certificate.is_some() && row.certificate_fault().is_none() {
        sentences.push("Its certificate passes.".to_owned());
    }
    if let Some(seen) = row.certificate.as_ref().filter(|seen| seen.fault.is_some()) {
        let verdict = &seen.verdict;
        sentences.push(format!(
            "{verdict} Until that is fixed, or the certificate is trusted for this relay, Postern submits no mail."
        ));
    }
    sentences.push(sign_in(row));
    if way.source == Source::Exchange && row.best_authentication().is_none() {
        sentences.push(
            "It receives the domain's own mail and most likely does not relay to others."
                .to_owned(),
        );
    }
    sentences.extend(provider::by_host(&way.host).map(|provider| provider.note.to_owned()));
    sentences
}

fn sign_in(row: &ProbeResult) -> String {
    let offered = row.authentication.join(", ");
    match (row.candidate.connection_type, row.best_authentication()) {
        (ConnectionType::None, Some(_)) => format!(
            "It offers sign-in ({offered}), but the password would be sent unencrypted, so no sign-in is recommended; More options can allow it."
        ),
        (_, Some(known)) => format!("Sign in with {known}; it offers {offered}."),
        (_, None) if row.authentication.is_empty() => {
            "It offers no sign-in, so it must allow this machine by its IP address.".to_owned()
        }
        (_, None) => format!(
            "It offers only {offered} for sign-in, which Postern does not support; without a sign-in it must allow this machine by its IP address."
        ),
    }
}

/// Explains why no candidate works.
fn nothing(found: &[ProbeResult]) -> String {
    let all = |what: fn(&Fault) -> bool| {
        let is = |row: &ProbeResult| {
            row.failure
                .as_ref()
                .is_some_and(|failure| what(&failure.fault))
        };
        !found.is_empty() && found.iter().all(is)
    };
    if found.is_empty() {
        return "DNS names no submission server for this domain. Check its spelling, or enter the host name from your provider.".to_owned();
    }
    let text = if found.iter().any(|row| row.reachable) {
        "The host answers, but none of these connections can submit mail; the table shows where each failed. Check that the host is a mail relay."
    } else if all(|fault| *fault == Fault::NameNotFound) {
        "The host name does not exist in DNS. Check its spelling."
    } else if all(|fault| matches!(fault, Fault::NameNotFound | Fault::ResolverFailed)) {
        "The name servers do not answer, so nothing could be tried. Check the name servers of this machine, or enter the relay's IP address."
    } else if all(|fault| *fault == Fault::AddressNotAllowed) {
        "The operator of this Postern does not allow this address. Ask the operator, or choose another relay."
    } else if all(|fault| *fault == Fault::AddressNotPublic) {
        "The relay of an account has a public address, and this host has none. Choose another relay, or ask the operator to add its network to POSTERN_USER_RELAY_ALLOW."
    } else if all(|fault| *fault == Fault::ConnectionRefused) {
        "The host refuses every port: no mail service runs on it, or it uses other ports. Check the host name and that the service runs."
    } else if all(|fault| matches!(fault, Fault::NoAnswer | Fault::Deadline)) {
        "No port answers: a firewall between this machine and the relay drops all packets, or the host is down. Many networks block outgoing mail; have these ports opened for this machine."
    } else if all(|fault| *fault == Fault::Unreachable) {
        "This machine has no route to the host. Check the address and the network."
    } else {
        "No port can be reached; the table shows why for each. A port without an answer is blocked by a firewall; one that refuses has no service behind it."
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::event::Elapsed;
    use crate::probe::{Candidate, CertificateVerdict};
    use crate::smtp::stage::{CertificateFault, Failure, Stage};

    /// Parses `host port type source`, followed by properties of the result: `fault`, `AUTH=…`,
    /// `no AUTH`, `StartTLS`, or the name of the failure.
    fn row(text: &str) -> ProbeResult {
        let mut words = text.split(' ');
        let mut next = || words.next().expect("a word");
        let candidate = Candidate {
            host: next().to_owned(),
            port: next().parse().expect("a port"),
            connection_type: next().parse().expect("a type"),
            source: match next() {
                "declared" => Source::Declared,
                "exchange" => Source::Exchange,
                "provider" => Source::Provider,
                _ => Source::Given,
            },
        };
        let encrypted = candidate.connection_type != ConnectionType::None;
        let mut found = ProbeResult {
            candidate,
            reachable: true,
            failure: None,
            cause: None,
            encryption: encrypted.then(|| "TLS 1.3".to_owned()),
            cipher: None,
            certificate: encrypted.then(|| CertificateVerdict {
                fault: None,
                verdict: "it passes".to_owned(),
            }),
            start_tls: false,
            authentication: vec!["PLAIN".to_owned()],
            milliseconds: Elapsed(1),
        };
        for odd in words {
            let ended = match odd {
                "fault" => {
                    found.certificate = Some(CertificateVerdict {
                        fault: Some(CertificateFault::Expired),
                        verdict: "It expired yesterday.".to_owned(),
                    });
                    continue;
                }
                "StartTLS" => {
                    found.start_tls = true;
                    continue;
                }
                "filtered" => Fault::NoAnswer,
                "refused" => Fault::ConnectionRefused,
                "unknown" => Fault::NameNotFound,
                "forbidden" => Fault::AddressNotAllowed,
                "silent" => Fault::TimedOut,
                _ => {
                    let names = odd.trim_start_matches("AUTH=").split(',');
                    found.authentication =
                        names.filter(|n| !n.is_empty()).map(str::to_owned).collect();
                    continue;
                }
            };
            found.reachable = ended == Fault::TimedOut;
            let stage = if found.reachable {
                Stage::Greeting
            } else {
                Stage::Tcp
            };
            found.failure = Some(Failure::new(stage, ended, "no complete reply within 5 s"));
        }
        found
    }

    fn rows(texts: &[&str]) -> Vec<ProbeResult> {
        texts.iter().map(|text| row(text)).collect()
    }

    #[test]
    fn the_safest_working_connection_is_recommended() {
        for (texts, host_port_type) in [
            (&["a 465 SSL -", "a 587 TLS -"][..], "a 465 SSL"),
            (&["a 25 TLS -", "a 2525 TLS -", "a 587 TLS -"], "a 587 TLS"),
            (
                &["a 25 TLS -", "a 2525 TLS -", "a 1587 TLS -"],
                "a 2525 TLS",
            ),
            (&["a 465 SSL - AUTH=", "a 587 TLS -"], "a 587 TLS"),
            (&["a 465 SSL - AUTH=XOAUTH2", "a 25 TLS -"], "a 25 TLS"),
            (&["a 465 SSL - fault", "a 25 TLS -"], "a 25 TLS"),
            (&["a 465 SSL - fault", "a 25 None -"], "a 465 SSL"),
            (&["a 465 SSL - silent", "a 25 None -"], "a 25 None"),
            (&["a 25 None - StartTLS", "a 25 TLS -"], "a 25 TLS"),
            (&["a 1587 TLS -", "a 2525 TLS -"], "a 2525 TLS"),
            (&["a 25 TLS -", "a 1587 TLS -"], "a 1587 TLS"),
            (&["a 465 SSL - AUTH=", "a 25 None -"], "a 465 SSL"),
            (&["mx 25 TLS exchange", "a 25 None -"], "mx 25 TLS"),
            (&["a 465 SSL -", "b 465 SSL -"], "a 465 SSL"),
            (&["a 465 SSL -", "b 587 TLS declared"], "b 587 TLS"),
            (
                &["mx 25 TLS exchange AUTH=", "a 587 TLS - fault"],
                "a 587 TLS",
            ),
            (
                &["mx 25 TLS exchange AUTH=", "a 465 SSL - refused"],
                "mx 25 TLS",
            ),
        ] {
            let found = rows(texts);
            let recommendation = recommend(&found, None);
            let chosen = found.iter().find(|row| recommendation.is(row));
            let way = &chosen.expect("a recommendation").candidate;
            let way = format!("{} {} {}", way.host, way.port, way.connection_type);
            assert_eq!(way, host_port_type, "{texts:?}");
        }
    }

    #[test]
    fn the_settings_are_those_of_a_form() {
        for (text, expected) in [
            (
                "a 465 SSL - AUTH=LOGIN,PLAIN",
                "me@example.org a 465 SSL Plain",
            ),
            (
                "a 587 TLS - AUTH=CRAM-MD5,LOGIN",
                "me@example.org a 587 TLS Login",
            ),
            (
                "a 587 TLS - AUTH=CRAM-MD5",
                "me@example.org a 587 TLS Cram_MD5",
            ),
            ("a 587 TLS - AUTH=XOAUTH2", "a 587 TLS None"),
            ("a 25 None -", "a 25 None None"),
            (
                "smtp.sendgrid.net 465 SSL -",
                "apikey smtp.sendgrid.net 465 SSL Plain",
            ),
            (
                "smtp.postmarkapp.com 587 TLS -",
                "smtp.postmarkapp.com 587 TLS Plain",
            ),
        ] {
            let recommendation = recommend(&rows(&[text]), Some("me@example.org"));
            let values: Vec<_> = recommendation.settings.into_values().collect();
            assert_eq!(values.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn the_reason_states_the_limitations() {
        for (text, words) in [
            (
                "a 465 SSL -",
                &[
                    "from the first byte",
                    "certificate passes",
                    "Sign in with Plain",
                ][..],
            ),
            (
                "a 587 TLS declared",
                &["StartTLS", "declares it for submission in DNS"],
            ),
            ("a 465 SSL - fault", &["It expired yesterday. Until"]),
            ("a 465 SSL - AUTH=", &["offers no sign-in"]),
            ("a 465 SSL - AUTH=XOAUTH2", &["offers only XOAUTH2"]),
            (
                "a 25 None -",
                &["without encryption", "would be sent unencrypted"],
            ),
            ("a 25 TLS exchange AUTH=", &["does not relay"]),
            (
                "smtp.gmail.com 465 SSL provider",
                &["by this provider", "app password"],
            ),
        ] {
            let reason = recommend(&rows(&[text]), None).reason.join(" ");
            for word in words {
                assert!(reason.contains(word), "{text}: {reason}");
            }
        }
    }

    #[test]
    fn the_reason_contains_only_true_statements() {
        for (text, words) in [
            ("a 465 SSL - fault", "certificate passes"),
            ("a 25 None -", "certificate passes"),
            ("a 465 SSL - AUTH=", "does not relay"),
            ("mx 25 TLS exchange", "does not relay"),
        ] {
            let reason = recommend(&rows(&[text]), None).reason.join(" ");
            assert!(!reason.contains(words), "{text}: {reason}");
        }
    }

    #[test]
    fn a_missing_recommendation_is_explained() {
        for (texts, words) in [
            (&[][..], "no submission server"),
            (
                &["a 465 SSL - filtered", "a 25 TLS - filtered"],
                "a firewall",
            ),
            (
                &["a 465 SSL - refused", "a 25 TLS - refused"],
                "no mail service",
            ),
            (&["a 465 SSL - unknown", "a 25 TLS - unknown"], "spelling"),
            (&["a 465 SSL - forbidden"], "does not allow"),
            (
                &["a 465 SSL - refused", "a 25 TLS - filtered"],
                "why for each",
            ),
            (
                &["a 465 SSL - silent", "a 25 TLS - filtered"],
                "The host answers",
            ),
            (
                &["a 25 None - StartTLS", "a 25 TLS - silent"],
                "The host answers",
            ),
        ] {
            let recommendation = recommend(&rows(texts), None);
            assert!(recommendation.settings.is_empty());
            let reason = recommendation.reason.join(" ");
            assert!(reason.contains(words), "{texts:?}: {reason}");
        }
    }

    #[test]
    fn every_failed_attempt_has_a_sentence() {
        let found = rows(&["a 465 SSL -", "a 587 TLS - filtered", "a 25 TLS - silent"]);
        assert_eq!(
            recommend(&found, None).others,
            [
                "a port 587 with TLS: no answer.",
                "a port 25 with TLS: no complete reply within 5 s."
            ]
        );
    }
}
