//! The finding about MX: whether replies and bounces reach the domain.

use domain::mail::domain_check::{CheckKind, CheckState, DomainFinding};

use super::subject::{finding, unknown};
use crate::domains::dns::{self, Dns, Exchange};
use crate::smtp::{DnsFailure, DnsType};

/// The most exchanges that are looked up.
const MOST: usize = 5;

pub(super) async fn check(dns: &dyn Dns, domain: &str) -> DomainFinding {
    match try_check(dns, domain).await {
        Ok(finding) => finding,
        Err(failure) => unknown(CheckKind::Mx, domain.to_owned(), &failure),
    }
}

async fn try_check(dns: &dyn Dns, domain: &str) -> Result<DomainFinding, DnsFailure> {
    let exchanges = dns::exchanges(dns, domain).await?;
    let of = |state, why: &str| finding(CheckKind::Mx, domain.to_owned(), state, why);
    let found = exchanges.iter().map(text).collect();
    let finding = if exchanges.is_empty() {
        match has_address(dns, domain).await? {
            true => of(
                CheckState::Warning,
                "There is no MX record; the address of the domain itself counts as one. Name the host that receives mail.",
            ),
            false => of(
                CheckState::Fault,
                "The domain receives no mail: replies and bounces are lost, and receivers refuse senders that cannot be answered.",
            ),
        }
    } else if exchanges.iter().all(|exchange| exchange.host.is_empty()) {
        of(
            CheckState::Fault,
            "A null MX record says that the domain receives no mail (RFC 7505). Receivers refuse mail from it, as nobody could answer; name a host that receives mail.",
        )
    } else {
        let mut is_reachable = false;
        for exchange in exchanges
            .iter()
            .filter(|one| !one.host.is_empty())
            .take(MOST)
        {
            if has_address(dns, &exchange.host).await? {
                is_reachable = true;
                break;
            }
        }
        match is_reachable {
            true => of(CheckState::Ok, "Replies and bounces reach the domain."),
            false => of(
                CheckState::Fault,
                "No host of the MX records has an address: replies and bounces are lost.",
            ),
        }
    };
    Ok(DomainFinding { found, ..finding })
}

async fn has_address(dns: &dyn Dns, name: &str) -> Result<bool, DnsFailure> {
    if !dns::addresses(dns, name, DnsType::A).await?.is_empty() {
        return Ok(true);
    }
    Ok(!dns::addresses(dns, name, DnsType::Aaaa).await?.is_empty())
}

/// A record as in a zone file.
fn text(exchange: &Exchange) -> String {
    format!("{} {}.", exchange.preference, exchange.host)
}
