//! The finding about DMARC: the policy, and whether mail of Postern passes it.

use domain::mail::dkim::DkimKeyState;
use domain::mail::domain_check::{CheckKind, CheckState, DomainFinding};

use super::spf::SpfFinding;
use super::subject::{CheckedDomain, finding, unknown};
use crate::domains::dmarc::{DmarcPolicy, DmarcRecord, FoundDmarc, is_aligned};
use crate::smtp::DnsFailure;

/// A policy of which nothing is refused: the first step.
const FIRST: &str = "v=DMARC1; p=none";

pub(super) fn of_found(
    checked: &CheckedDomain<'_>,
    found: Result<FoundDmarc, DnsFailure>,
    spf: &SpfFinding,
    dkim: &[DomainFinding],
) -> DomainFinding {
    let name = checked.record_name(CheckKind::Dmarc);
    let found = match found {
        Ok(found) => found,
        Err(failure) => return unknown(CheckKind::Dmarc, name, &failure),
    };
    let name = format!("_dmarc.{}", found.domain);
    let of = |state, why: String| finding(CheckKind::Dmarc, name.clone(), state, why);
    let record = match &found.texts[..] {
        [] => {
            let why = "Neither the domain nor a parent has a DMARC record. Large providers expect one of senders of much mail; with p=none nothing is refused for it.";
            return DomainFinding {
                expected: Some(FIRST.to_owned()),
                ..of(CheckState::Warning, why.to_owned())
            };
        }
        [only] => DmarcRecord::parse(only),
        _ => Err("there are several records".to_owned()),
    };
    let finding = match record {
        Ok(record) => {
            let (state, why) = explained(checked, &found, record, spf, dkim);
            of(state, why)
        }
        Err(fault) => DomainFinding {
            expected: Some(FIRST.to_owned()),
            ..of(
                CheckState::Fault,
                format!("Receivers ignore what is published, as it is not valid: {fault}."),
            )
        },
    };
    DomainFinding {
        found: found.texts,
        ..finding
    }
}

fn explained(
    checked: &CheckedDomain<'_>,
    found: &FoundDmarc,
    record: DmarcRecord,
    spf: &SpfFinding,
    dkim: &[DomainFinding],
) -> (CheckState, String) {
    let domain = checked.domain;
    let policy = match found.domain == domain {
        true => record.policy,
        false => record.subdomain_policy,
    };
    // The sender of the envelope has the From domain, and so have the keys.
    let is_valid = spf.finding.state == CheckState::Ok
        && is_aligned(record.spf, domain, &spf.finding.name, &found.domain);
    let by_spf = is_valid && spf.is_covered;
    let active = |name: &str| {
        let mut keys = checked.keys.iter();
        keys.any(|key| {
            key.state == DkimKeyState::Active
                && key.record_name() == name
                && is_aligned(record.dkim, domain, &key.domain, &found.domain)
        })
    };
    let by_dkim = dkim
        .iter()
        .any(|finding| finding.state == CheckState::Ok && active(&finding.name));
    let inherited = match found.domain == domain {
        true => String::new(),
        false => format!(" The record of {} applies.", found.domain),
    };
    let passed = match (by_spf, by_dkim) {
        (true, true) => "Mail passes by SPF and by DKIM, both aligned with the From domain.",
        (true, false) => {
            "Mail passes by SPF alone, which fails where mail is forwarded: sign it with DKIM too."
        }
        (false, true) => "Mail passes by DKIM, aligned with the From domain.",
        (false, false) if is_valid => {
            "Whether mail passes by SPF is not known, as DNS tells no address that a relay sends from: sign it with DKIM."
        }
        (false, false) => {
            "Mail passes neither by SPF nor by DKIM of Postern: set one of them right first."
        }
    };
    let state = match (by_spf || by_dkim, policy) {
        (true, _) => CheckState::Ok,
        (false, _) if is_valid => CheckState::Warning,
        (false, DmarcPolicy::None) => CheckState::Warning,
        (false, DmarcPolicy::Quarantine | DmarcPolicy::Reject) => CheckState::Fault,
    };
    let policy = match policy {
        DmarcPolicy::None => "The policy is none: nothing is refused for it.",
        DmarcPolicy::Quarantine => {
            "The policy is quarantine: mail that does not pass is treated as spam."
        }
        DmarcPolicy::Reject => "The policy is reject: mail that does not pass is refused.",
    };
    (state, format!("{policy} {passed}{inherited}"))
}
