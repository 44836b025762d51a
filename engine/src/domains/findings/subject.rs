//! What a check is about, and the parts that all findings share.

use std::net::IpAddr;

use domain::Host;
use domain::mail::dkim::DkimKeyView;
use domain::mail::domain_check::{CheckKind, CheckState, DomainFinding};

use crate::smtp::DnsFailure;

/// A relay that sends mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendingRelay {
    /// As people call it.
    pub name: String,
    pub host: Host,
    /// The only address to compare with SPF, instead of those that the host has in DNS.
    pub address: Option<IpAddr>,
}

/// A domain in ASCII, and what sends and signs its mail.
pub struct CheckedDomain<'c> {
    pub domain: &'c str,
    pub relays: &'c [SendingRelay],
    pub keys: &'c [DkimKeyView],
}

impl CheckedDomain<'_> {
    /// The name of the records of a kind.
    pub(super) fn record_name(&self, kind: CheckKind) -> String {
        match kind {
            CheckKind::Spf | CheckKind::Mx => self.domain.to_owned(),
            CheckKind::Dkim => format!("_domainkey.{}", self.domain),
            CheckKind::Dmarc => format!("_dmarc.{}", self.domain),
        }
    }
}

/// A finding without records.
pub(super) fn finding(
    kind: CheckKind,
    name: String,
    state: CheckState,
    why: impl Into<String>,
) -> DomainFinding {
    DomainFinding {
        kind,
        state,
        name,
        found: Vec::new(),
        expected: None,
        why: why.into(),
    }
}

/// The finding where DNS does not say whether there is a record.
pub(super) fn unknown(kind: CheckKind, name: String, failure: &DnsFailure) -> DomainFinding {
    let why = format!("DNS does not say whether there is a record: {}.", failure.0);
    finding(kind, name, CheckState::Warning, why)
}
