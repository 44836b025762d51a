//! The findings about a domain: records are looked up, compared, and explained.

mod dkim;
mod dmarc;
#[cfg(test)]
mod findings_tests;
mod mx;
mod spf;
mod subject;

use std::time::Duration;

use domain::mail::domain_check::{CheckKind, DomainFinding};
use domain::sanitize::printable;
use tokio::time::timeout;

use super::dmarc::find;
use super::dns::Dns;
use crate::smtp::DnsFailure;

use spf::SpfFinding;

pub use dkim::published;
pub use subject::{CheckedDomain, SendingRelay};

/// The time for a whole check.
const LIMIT: Duration = Duration::from_secs(10);

/// The longest text of a finding, in characters.
const TEXT: usize = 4_000;

/// Checks a domain, within 10 s.
pub async fn check(dns: &dyn Dns, checked: &CheckedDomain<'_>) -> Vec<DomainFinding> {
    let (spf, dkim, found, mx) = futures::join!(
        timeout(LIMIT, spf::check(dns, checked)),
        timeout(LIMIT, dkim::check(dns, checked)),
        timeout(LIMIT, find(dns, checked.domain)),
        timeout(LIMIT, mx::check(dns, checked.domain)),
    );
    let late = |kind| {
        let failure = DnsFailure(format!("no answer within {} s", LIMIT.as_secs()));
        subject::unknown(kind, checked.record_name(kind), &failure)
    };
    let spf = spf.unwrap_or_else(|_| SpfFinding::uncovered(late(CheckKind::Spf)));
    let dkim = dkim.unwrap_or_else(|_| vec![late(CheckKind::Dkim)]);
    let mx = mx.unwrap_or_else(|_| late(CheckKind::Mx));
    let dmarc = match found {
        Ok(found) => dmarc::of_found(checked, found, &spf, &dkim),
        Err(_) => late(CheckKind::Dmarc),
    };
    let mut findings = vec![spf.finding];
    findings.extend(dkim);
    findings.extend([dmarc, mx]);
    for finding in &mut findings {
        shorten(finding);
    }
    findings
}

/// Removes control characters from the texts of a finding, and cuts them: records are what others publish.
fn shorten(finding: &mut DomainFinding) {
    let texts = finding.found.iter_mut().chain(&mut finding.expected);
    for text in texts.chain([&mut finding.why]) {
        *text = printable(text, TEXT);
    }
}
