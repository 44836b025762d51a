//! Look-ups of DNS for the checks, which tests answer from a zone of their own.

use std::net::IpAddr;

use futures::future::BoxFuture;

use crate::smtp::{Dialer, DnsData, DnsFailure, DnsType};

/// Answers look-ups.
pub trait Dns: Send + Sync {
    /// The records of one type of a name in ASCII; none where there are none.
    ///
    /// # Errors
    /// [`DnsFailure`] where DNS does not say whether there are any.
    fn records<'a>(
        &'a self,
        name: &'a str,
        kind: DnsType,
    ) -> BoxFuture<'a, Result<Vec<DnsData>, DnsFailure>>;
}

impl Dns for Dialer {
    fn records<'a>(
        &'a self,
        name: &'a str,
        kind: DnsType,
    ) -> BoxFuture<'a, Result<Vec<DnsData>, DnsFailure>> {
        Box::pin(self.dns_records(name, kind))
    }
}

/// The texts of a name.
///
/// # Errors
/// As [`Dns::records`].
pub async fn texts(dns: &dyn Dns, name: &str) -> Result<Vec<String>, DnsFailure> {
    let records = dns.records(name, DnsType::Txt).await?.into_iter();
    let text = |data| match data {
        DnsData::Text(text) => Some(text),
        DnsData::Address(_) | DnsData::Exchange { .. } => None,
    };
    Ok(records.filter_map(text).collect())
}

/// The addresses of a name, of one family.
///
/// # Errors
/// As [`Dns::records`].
pub async fn addresses(
    dns: &dyn Dns,
    name: &str,
    kind: DnsType,
) -> Result<Vec<IpAddr>, DnsFailure> {
    let records = dns.records(name, kind).await?.into_iter();
    let address = |data| match data {
        DnsData::Address(address) => Some(address),
        DnsData::Text(_) | DnsData::Exchange { .. } => None,
    };
    Ok(records.filter_map(address).collect())
}

/// The mail exchanges of a name, in their order. That of a null MX is empty.
///
/// # Errors
/// As [`Dns::records`].
pub async fn exchanges(dns: &dyn Dns, name: &str) -> Result<Vec<Exchange>, DnsFailure> {
    let records = dns.records(name, DnsType::Mx).await?.into_iter();
    let exchange = |data| match data {
        DnsData::Exchange { preference, host } => Some(Exchange { preference, host }),
        DnsData::Text(_) | DnsData::Address(_) => None,
    };
    let mut found: Vec<Exchange> = records.filter_map(exchange).collect();
    found.sort_by(|a, b| (a.preference, &a.host).cmp(&(b.preference, &b.host)));
    Ok(found)
}

/// A mail exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    pub preference: u16,
    pub host: String,
}
