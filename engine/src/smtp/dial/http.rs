//! Connections to web servers: the address policy of relays, and TLS that is always verified.

use std::time::Duration;

use domain::Host;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::{Dialer, Target};
use crate::smtp::observer::SessionObserver;

/// The time for each address of a host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The time for the look-up, and for the TLS handshake.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection, encrypted or not.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

impl Dialer {
    /// Connects to a web server, with TLS if `encrypted`. Its certificate must be valid for the host, by the
    /// roots of this machine.
    ///
    /// # Errors
    /// Why there is no connection, as a sentence for people.
    pub(crate) async fn connect_to_web(
        &self,
        host: &Host,
        port: u16,
        encrypted: bool,
    ) -> Result<Box<dyn ByteStream>, String> {
        let target = Target {
            host,
            port,
            connect_timeout: CONNECT_TIMEOUT,
            lookup_timeout: STEP_TIMEOUT,
        };
        let connected = self.connect_to(target, &SessionObserver::none()).await;
        let tcp = connected.map_err(|failure| failure.detail)?;
        if !encrypted {
            return Ok(Box::new(tcp));
        }
        let handshake = self.tls().handshake_with_web(tcp, host);
        match timeout(STEP_TIMEOUT, handshake).await {
            Ok(stream) => Ok(Box::new(stream?)),
            Err(_) => Err(format!(
                "no TLS handshake within {} s",
                STEP_TIMEOUT.as_secs()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::Hosts;
    use hickory_resolver::config::{ResolverConfig, ResolverOpts};
    use testkit::pki::{ServerTls, by_unknown_authority, roots, trusted};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::smtp::{AddressPolicy, Resolver};

    fn dialer() -> Dialer {
        let config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let resolver = Resolver::new(config, ResolverOpts::default(), Hosts::default());
        let resolver = resolver.expect("a resolver");
        Dialer::with(AddressPolicy::default(), resolver, roots()).expect("a dialer")
    }

    /// The port of a server that sends `hello`, within TLS if it has a certificate.
    async fn server(tls: Option<ServerTls>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.expect("a connection");
            match tls {
                None => {
                    // The client may have closed the connection.
                    let _ = tcp.write_all(b"hello").await;
                    let _ = tcp.read(&mut [0; 1]).await;
                }
                Some(tls) => {
                    if let Ok(mut stream) = TlsAcceptor::from(tls).accept(tcp).await {
                        let _ = stream.write_all(b"hello").await;
                        let _ = stream.read(&mut [0; 1]).await;
                    }
                }
            }
        });
        port
    }

    #[tokio::test]
    async fn a_certificate_must_be_valid_for_the_host() {
        let host: Host = "127.0.0.1".parse().expect("a host");
        for (tls, encrypted, expected) in [
            (Some(trusted(&["127.0.0.1"])), true, Ok(())),
            (None, false, Ok(())),
            (
                Some(trusted(&["example.org"])),
                true,
                Err("not for 127.0.0.1"),
            ),
            (
                Some(by_unknown_authority(&["127.0.0.1"], 2020, 2999)),
                true,
                Err("this machine does not know"),
            ),
            (None, true, Err("not TLS")),
        ] {
            let port = server(tls).await;
            let connected = dialer().connect_to_web(&host, port, encrypted).await;
            match (connected, expected) {
                (Ok(mut stream), Ok(())) => {
                    let mut sent = [0; 5];
                    stream.read_exact(&mut sent).await.expect("octets");
                    assert_eq!(&sent, b"hello");
                }
                (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
                (Ok(_), Err(part)) => panic!("connected, not {part}"),
                (Err(text), Ok(())) => panic!("{text}"),
            }
        }
    }

    #[tokio::test]
    async fn metadata_addresses_are_denied() {
        for address in ["169.254.169.254", "fe80::1", "0.0.0.0"] {
            let host: Host = address.parse().expect("a host");
            let connected = dialer().connect_to_web(&host, 80, false).await;
            let text = connected.err().expect("denied");
            assert!(text.contains("may not connect to"), "{text}");
        }
    }
}
