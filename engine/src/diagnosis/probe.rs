//! Probes: tries all hosts, ports and TLS modes of a relay concurrently, as a stream of events.
//!
//! A probe runs as long as its stream: dropping the stream closes the connections.

use std::time::Instant;

use domain::diagnosis::event::Elapsed;
use domain::probe::{Attempt, ProbeSummary, Recommendation, Source, attempts, recommend};
use domain::{EmailAddress, Form, Host, Label, ProbeEvent, ProbeReport, Refusal, SmtpSettings};
use futures::Stream;
use futures::channel::mpsc::UnboundedSender;

use super::Diagnosis;
use super::permits::Permit;
use super::progress::{stream_of, with_ticks};
use crate::Actor;
use crate::audit::Action;
use crate::smtp::{Dialer, probe};
use crate::store::commit;

/// The fields of a [`ProbeRequest`] that a refusal names.
const HOST: &str = "host";
const ADDRESS: &str = "address";
const PORT: &str = "port";

/// The input of a probe, not validated. Absent values are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeRequest {
    /// The relay's host name or IP address. If empty, the relay is discovered from the domain of
    /// `address`.
    pub host: String,
    /// The e-mail address to send from.
    pub address: String,
    /// A port to try in addition to the standard ones.
    pub port: String,
    /// The unsaved form whose EHLO name, From address and trusted certificates are used; the saved
    /// settings if absent.
    pub form: Option<Form>,
}

impl ProbeRequest {
    /// A request for `word`, which is an e-mail address if it contains `@`, and a host otherwise.
    pub fn word(word: String, port: String) -> Self {
        let (host, address) = if word.contains('@') {
            (String::new(), word)
        } else {
            (word, String::new())
        };
        Self {
            host,
            address,
            port,
            form: None,
        }
    }
}

impl Diagnosis {
    /// Tries all hosts, ports and TLS modes of a relay concurrently, each up to the reply to EHLO.
    /// No password is sent. Dropping the returned stream ends the probe.
    ///
    /// # Errors
    /// Before anything is sent: [`Kind::Forbidden`](domain::Kind::Forbidden) unless the actor may
    /// change the settings of the relay; [`Kind::Invalid`](domain::Kind::Invalid) under `host`, `address` or `port`;
    /// [`Kind::TooMany`](domain::Kind::TooMany) beyond 12 a minute, or 4 at a time of which
    /// two are of one person, diagnoses included.
    pub async fn probe(
        &self,
        actor: &Actor,
        request: ProbeRequest,
    ) -> Result<impl Stream<Item = ProbeEvent> + Send + use<>, Refusal> {
        let asking = self.prepare_probe(actor, &request);
        let run = self.settings.manage(actor, Action::Probe, asking).await?;
        Ok(self.while_current(actor, stream_of(|events| run.run(events))))
    }

    /// Validates the request, takes a permit and records the probe in the audit log.
    async fn prepare_probe(
        &self,
        actor: &Actor,
        request: &ProbeRequest,
    ) -> Result<ProbeRun, Refusal> {
        let (wanted, port) = Refusal::both(ProbeTarget::of(request), port(&request.port))?;
        let saved = self.settings.saved().await?;
        let form = request.form.clone().unwrap_or_else(|| saved.form());
        let settings = settings(&form, &wanted)?;
        let permit = self.permit(actor)?;
        let mut work = self.store.begin().await?;
        self.settings.require_policy(&mut work).await?;
        let detail = match (&wanted.host, &wanted.address) {
            (None, Some(address)) => address.redacted(),
            _ => wanted.shown(),
        };
        let detail = self.settings.tried(detail);
        self.audit
            .record(&mut work, actor, Action::Probe, detail)
            .await?;
        commit(work).await?;
        Ok(ProbeRun {
            dialer: self.dialer.clone(),
            wanted,
            port,
            settings,
            permit,
        })
    }
}

/// A validated request: a host, an address, or both.
struct ProbeTarget {
    host: Option<Host>,
    address: Option<EmailAddress>,
}

impl ProbeTarget {
    fn of(request: &ProbeRequest) -> Result<Self, Refusal> {
        let (host, address) = (request.host.trim(), request.address.trim());
        if host.is_empty() && address.is_empty() {
            let text = "Enter the host name of the relay, or the e-mail address of the sender.";
            return Err(Refusal::of(domain::Kind::Invalid, HOST, text));
        }
        let host = given(HOST, host, str::parse::<Host>);
        let address = given(ADDRESS, address, str::parse::<EmailAddress>);
        let (host, address) = Refusal::both(host, address)?;
        Ok(Self { host, address })
    }

    /// The host or address, for display.
    fn shown(&self) -> String {
        match (&self.host, &self.address) {
            (Some(host), _) => host.to_string(),
            (None, Some(address)) => address.to_string(),
            (None, None) => String::new(),
        }
    }
}

/// Parses `text`; `None` if it is empty, a fault under `field` if it is invalid.
fn given<T>(
    field: &str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<Option<T>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = parse(text).map_err(|fault| Refusal::of(domain::Kind::Invalid, field, fault))?;
    Ok(Some(parsed))
}

fn port(text: &str) -> Result<Option<u16>, Refusal> {
    let text = text.trim();
    let form = Form::default().with(Label::Port, text);
    match form.fault(Label::Port) {
        _ if text.is_empty() => Ok(None),
        Some(fault) => Err(Refusal::of(domain::Kind::Invalid, PORT, fault)),
        None => Ok(text.parse().ok()),
    }
}

