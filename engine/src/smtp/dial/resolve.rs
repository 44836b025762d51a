//! Name resolution: the hosts file, then DNS.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use domain::diagnosis::event::Resolution;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Hosts, TokioResolver};
use thiserror::Error;
use tokio::time::timeout;

/// How long to wait for IPv6 addresses after IPv4 addresses are known (RFC 8305 section 3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// How long to wait for IPv4 addresses after IPv6 addresses are known: longer, because networks that
/// announce IPv6 and do not carry it are common.
const RESOLUTION_DELAY_V4: Duration = Duration::from_secs(1);

/// The maximum lifetime of a negative answer, so that a test after a repair of DNS sees it.
const NEGATIVE_MAX_TTL: Duration = Duration::from_secs(5);

/// The hosts file and the name servers. Cheap to clone.
#[derive(Clone)]
pub struct Resolver {
    dns: TokioResolver,
    hosts: Arc<Hosts>,
    /// The name servers, as they are shown.
    servers: Arc<str>,
}

/// The result of a look-up.
#[derive(Debug, Default)]
pub(super) struct LookedUp {
    pub addresses: Vec<IpAddr>,
    /// The targets of its CNAME records, in their order.
    pub aliases: Vec<String>,
    pub in_hosts_file: bool,
}

/// Why a name has no addresses.
#[derive(Debug, Error)]
pub(super) enum ResolveError {
    #[error("DNS has no address for this name")]
    NoSuchName,
    #[error("{0}")]
    Failed(NetError),
}

impl Resolver {
    /// Configured by `/etc/resolv.conf` and `/etc/hosts`, each read once.
    ///
    /// # Errors
    /// Where the resolver cannot be built. A machine without name servers is no error: it may find
    /// its relay by the hosts file or by address.
    pub fn system() -> Result<Self, NetError> {
        let (config, mut options) = read_system_conf().unwrap_or_else(|error| {
            tracing::warn!(%error, "no resolver configuration; asking the name server on this machine");
            // The default of resolv.conf(5).
            let local = NameServerConfig::udp_and_tcp(Ipv4Addr::LOCALHOST.into());
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![local]);
            (config, ResolverOpts::default())
        });
        options.negative_max_ttl = Some(NEGATIVE_MAX_TTL);
        let hosts = Hosts::from_system().unwrap_or_else(|error| {
            tracing::warn!(%error, "the hosts file cannot be read");
            Hosts::default()
        });
        Self::new(config, options, hosts)
    }

    /// With these hosts, and these name servers for every other name.
    ///
    /// # Errors
    /// Where the resolver cannot be built.
    pub fn new(
        config: ResolverConfig,
        options: ResolverOpts,
        hosts: Hosts,
    ) -> Result<Self, NetError> {
        let servers = config.name_servers().iter();
        let servers: Vec<String> = servers.map(|server| server.ip.to_string()).collect();
        let dns = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()?;
        Ok(Self {
            dns,
            hosts: Arc::new(hosts),
            servers: servers.join(", ").into(),
        })
    }

    /// The look-up as an observer gets it.
    pub(super) fn describe(&self, name: &str, found: &LookedUp) -> Resolution {
        Resolution {
            name: name.to_owned(),
            resolver: if found.in_hosts_file {
                "the hosts file of this machine".to_owned()
            } else {
                self.servers.to_string()
            },
            aliases: found.aliases.clone(),
            addresses: found.addresses.clone(),
        }
    }

    /// All addresses of a name in ASCII. Names in the hosts file need no DNS.
    ///
    /// # Errors
    /// Where the name has no address, or DNS fails.
    pub(super) async fn addresses(&self, name: &str) -> Result<LookedUp, ResolveError> {
        let parsed = Name::from_str_relaxed(name).map_err(|_| ResolveError::NoSuchName)?;
        let listed: Vec<IpAddr> = [RecordType::AAAA, RecordType::A]
            .into_iter()
            .filter_map(|kind| {
                self.hosts
                    .lookup_static_host(&Query::query(parsed.clone(), kind))
            })
            .flat_map(|found| {
                found
                    .answers()
                    .iter()
                    .filter_map(|r| r.data.ip_addr())
                    .collect::<Vec<_>>()
            })
            .collect();
        if !listed.is_empty() {
            return Ok(LookedUp {
                addresses: listed,
                in_hosts_file: true,
                ..LookedUp::default()
            });
        }
        self.ask(parsed).await
    }

    async fn ask(&self, name: Name) -> Result<LookedUp, ResolveError> {
        let v6 = self.query(name.clone(), RecordType::AAAA);
        let v4 = self.query(name, RecordType::A);
        tokio::pin!(v6, v4);
        let (v6, v4) = tokio::select! {
            v6 = &mut v6 => {
                let v4 = second(v4, v6.is_ok().then_some(RESOLUTION_DELAY_V4)).await;
                (v6, v4)
            }
            v4 = &mut v4 => (second(v6, v4.is_ok().then_some(RESOLUTION_DELAY)).await, v4),
        };
        match (v6, v4) {
            (Ok(mut v6), Ok(v4)) => {
                v6.addresses.extend(v4.addresses);
                if v6.aliases.is_empty() {
                    v6.aliases = v4.aliases;
                }
                Ok(v6)
            }
            (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
            (Err(ResolveError::NoSuchName), Err(other)) | (Err(other), Err(_)) => Err(other),
        }
    }

    /// All DNS records of one type for a name in ASCII.
    ///
    /// # Errors
    /// Where DNS has none, or fails.
    pub(super) async fn records(
        &self,
        name: &str,
        kind: RecordType,
    ) -> Result<Vec<RData>, ResolveError> {
        let mut name = Name::from_str_relaxed(name).map_err(|_| ResolveError::NoSuchName)?;
        // The domain of an address is complete: no search list applies.
        name.set_fqdn(true);
        let found = self.dns.lookup(name, kind).await;
        let found = found.map_err(ResolveError::Failed)?;
        Ok(found.answers().iter().map(|r| r.data.clone()).collect())
    }

    async fn query(&self, name: Name, kind: RecordType) -> Result<LookedUp, ResolveError> {
        match self.dns.lookup(name, kind).await {
            Ok(found) => {
                let found = LookedUp::read(found.answers());
                if found.addresses.is_empty() {
                    return Err(ResolveError::NoSuchName);
                }
                Ok(found)
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none)))
                if matches!(
                    none.response_code,
                    ResponseCode::NXDomain | ResponseCode::NoError
                ) =>
            {
                Err(ResolveError::NoSuchName)
            }
            Err(error) => Err(ResolveError::Failed(error)),
        }
    }
}

impl LookedUp {
    fn read(answers: &[Record]) -> Self {
        Self {
            addresses: answers.iter().filter_map(|r| r.data.ip_addr()).collect(),
            aliases: answers
                .iter()
                .filter_map(|r| match &r.data {
                    RData::CNAME(name) => Some(name.0.to_utf8().trim_end_matches('.').to_owned()),
                    _ => None,
                })
                .collect(),
            in_hosts_file: false,
        }
    }
}

/// Waits for the answer of the other address family: at most `limit`, where the first answer is
/// enough to go on.
async fn second(
    answer: impl Future<Output = Result<LookedUp, ResolveError>>,
    limit: Option<Duration>,
) -> Result<LookedUp, ResolveError> {
    match limit {
        Some(limit) => timeout(limit, answer)
            .await
            .unwrap_or_else(|_| Ok(LookedUp::default())),
        None => answer.await,
    }
}
