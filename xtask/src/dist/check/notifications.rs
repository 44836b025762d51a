//! Receives the notifications of a service to its manager, by the protocol of `sd_notify(3)`.

use anyhow::{Context, Result, bail};
use std::{
    fs::{self, Permissions},
    io::ErrorKind,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::Path,
    time::{Duration, Instant},
};

/// The socket of a service manager.
pub struct Notifications(UnixDatagram);

impl Notifications {
    /// Binds the socket, to which every user may send.
    pub fn bind(path: &Path) -> Result<Self> {
        // That of the service before.
        let _ = fs::remove_file(path);
        let socket = UnixDatagram::bind(path);
        let socket = socket.with_context(|| format!("cannot bind {}", path.display()))?;
        fs::set_permissions(path, Permissions::from_mode(0o666))?;
        Ok(Self(socket))
    }

    /// Discards what has been received. The queue of the socket is short, and a service does not wait for room.
    pub fn discard(&self) -> Result<()> {
        self.0.set_nonblocking(true)?;
        while self.0.recv(&mut [0; 4096]).is_ok() {}
        Ok(self.0.set_nonblocking(false)?)
    }

    /// Waits for a notification with this line.
    pub fn wait(&self, line: &str, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        let mut buffer = [0; 4096];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!(
                    "the service did not notify {line} within {} s",
                    limit.as_secs()
                );
            }
            self.0.set_read_timeout(Some(left))?;
            match self.0.recv(&mut buffer) {
                Ok(length) => {
                    let text = String::from_utf8_lossy(&buffer[..length]);
                    if text.lines().any(|found| found == line) {
                        return Ok(());
                    }
                }
                Err(error) if is_transient(error.kind()) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn is_transient(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