/// The settings of the probe's connections: the EHLO name of delivery, timeouts of 5 s to connect
/// and 8 s per command, and the trusted certificates of `form` only if they were saved for the same
/// host.
fn settings(form: &Form, wanted: &ProbeTarget) -> Result<SmtpSettings, Refusal> {
    let from = match (&wanted.address, form.get(Label::FromAddress)) {
        (Some(address), _) => address.as_str(),
        // EHLO then names the local address as a literal (RFC 5321 section 4.1.4).
        (None, "") => "postmaster@localhost",
        (None, saved) => saved,
    };
    let settings = Form::default()
        .with(Label::FromAddress, from)
        .with(Label::EhloName, form.get(Label::EhloName))
        .with(Label::Host, "localhost")
        .with(Label::Port, "25")
        .with(Label::ConnectTimeout, "5")
        .with(Label::CommandTimeout, "8");
    let trusts = [Label::CertificateCheck, Label::TrustedCertificates];
    let same_host = wanted.host.is_some() && form.get(Label::Host).parse().ok() == wanted.host;
    let settings = trusts
        .into_iter()
        .filter(|_| same_host)
        .fold(settings, |settings, label| {
            settings.with(label, form.get(label))
        });
    settings.parse()
}

/// A probe that is validated and holds its permit.
struct ProbeRun {
    dialer: Dialer,
    wanted: ProbeTarget,
    port: Option<u16>,
    settings: SmtpSettings,
    permit: Permit,
}

impl ProbeRun {
    async fn run(self, events: UnboundedSender<ProbeEvent>) {
        let send = |event| drop(events.unbounded_send(event));
        let begun = Instant::now();
        let tick = |seconds| send(ProbeEvent::Tick { seconds });
        let recommendation = with_ticks(self.attempt(&send), tick).await;
        // Released before the last event, so that a client can start the next run when it receives
        // it.
        drop(self.permit);
        send(ProbeEvent::Finished(ProbeSummary {
            milliseconds: Elapsed::from(begun.elapsed()),
            recommendation,
        }));
    }

    async fn attempt(&self, send: &(dyn Fn(ProbeEvent) + Sync)) -> Recommendation {
        let dialer = &self.dialer;
        let attempts = match (&self.wanted.host, &self.wanted.address) {
            (None, Some(address)) => dialer.discover(address.domain(), self.port).await,
            (host, _) => host
                .iter()
                .flat_map(|host| attempts(host, Source::Given, self.port))
                .collect(),
        };
        let mut table = ProbeReport::default();
        let started = ProbeEvent::Started {
            asked: self.wanted.shown(),
            candidates: attempts.iter().flat_map(Attempt::candidates).collect(),
        };
        table.apply(started.clone());
        send(started);
        probe(dialer, &attempts, &self.settings, |found| {
            let found = ProbeEvent::Found(Box::new(found));
            table.apply(found.clone());
            send(found);
        })
        .await;
        let found: Vec<_> = table.results().cloned().collect();
        recommend(
            &found,
            self.wanted.address.as_ref().map(EmailAddress::as_str),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::CertificateCheck;

    #[test]
    fn a_request_is_validated_by_field() {
        let request = |host: &str, address: &str, port: &str| ProbeRequest {
            host: host.to_owned(),
            address: address.to_owned(),
            port: port.to_owned(),
            form: None,
        };
        for (request, fields) in [
            (request("smtp.example.org", "", ""), &[][..]),
            (request("", "me@example.org", " 587 "), &[]),
            (request("192.0.2.1", "me@example.org", "1025"), &[]),
            (request("", " ", ""), &[HOST]),
            (request("me@example.org", "", ""), &[HOST]),
            (request("a b", "me", "0"), &[ADDRESS, HOST, PORT]),
        ] {
            let refused = Refusal::both(ProbeTarget::of(&request), port(&request.port)).err();
            let refused = refused.map(|refusal| refusal.fields.into_keys().collect::<Vec<_>>());
            assert_eq!(refused.unwrap_or_default(), fields, "{request:?}");
        }
    }

    #[test]
    fn an_argument_is_an_address_or_a_host() {
        for (word, host, address) in [
            ("smtp.example.org", "smtp.example.org", ""),
            ("me@example.org", "", "me@example.org"),
        ] {
            let request = ProbeRequest::word(word.to_owned(), String::new());
            assert_eq!(
                (request.host.as_str(), request.address.as_str()),
                (host, address)
            );
        }
    }

    #[test]
    fn a_relay_is_met_as_delivery_meets_it() {
        let saved = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::EhloName, "gate.example.org");
        let address: EmailAddress = "me@example.net".parse().expect("an address");
        for (saved, address, ehlo) in [
            (&Form::default(), None, "localhost"),
            (&Form::default(), Some(&address), "example.net"),
            (&saved, Some(&address), "gate.example.org"),
            (
                &saved.clone().with(Label::EhloName, ""),
                None,
                "example.org",
            ),
        ] {
            let wanted = ProbeTarget {
                host: None,
                address: address.cloned(),
            };
            assert_eq!(settings(saved, &wanted).expect("valid").ehlo(), ehlo);
        }
    }

    #[test]
    fn trusted_certificates_apply_to_their_host_only() {
        let trusting = Form::default()
            .with(Label::Host, "smtp.example.org")
            .with(Label::CertificateCheck, "Trusted")
            .with(
                Label::TrustedCertificates,
                "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----",
            );
        for (host, check) in [
            ("SMTP.example.org", CertificateCheck::Trusted),
            ("smtp.example.net", CertificateCheck::Verify),
        ] {
            let wanted = ProbeTarget {
                host: Some(host.parse().expect("a host")),
                address: None,
            };
            let settings = settings(&trusting, &wanted).expect("valid");
            assert_eq!(settings.certificate_check, check, "{host}");
        }
    }
}
