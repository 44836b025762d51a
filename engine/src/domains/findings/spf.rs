//! The finding about SPF: whether the record covers the addresses of the relays.

use std::net::{IpAddr, Ipv4Addr};

use domain::Host;
use domain::mail::domain_check::{CheckKind, CheckState, DomainFinding};

use super::subject::{CheckedDomain, SendingRelay, finding, unknown};
use crate::domains::dns::{self, Dns};
use crate::domains::spf::{
    SpfOutcome, SpfRecord, SpfResult, covering_mechanism, evaluate, is_spf, merged,
};
use crate::smtp::DnsType;

/// An address of no relay (RFC 5737).
const OF_NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 255));

/// What the record says about a relay.
enum Coverage {
    /// It may send; the text says by what.
    Covered(String),
    /// An address of it may not send, or receivers cannot tell.
    Uncovered(IpAddr, SpfOutcome),
    /// It has no public address that DNS knows.
    Unknown,
}

/// The finding, and whether mail is known to pass.
pub(super) struct SpfFinding {
    pub finding: DomainFinding,
    /// Whether the record covers all addresses of all relays, and there are some that DNS knows.
    pub is_covered: bool,
}

impl SpfFinding {
    /// That of a record that covers nothing.
    pub fn uncovered(finding: DomainFinding) -> Self {
        Self {
            finding,
            is_covered: false,
        }
    }
}

pub(super) async fn check(dns: &dyn Dns, checked: &CheckedDomain<'_>) -> SpfFinding {
    let domain = checked.domain;
    let name = domain.to_owned();
    let mut found = match dns::texts(dns, domain).await {
        Ok(found) => found,
        Err(failure) => {
            return SpfFinding::uncovered(unknown(CheckKind::Spf, name, &failure));
        }
    };
    found.retain(|text| is_spf(text));
    let mechanisms: Vec<String> = checked
        .relays
        .iter()
        .filter(|relay| is_public_host(&relay.host))
        .map(|relay| covering_mechanism(&relay.host))
        .collect();
    let of = |state, why: String| finding(CheckKind::Spf, name.clone(), state, why);
    let record = match &found[..] {
        [] => {
            let why = "There is no SPF record, so receivers cannot tell which hosts may send mail of this domain. Large providers refuse such mail, or treat it as spam.";
            return SpfFinding::uncovered(DomainFinding {
                expected: Some(merged(&[], &mechanisms)),
                ..of(CheckState::Fault, why.to_owned())
            });
        }
        [only] => only.clone(),
        _ => {
            let why = "There are several SPF records, which receivers treat as an error (RFC 7208 section 4.5). Publish one that has the mechanisms of all.";
            return SpfFinding::uncovered(DomainFinding {
                expected: Some(merged(&found, &mechanisms)),
                found: found.clone(),
                ..of(CheckState::Fault, why.to_owned())
            });
        }
    };
    // Mail of an address that the record does not cover goes through all of it.
    let general = evaluate(dns, domain, OF_NOBODY).await;
    let mut is_covered = false;
    let finding = match general.result {
        SpfResult::PermError => of(
            CheckState::Fault,
            format!("Receivers treat this record as an error: {}.", general.by),
        ),
        SpfResult::TempError => of(
            CheckState::Warning,
            format!(
                "The record could not be evaluated, as DNS failed: {}.",
                general.by
            ),
        ),
        SpfResult::Pass => of(
            CheckState::Warning,
            format!(
                "The record lets every host send mail of this domain, by \"{}\".",
                general.by
            ),
        ),
        SpfResult::Fail | SpfResult::SoftFail | SpfResult::Neutral | SpfResult::None => {
            let mut coverages = Vec::with_capacity(checked.relays.len());
            for relay in checked.relays {
                let coverage = coverage(dns, domain, &record, relay).await;
                coverages.push(coverage);
            }
            let is_by_record = |coverage: &Coverage| matches!(coverage, Coverage::Covered(_));
            is_covered = !coverages.is_empty() && coverages.iter().all(is_by_record);
            let (state, why) = explained(checked.relays, &coverages);
            let missing: Vec<String> = checked
                .relays
                .iter()
                .zip(&coverages)
                .filter(|(_, coverage)| matches!(coverage, Coverage::Uncovered(..)))
                .map(|(relay, _)| covering_mechanism(&relay.host))
                .collect();
            DomainFinding {
                expected: (!missing.is_empty()).then(|| merged(&found, &missing)),
                ..of(state, why)
            }
        }
    };
    SpfFinding {
        finding: DomainFinding { found, ..finding },
        is_covered,
    }
}

/// Whether mail may leave by the addresses of a relay.
async fn coverage(dns: &dyn Dns, domain: &str, record: &str, relay: &SendingRelay) -> Coverage {
    let mechanism = covering_mechanism(&relay.host);
    let is_listed = |record: SpfRecord| {
        let mut texts = record
            .directives
            .into_iter()
            .map(|directive| directive.text);
        texts.any(|text| {
            text.trim_start_matches('+')
                .eq_ignore_ascii_case(&mechanism)
        })
    };
    if mechanism.starts_with("include:") && SpfRecord::parse(record).is_ok_and(is_listed) {
        return Coverage::Covered(mechanism);
    }
    let addresses = match (relay.address, &relay.host) {
        (Some(address), _) => vec![address],
        (None, Host::Address(address)) => vec![*address],
        (None, Host::Name(name)) => {
            let (v4, v6) = futures::join!(
                dns::addresses(dns, name, DnsType::A),
                dns::addresses(dns, name, DnsType::Aaaa),
            );
            [v4.unwrap_or_default(), v6.unwrap_or_default()].concat()
        }
    };
    let mut covered: Option<String> = None;
    for address in addresses.into_iter().filter(|address| is_public(*address)) {
        let outcome = evaluate(dns, domain, address).await;
        if outcome.result != SpfResult::Pass {
            return Coverage::Uncovered(address, outcome);
        }
        covered = covered.or(Some(outcome.by));
    }
    covered.map_or(Coverage::Unknown, Coverage::Covered)
}

/// The state for all relays, and why.
fn explained(relays: &[SendingRelay], coverages: &[Coverage]) -> (CheckState, String) {
    let mut state = CheckState::Ok;
    let mut sentences = Vec::new();
    for (relay, coverage) in relays.iter().zip(coverages) {
        let name = &relay.name;
        sentences.push(match coverage {
            Coverage::Covered(by) => format!("The record covers {name}, by \"{by}\"."),
            Coverage::Uncovered(address, outcome) => {
                state = state.max(match outcome.result {
                    SpfResult::Fail | SpfResult::PermError => CheckState::Fault,
                    _ => CheckState::Warning,
                });
                let result = outcome.result.as_str();
                let by = match outcome.by.as_str() {
                    "" => String::new(),
                    by => format!(" by \"{by}\""),
                };
                format!(
                    "Mail from {address}, an address of {name}, gets {result}{by}. A relay may send from other addresses than it receives at: ask its provider."
                )
            }
            Coverage::Unknown => {
                format!("{name} has no public address that DNS knows, so whether the record covers it is not known.")
            }
        });
    }
    if sentences.is_empty() {
        sentences.push(
            "The record is valid. No relay is set up that it could be compared with.".to_owned(),
        );
    }
    (state, sentences.join(" "))
}

fn is_public_host(host: &Host) -> bool {
    match host {
        Host::Address(address) => is_public(*address),
        Host::Name(name) => name != "localhost" && name.contains('.'),
    }
}

/// Whether receivers may see this address as that of a client.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified())
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local())
        }
    }
}
