//! Discovers the submission servers of a domain by SRV, MX and usual names.
//!
//! RFC 6186, RFC 8314 section 5.1.

use std::time::Duration;

use domain::Host;
use domain::mail::host::parse_address_literal;
use domain::probe::{Answers, Attempt, Source, SrvRecords, attempts};
use futures::future::join_all;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::time::timeout;

use super::Dialer;
use super::resolve::ResolveError;
use crate::smtp::names;

/// The time for each look-up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// The first labels that names of relays usually have.
const USUAL_LABELS: [&str; 2] = ["smtp", "mail"];

impl Dialer {
    /// The connections to probe for an address in `domain`. `port` is probed besides the usual
    /// ports. Takes at most 5 s. Empty where DNS knows nothing, or the domain declines submission.
    pub async fn discover(&self, domain: &str, port: Option<u16>) -> Vec<Attempt> {
        if let Some(address) = parse_address_literal(domain) {
            return attempts(&Host::Address(address), Source::Given, port);
        }
        let Some(domain) = names::to_ascii(domain) else {
            return Vec::new();
        };
        let usual = USUAL_LABELS.map(|label| format!("{label}.{domain}"));
        let (submissions, submission, exchange, known) = futures::join!(
            self.service(format!("_submissions._tcp.{domain}")),
            self.service(format!("_submission._tcp.{domain}")),
            self.exchange(&domain),
            join_all(usual.iter().map(|name| self.exists(name))),
        );
        let unknown = known.iter().all(Option::is_none);
        let mut usual: Vec<Host> = usual
            .into_iter()
            .zip(known)
            .filter(|(_, known)| unknown || *known == Some(true))
            .map(|(name, _)| Host::Name(name))
            .collect();
        if unknown {
            // One is probed, so that the result says that DNS does not answer.
            usual.truncate(1);
        }
        let answers = Answers {
            submissions,
            submission,
            exchange,
            usual,
        };
        answers.attempts(port)
    }

    async fn service(&self, name: String) -> SrvRecords {
        let mut found: Vec<_> = self.records(&name, RecordType::SRV).await;
        // Weights distribute load over many clients; discovery takes the heaviest.
        found.sort_by_key(|data| match data {
            RData::SRV(srv) => (srv.priority, u16::MAX - srv.weight),
            _ => (u16::MAX, u16::MAX),
        });
        let mut targets = Vec::new();
        for data in &found {
            match data {
                RData::SRV(srv) if srv.target.is_root() => return SrvRecords::Declined,
                RData::SRV(srv) => {
                    targets.extend(host(&srv.target.to_ascii()).map(|host| (host, srv.port)));
                }
                _ => {}
            }
        }
        if targets.is_empty() {
            SrvRecords::Absent
        } else {
            SrvRecords::Targets(targets)
        }
    }

    async fn exchange(&self, domain: &str) -> Option<Host> {
        self.records(domain, RecordType::MX)
            .await
            .into_iter()
            .filter_map(|data| match data {
                RData::MX(mx) => Some((mx.preference, host(&mx.exchange.to_ascii())?)),
                _ => None,
            })
            .min_by_key(|(preference, _)| *preference)
            .map(|(_, host)| host)
    }

    /// Whether a name has an address; `None` where DNS does not answer.
    async fn exists(&self, name: &str) -> Option<bool> {
        match timeout(LOOKUP_TIMEOUT, self.resolver().addresses(name)).await {
            Ok(Ok(_)) => Some(true),
            Ok(Err(ResolveError::NoSuchName)) => Some(false),
            Ok(Err(ResolveError::Failed(_))) | Err(_) => None,
        }
    }

    async fn records(&self, name: &str, kind: RecordType) -> Vec<RData> {
        match timeout(LOOKUP_TIMEOUT, self.resolver().records(name, kind)).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => Vec::new(),
        }
    }
}

/// A name from DNS where it can be a relay's; `.` cannot.
fn host(name: &str) -> Option<Host> {
    let host = name.parse().ok()?;
    matches!(&host, Host::Name(name) if !name.is_empty()).then_some(host)
}
