//! From a host and port to a TCP connection: all addresses, staggered (RFC 8305).

pub(super) mod discover;
pub(super) mod policy;
pub(super) mod resolve;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::event::{ConnectAttempt, ConnectOutcome};
use domain::{Event, Failure, Fault, Host, SmtpSettings, Stage};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use hickory_resolver::net::NetError;
use rustls::RootCertStore;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use crate::smtp::dial::resolve::{Found, ResolveError, Resolver};
use crate::smtp::wire::tls::Tls;
use crate::smtp::{AddressPolicy, SessionObserver, names};

/// The pause before the next address is tried beside those under way (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// More addresses than this are not tried: they would be somebody's joke.
const MOST_ADDRESSES: usize = 16;

/// What every connection is made with: name servers, permitted addresses, trusted roots. Made
/// once, cheap to clone.
#[derive(Clone)]
pub struct Dialer {
    shared: Arc<Shared>,
}

struct Shared {
    resolver: Resolver,
    policy: AddressPolicy,
    tls: Tls,
}

/// Why there is no dialer.
#[derive(Debug, Error)]
pub enum DialerError {
    #[error("the resolver cannot be set up: {0}")]
    Resolver(#[from] NetError),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Dialer {
    /// With this machine's name servers, hosts file and trusted roots; `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` count. All of it is read once.
    pub fn new(policy: AddressPolicy) -> Result<Self, DialerError> {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "trusted certificates cannot be read");
        }
        let mut roots = RootCertStore::empty();
        let (read, _) = roots.add_parsable_certificates(found.certs);
        if read == 0 {
            tracing::warn!("this machine trusts no certificate authority; no relay will verify");
        }
        Self::with(policy, Resolver::system()?, roots)
    }

    /// With these name servers and these roots alone.
    pub fn with(
        policy: AddressPolicy,
        resolver: Resolver,
        roots: RootCertStore,
    ) -> Result<Self, DialerError> {
        Ok(Self {
            shared: Arc::new(Shared {
                resolver,
                policy,
                tls: Tls::new(roots)?,
            }),
        })
    }

    pub(crate) fn resolver(&self) -> &Resolver {
        &self.shared.resolver
    }

    pub(crate) fn tls(&self) -> &Tls {
        &self.shared.tls
    }

    /// Looks the host up and connects. `connect_timeout` counts for each address,
    /// `command_timeout` for the look-up.
    pub(crate) async fn connect(
        &self,
        settings: &SmtpSettings,
        observer: &SessionObserver,
    ) -> Result<TcpStream, Failure> {
        let addresses = match &settings.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                observer.begin(Stage::Dns);
                self.look_up(name, settings.command_timeout, observer)
                    .await?
            }
        };
        observer.begin(Stage::Tcp);
        let (permitted, denied): (Vec<_>, Vec<_>) = interleave(addresses)
            .into_iter()
            .map(|address| SocketAddr::new(address, settings.port))
            .partition(|target| self.shared.policy.permits(target.ip()));
        for target in &denied {
            tell(
                observer,
                *target,
                ConnectOutcome::NotAllowed,
                Instant::now(),
            );
        }
        if permitted.is_empty() {
            return Err(Failure::new(
                Stage::Tcp,
                Fault::AddressNotAllowed,
                format!("this Postern may not connect to {}", listed(&denied)),
            ));
        }
        let tcp = race(permitted, settings.connect_timeout, observer).await?;
        // Otherwise a delayed acknowledgement holds each small write back for 40 ms.
        tcp.set_nodelay(true)
            .map_err(|error| Failure::new(Stage::Tcp, Fault::Reset, error.to_string()))?;
        Ok(tcp)
    }

    async fn look_up(
        &self,
        name: &str,
        within: Duration,
        observer: &SessionObserver,
    ) -> Result<Vec<IpAddr>, Failure> {
        let failed = |fault, detail| Err(Failure::new(Stage::Dns, fault, detail));
        let Some(ascii) = names::to_ascii(name) else {
            return failed(Fault::NameNotFound, format!("{name} has no form in DNS"));
        };
        let resolver = &self.shared.resolver;
        let found = timeout(within, resolver.addresses(&ascii)).await;
        observer.tell(|| {
            let nothing = Found::default();
            let found = found.as_ref().ok().and_then(|found| found.as_ref().ok());
            Event::Resolved(resolver.told(&ascii, found.unwrap_or(&nothing)))
        });
        match found {
            Ok(Ok(found)) => Ok(found.addresses),
            Ok(Err(error @ ResolveError::NoSuchName)) => {
                failed(Fault::NameNotFound, format!("{name}: {error}"))
            }
            Ok(Err(error @ ResolveError::Failed(_))) => {
                failed(Fault::ResolverFailed, format!("{name}: {error}"))
            }
            Err(_) => failed(
                Fault::ResolverFailed,
                format!("{name}: DNS did not answer within {} s", within.as_secs()),
            ),
        }
    }
}

