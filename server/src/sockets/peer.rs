//! The process at the other end of a Unix socket, as the kernel knows it (`SO_PEERCRED`).

use std::io;

use tokio::net::UnixStream;

/// A process that connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The user id it had when it connected.
    pub uid: u32,
    /// Its process id; `None` where the system does not report it.
    pub pid: Option<i32>,
}

/// The process that connected `stream`.
///
/// # Errors
/// Where the system does not report the peer.
pub fn of(stream: &UnixStream) -> io::Result<Peer> {
    let credentials = stream.peer_cred()?;
    Ok(Peer {
        uid: credentials.uid(),
        pid: credentials.pid(),
    })
}

#[cfg(test)]
mod tests {
    use nix::unistd::getuid;

    use super::*;

    #[tokio::test]
    async fn a_peer_is_the_user_and_the_process_that_connected() {
        let (stream, _other) = UnixStream::pair().expect("two streams");
        let peer = of(&stream).expect("credentials");
        assert_eq!(peer.uid, getuid().as_raw());
        let own = i32::try_from(std::process::id()).expect("a process id");
        assert_eq!(peer.pid, Some(own));
    }
}
