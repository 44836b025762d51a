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
