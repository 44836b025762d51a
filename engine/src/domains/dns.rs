//! Look-ups of DNS for the checks, which tests answer from a zone of their own.

use std::net::IpAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::smtp::{Dialer, DnsData, DnsFailure, DnsType};

/// The most look-ups at the same time: a resolver drops what many domains ask at once.
const LOOKUPS_MAX: usize = 32;

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

/// Answers by another one, at most [`LOOKUPS_MAX`] look-ups at the same time; the others wait in turn.
pub struct LimitedDns {
    dns: Arc<dyn Dns>,
    permits: Semaphore,
}

impl LimitedDns {
    pub fn new(dns: Arc<dyn Dns>) -> Self {
        Self {
            dns,
            permits: Semaphore::new(LOOKUPS_MAX),
        }
    }
}

impl Dns for LimitedDns {
    fn records<'a>(
        &'a self,
        name: &'a str,
        kind: DnsType,
    ) -> BoxFuture<'a, Result<Vec<DnsData>, DnsFailure>> {
        Box::pin(async move {
            let permit = self.permits.acquire().await;
            let answer = self.dns.records(name, kind).await;
            drop(permit);
            answer
        })
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;

    use super::*;

    /// Counts the look-ups that run, and the most that ran at the same time.
    #[derive(Default)]
    struct CountingDns {
        running: AtomicUsize,
        most: AtomicUsize,
    }

    impl Dns for CountingDns {
        fn records<'a>(
            &'a self,
            _: &'a str,
            _: DnsType,
        ) -> BoxFuture<'a, Result<Vec<DnsData>, DnsFailure>> {
            Box::pin(async move {
                let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
                self.most.fetch_max(running, Ordering::SeqCst);
                tokio::task::yield_now().await;
                self.running.fetch_sub(1, Ordering::SeqCst);
                Ok(Vec::new())
            })
        }
    }

    #[tokio::test]
    async fn lookups_of_many_domains_wait_in_turn() {
        let counting = Arc::new(CountingDns::default());
        let limited = LimitedDns::new(counting.clone());
        let lookups = (0..800).map(|_| limited.records("example.org", DnsType::Txt));
        let answers = join_all(lookups).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(counting.most.load(Ordering::SeqCst), LOOKUPS_MAX);
    }
}
