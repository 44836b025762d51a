//! Where the people of a domain hand over their mail: SRV (RFC 6186, RFC 8314 section 5.1), MX,
//! usual names.

use std::time::Duration;

use domain::Host;
use domain::host::parse_address_literal;
use domain::probe::{Answers, Attempt, Source, SrvRecords, attempts};
use futures::future::join_all;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::time::timeout;

use crate::smtp::dial::resolve::ResolveError;
use crate::smtp::{Dialer, names};

/// What each look-up may take.
const WITHIN: Duration = Duration::from_secs(5);

/// What a relay's name usually begins with.
const USUAL: [&str; 2] = ["smtp", "mail"];

impl Dialer {
    /// The connections that are worth trying for somebody with an address in `domain`. `named` is
    /// a port to try beside the usual ones. Takes five seconds at the most. Empty where DNS knows
    /// nothing, or the domain declines.
    pub async fn discover(&self, domain: &str, named: Option<u16>) -> Vec<Attempt> {
        if let Some(address) = parse_address_literal(domain) {
            return attempts(&Host::Address(address), Source::Given, named);
        }
        let Some(domain) = names::to_ascii(domain) else {
            return Vec::new();
        };
        let usual = USUAL.map(|label| format!("{label}.{domain}"));
        let (submissions, submission, exchange, known) = futures::join!(
            self.service(format!("_submissions._tcp.{domain}")),
            self.service(format!("_submission._tcp.{domain}")),
            self.exchange(&domain),
            join_all(usual.iter().map(|name| self.knows(name))),
        );
        let unknown = known.iter().all(Option::is_none);
        let mut usual: Vec<Host> = usual
            .into_iter()
            .zip(known)
            .filter(|(_, known)| unknown || *known == Some(true))
            .map(|(name, _)| Host::Name(name))
            .collect();
        if unknown {
            // Trying one is the way to tell that DNS does not answer.
            usual.truncate(1);
        }
        let answers = Answers {
            submissions,
            submission,
            exchange,
            usual,
        };
        answers.attempts(named)
    }

    async fn service(&self, name: String) -> SrvRecords {
        let mut found: Vec<_> = self.records(&name, RecordType::SRV).await;
        // The weights share load out among many clients; one that asks for advice takes the
        // heaviest.
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

    /// Whether a name has an address; none when DNS does not answer.
    async fn knows(&self, name: &str) -> Option<bool> {
        match timeout(WITHIN, self.resolver().addresses(name)).await {
            Ok(Ok(_)) => Some(true),
            Ok(Err(ResolveError::NoSuchName)) => Some(false),
            Ok(Err(ResolveError::Failed(_))) | Err(_) => None,
        }
    }

    async fn records(&self, name: &str, kind: RecordType) -> Vec<RData> {
        match timeout(WITHIN, self.resolver().records(name, kind)).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => Vec::new(),
        }
    }
}

/// A name out of DNS, where it can be a relay's; `.` cannot.
fn host(name: &str) -> Option<Host> {
    let host = name.parse().ok()?;
    matches!(&host, Host::Name(name) if !name.is_empty()).then_some(host)
}
