//! From a host and port to a TCP connection: name resolution, address policy, Happy Eyeballs.

mod discover;
mod happy_eyeballs;
mod http;
mod policy;
mod public;
mod records;
mod resolve;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::{Event, Failure, Fault, Host, SmtpSettings, Stage};
use hickory_resolver::net::NetError;
use rustls::RootCertStore;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::smtp::names;
use crate::smtp::observer::SessionObserver;
use crate::smtp::wire::Tls;
use happy_eyeballs::{interleave, race, report_denied};
use resolve::{LookedUp, ResolveError};

pub use http::ByteStream;
pub use policy::{AddressPolicy, PolicyError};
pub use public::PublicAddresses;
pub use records::{DnsData, DnsFailure, DnsType};
pub use resolve::Resolver;

/// What every connection is made with: name servers, permitted addresses, trusted roots. Made once
/// and cheap to clone.
#[derive(Clone)]
pub struct Dialer {
    shared: Arc<Shared>,
    /// Where only public addresses are permitted: those that count as such.
    public: Option<Arc<PublicAddresses>>,
}

struct Shared {
    resolver: Resolver,
    policy: AddressPolicy,
    tls: Tls,
}

/// A server to connect to.
#[derive(Clone, Copy)]
struct Target<'a> {
    host: &'a Host,
    port: u16,
    /// The time for each address.
    connect_timeout: Duration,
    lookup_timeout: Duration,
}

/// Why a [`Dialer`] cannot be made.
#[derive(Debug, Error)]
pub enum DialerError {
    /// The configuration of name servers cannot be used.
    #[error("the resolver cannot be set up: {0}")]
    Resolver(#[from] NetError),
    /// The TLS configuration cannot be built.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Dialer {
    /// With this machine's name servers, hosts file and trusted roots, each read once.
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` count.
    ///
    /// # Errors
    /// Where the resolver or TLS cannot be set up.
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

    /// With this resolver and these roots.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
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
            public: None,
        })
    }

    /// A dialer for relays of accounts: it connects to these addresses only, of those that this one
    /// connects to.
    pub fn limited_to(&self, public: PublicAddresses) -> Self {
        Self {
            shared: self.shared.clone(),
            public: Some(Arc::new(public)),
        }
    }

    /// Why it may not connect to an address; `None` where it may.
    fn denial(&self, address: IpAddr) -> Option<Fault> {
        if !self.shared.policy.permits(address) {
            return Some(Fault::AddressNotAllowed);
        }
        let public = self.public.as_ref();
        public
            .is_some_and(|public| !public.contain(address))
            .then_some(Fault::AddressNotPublic)
    }

    fn resolver(&self) -> &Resolver {
        &self.shared.resolver
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.shared.tls
    }

    /// Looks the host up and connects. `connect_timeout` is the time for each address,
    /// `command_timeout` that for the look-up.
    pub(super) async fn connect(
        &self,
        settings: &SmtpSettings,
        observer: &SessionObserver,
    ) -> Result<TcpStream, Failure> {
        let target = Target {
            host: &settings.host,
            port: settings.port,
            connect_timeout: settings.connect_timeout,
            lookup_timeout: settings.command_timeout,
        };
        self.connect_to(target, observer).await
    }

    async fn connect_to(
        &self,
        target: Target<'_>,
        observer: &SessionObserver,
    ) -> Result<TcpStream, Failure> {
        let addresses = match target.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                observer.begin(Stage::Dns);
                self.look_up(name, target.lookup_timeout, observer).await?
            }
        };
        observer.begin(Stage::Tcp);
        let (permitted, denied): (Vec<_>, Vec<_>) = interleave(addresses)
            .into_iter()
            .map(|address| SocketAddr::new(address, target.port))
            .partition(|target| self.denial(target.ip()).is_none());
        report_denied(&denied, observer);
        if permitted.is_empty() {
            return Err(self.denied(&denied));
        }
        let tcp = race(permitted, target.connect_timeout, observer).await?;
        // With Nagle's algorithm a delayed acknowledgement holds each small write back for 40 ms.
        tcp.set_nodelay(true)
            .map_err(|error| Failure::new(Stage::Tcp, Fault::Reset, error.to_string()))?;
        Ok(tcp)
    }

    /// The failure where all addresses are denied.
    fn denied(&self, targets: &[SocketAddr]) -> Failure {
        let denials = targets.iter().filter_map(|to| self.denial(to.ip()));
        let not_public = { denials }.any(|fault| fault == Fault::AddressNotPublic);
        let addresses: Vec<String> = targets.iter().map(|to| to.ip().to_string()).collect();
        let addresses = addresses.join(", ");
        match not_public {
            true => Failure::new(
                Stage::Tcp,
                Fault::AddressNotPublic,
                format!(
                    "{addresses} is not a public address, as relays and webhooks of accounts have"
                ),
            ),
            false => Failure::new(
                Stage::Tcp,
                Fault::AddressNotAllowed,
                format!("this Postern may not connect to {addresses}"),
            ),
        }
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
        observer.emit(|| {
            let nothing = LookedUp::default();
            let found = found.as_ref().ok().and_then(|found| found.as_ref().ok());
            Event::Resolved(resolver.describe(&ascii, found.unwrap_or(&nothing)))
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

#[cfg(test)]
mod tests {
    use domain::{Form, Label};
    use hickory_resolver::Hosts;
    use hickory_resolver::config::{ResolverConfig, ResolverOpts};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn small_writes_are_not_delayed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let resolver = Resolver::new(config, ResolverOpts::default(), Hosts::default());
        let dialer = Dialer::with(
            AddressPolicy::default(),
            resolver.expect("a resolver"),
            RootCertStore::empty(),
        );
        let settings = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "127.0.0.1")
            .with(Label::Port, &port.to_string())
            .parse()
            .expect("valid");
        let dialer = dialer.expect("a dialer");
        let tcp = dialer.connect(&settings, &SessionObserver::none()).await;
        let nodelay = tcp.expect("a connection").nodelay();
        assert!(nodelay.expect("the option"), "TCP_NODELAY is not set");
    }
}