/// IPv6 and IPv4 in turn, IPv6 first (RFC 8305 section 4), each address once.
fn interleave(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let (v6, v4): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv6);
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let mut ordered = Vec::new();
    loop {
        let pair = [v6.next(), v4.next()];
        if pair == [None, None] {
            ordered.truncate(MOST_ADDRESSES);
            return ordered;
        }
        for address in pair.into_iter().flatten() {
            if !ordered.contains(&address) {
                ordered.push(address);
            }
        }
    }
}

/// The first address to answer; those behind it are given up.
async fn race(
    targets: Vec<SocketAddr>,
    within: Duration,
    observer: &SessionObserver,
) -> Result<TcpStream, Failure> {
    let mut waiting = targets.into_iter();
    let mut running = FuturesUnordered::new();
    let mut trying: Vec<(SocketAddr, Instant)> = Vec::new();
    let mut failures: Vec<Failure> = Vec::new();
    let mut next_start = Instant::now();
    loop {
        tokio::select! {
            biased;
            Some((target, begun, outcome)) = running.next() => {
                let reach = match &outcome {
                    Ok(_) => ConnectOutcome::Connected,
                    Err(failure) => reach(failure),
                };
                tell(observer, target, reach, begun);
                trying.retain(|(other, _)| *other != target);
                match outcome {
                    Ok(tcp) => {
                        for (target, begun) in trying {
                            tell(observer, target, ConnectOutcome::GivenUp, begun);
                        }
                        return Ok(tcp);
                    }
                    Err(failure) => {
                        failures.push(failure);
                        next_start = Instant::now();
                    }
                }
            },
            () = sleep_until(next_start), if waiting.len() > 0 => {
                if let Some(target) = waiting.next() {
                    let begun = Instant::now();
                    trying.push((target, begun));
                    running.push(async move { (target, begun, attempt(target, within).await) });
                }
                next_start = Instant::now() + ATTEMPT_DELAY;
            }
            else => return Err(worst(failures)),
        }
    }
}

async fn attempt(target: SocketAddr, within: Duration) -> Result<TcpStream, Failure> {
    let failed = |fault, detail| Err(Failure::new(Stage::Tcp, fault, detail));
    match timeout(within, TcpStream::connect(target)).await {
        Ok(Ok(tcp)) => Ok(tcp),
        Ok(Err(error)) => match error.kind() {
            io::ErrorKind::ConnectionRefused => failed(
                Fault::ConnectionRefused,
                format!("{target} refused the connection"),
            ),
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                failed(Fault::Reset, format!("{target} cut the connection"))
            }
            io::ErrorKind::TimedOut => failed(Fault::NoAnswer, format!("no answer from {target}")),
            _ => failed(Fault::Unreachable, format!("{target}: {error}")),
        },
        Err(_) => failed(
            Fault::NoAnswer,
            format!("no answer from {target} within {} s", within.as_secs()),
        ),
    }
}

/// What a failed attempt says of the address.
fn reach(failure: &Failure) -> ConnectOutcome {
    match failure.fault {
        Fault::ConnectionRefused => ConnectOutcome::Refused,
        Fault::NoAnswer => ConnectOutcome::NoAnswer,
        Fault::Reset => ConnectOutcome::Reset,
        _ => ConnectOutcome::Unreachable,
    }
}

fn tell(observer: &SessionObserver, target: SocketAddr, outcome: ConnectOutcome, begun: Instant) {
    observer.tell(|| {
        Event::Tried(ConnectAttempt {
            address: target.to_string(),
            outcome,
            milliseconds: begun.elapsed().into(),
        })
    });
}

/// Of several addresses' failures the one that came furthest, with the particulars of all.
fn worst(failures: Vec<Failure>) -> Failure {
    let furthest = |failure: &Failure| match failure.fault {
        Fault::Reset => 3,
        Fault::ConnectionRefused => 2,
        Fault::NoAnswer => 1,
        _ => 0,
    };
    let detail = failures
        .iter()
        .map(|failure| failure.detail.as_str())
        .collect::<Vec<_>>()
        .join("; ");
    let fault = failures
        .into_iter()
        .max_by_key(furthest)
        .map_or(Fault::Unreachable, |failure| failure.fault);
    Failure::new(Stage::Tcp, fault, detail)
}

fn listed(targets: &[SocketAddr]) -> String {
    targets
        .iter()
        .map(|target| target.ip().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        assert_eq!(
            interleave(addresses(&[
                "192.0.2.1",
                "192.0.2.2",
                "192.0.2.1",
                "2001:db8::1"
            ])),
            addresses(&["2001:db8::1", "192.0.2.1", "192.0.2.2"])
        );
        let many = (0..100).map(|n| IpAddr::from([192, 0, 2, n])).collect();
        assert_eq!(interleave(many).len(), MOST_ADDRESSES);
    }
}
