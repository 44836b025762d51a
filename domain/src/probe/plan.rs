//! The connections to try for a domain, derived from its DNS records.

use super::{Attempt, Source, attempts};
use crate::Host;
use crate::settings::provider;

/// The maximum number of hosts that are tried.
const MOST_HOSTS: usize = 5;

/// The DNS records of a domain that concern mail submission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// `_submissions._tcp`: implicit TLS (RFC 8314 section 5.1).
    pub submissions: SrvRecords,
    /// `_submission._tcp`: StartTLS (RFC 6186 section 3.1).
    pub submission: SrvRecords,
    /// The most preferred MX host; none without an MX record or with a null MX (RFC 7505).
    pub exchange: Option<Host>,
    /// Conventional host names, such as `smtp.`, that have an address.
    pub usual: Vec<Host>,
}

/// The SRV records of a service (RFC 2782).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SrvRecords {
    /// There are no records.
    #[default]
    Absent,
    /// The target is `.`: the domain does not offer the service.
    Declined,
    /// Hosts and ports, the most preferred first.
    Targets(Vec<(Host, u16)>),
}

impl Answers {
    /// The connections to try, for at most five hosts. `named` is an additional port. Empty when no
    /// host is known or the domain declines both services.
    pub fn attempts(&self, named: Option<u16>) -> Vec<Attempt> {
        let mut wanted: Vec<Attempt> = Vec::new();
        for (service, implicit) in [(&self.submissions, true), (&self.submission, false)] {
            let SrvRecords::Targets(targets) = service else {
                continue;
            };
            wanted.extend(targets.iter().map(|(host, port)| Attempt {
                host: host.clone(),
                port: *port,
                implicit,
                plain: false,
                source: Source::Declared,
            }));
        }
        let declared: Vec<Host> = wanted.iter().map(|attempt| attempt.host.clone()).collect();
        let provider = self
            .exchange
            .as_ref()
            .and_then(|exchange| provider::by_exchange(&exchange.to_string()))
            .map(|relay| Host::Name(relay.host.to_owned()));
        // The MX hosts of a provider do not accept submissions from its customers.
        let exchange = self.exchange.clone().filter(|_| provider.is_none());
        let hosts = declared.into_iter().map(|host| (host, Source::Guessed));
        let hosts = hosts
            .chain(provider.map(|host| (host, Source::Provider)))
            .chain(
                self.usual
                    .iter()
                    .map(|host| (host.clone(), Source::Guessed)),
            )
            .chain(exchange.map(|host| (host, Source::Exchange)));
        let mut seen = Vec::new();
        for (host, source) in hosts {
            if !seen.contains(&host) && seen.len() < MOST_HOSTS {
                wanted.extend(attempts(&host, source, named));
                seen.push(host);
            }
        }
        let declines = |implicit| {
            let service = if implicit {
                &self.submissions
            } else {
                &self.submission
            };
            *service == SrvRecords::Declined
        };
        let mut kept: Vec<Attempt> = Vec::new();
        for attempt in wanted {
            let same = |other: &Attempt| {
                (&other.host, other.port, other.implicit)
                    == (&attempt.host, attempt.port, attempt.implicit)
            };
            if seen.contains(&attempt.host) && !declines(attempt.implicit) && !kept.iter().any(same)
            {
                kept.push(attempt);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        Host::Name(name.to_owned())
    }

    fn at(targets: &[(&str, u16)]) -> SrvRecords {
        let targets = targets.iter().map(|(name, port)| (host(name), *port));
        SrvRecords::Targets(targets.collect())
    }

    fn shown(attempts: &[Attempt]) -> Vec<String> {
        let way = |attempt: &Attempt| if attempt.implicit { "SSL" } else { "TLS" };
        attempts
            .iter()
            .map(|a| format!("{} {} {} {:?}", a.host, a.port, way(a), a.source))
            .collect()
    }

    #[test]
    fn srv_records_come_first_and_once() {
        let answers = Answers {
            submissions: at(&[("a.example", 465)]),
            submission: at(&[("a.example", 1587)]),
            exchange: Some(host("mx.example")),
            usual: vec![host("mail.example")],
        };
        let attempts = answers.attempts(None);
        assert_eq!(
            shown(&attempts)[..5],
            [
                "a.example 465 SSL Declared",
                "a.example 1587 TLS Declared",
                "a.example 587 TLS Guessed",
                "a.example 2525 TLS Guessed",
                "a.example 25 TLS Guessed",
            ]
        );
        let hosts: Vec<_> = shown(&attempts)[5..]
            .chunks(4)
            .map(|four| four[0].clone())
            .collect();
        assert_eq!(
            hosts,
            [
                "mail.example 465 SSL Guessed",
                "mx.example 465 SSL Exchange"
            ]
        );
    }

    #[test]
    fn services_that_the_domain_declines_are_not_tried() {
        for (submissions, submission, implicit, others) in [
            (SrvRecords::Absent, SrvRecords::Absent, true, true),
            (SrvRecords::Declined, SrvRecords::Absent, false, true),
            (SrvRecords::Absent, SrvRecords::Declined, true, false),
            (SrvRecords::Declined, SrvRecords::Declined, false, false),
        ] {
            let answers = Answers {
                submissions,
                submission,
                usual: vec![host("mail.example")],
                ..Answers::default()
            };
            let attempts = answers.attempts(None);
            let some = |kind| attempts.iter().any(|attempt| attempt.implicit == kind);
            assert_eq!((some(true), some(false)), (implicit, others), "{answers:?}");
        }
    }

    #[test]
    fn a_provider_replaces_its_mail_exchangers() {
        let answers = Answers {
            exchange: Some(host("aspmx.l.google.com")),
            ..Answers::default()
        };
        let attempts = answers.attempts(None);
        assert_eq!(attempts.len(), 4);
        let its = |a: &Attempt| a.host == host("smtp.gmail.com") && a.source == Source::Provider;
        assert!(attempts.iter().all(its), "{attempts:?}");
    }

    #[test]
    fn a_long_list_is_cut_short() {
        let many: Vec<_> = (0..9).map(|n| format!("{n}.example")).collect();
        let targets: Vec<_> = many.iter().map(|host| (host.as_str(), 465)).collect();
        let answers = Answers {
            submissions: at(&targets),
            ..Answers::default()
        };
        let attempts = answers.attempts(None);
        assert_eq!(attempts.len(), MOST_HOSTS * 4);
        assert!(attempts.iter().all(|a| a.host.to_string().as_str() < "5"));
    }
}
