//! Binds Unix sockets: a stale one is replaced, one in use is not, and no other file is removed.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket};

/// The connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Why a socket cannot be bound, in one line that names the path.
#[derive(Debug, thiserror::Error)]
pub enum SocketFault {
    /// The file system has no sockets, or the path is too long for one.
    #[error("{0}")]
    Unsupported(String),
    /// The path is in use, is not a socket, or cannot be written to.
    #[error("{0}")]
    Refused(String),
}

/// Listens on a Unix socket at `path`, whose file has the permissions `mode` before any client can
/// connect. The socket of a process that ended without removing it is replaced.
///
/// # Errors
/// [`SocketFault`]
pub fn bind(path: &Path, mode: u32) -> Result<UnixListener, SocketFault> {
    let socket = bound(path, mode)?;
    let file = SocketFile::of(path);
    let listener = socket
        .listen(BACKLOG)
        .map_err(|error| failed(path, &error))?;
    file.keep();
    Ok(listener)
}

/// A socket at `path` with the permissions `mode`, which does not listen yet: connections are refused.
fn bound(path: &Path, mode: u32) -> Result<UnixSocket, SocketFault> {
    remove_stale(path)?;
    let socket = UnixSocket::new_stream().map_err(|error| failed(path, &error))?;
    socket.bind(path).map_err(|error| failed(path, &error))?;
    let file = SocketFile::of(path);
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|error| failed(path, &error))?;
    file.keep();
    Ok(socket)
}

fn failed(path: &Path, error: &io::Error) -> SocketFault {
    let text = format!("cannot listen on {}: {error}", path.display());
    match error.kind() {
        // What `bind` fails with on file systems without sockets, and for paths of more than 107 octets.
        ErrorKind::Unsupported | ErrorKind::InvalidInput => SocketFault::Unsupported(text),
        _ => SocketFault::Refused(text),
    }
}

/// What is at a path where a Unix socket may be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketPathState {
    /// Nothing.
    Free,
    /// The socket of a process that ended without removing it.
    Stale,
    /// The socket of a process.
    InUse,
    /// A file that is not a socket.
    OtherFile,
}

/// Looks at a path, unnoticed by a process that has bound it.
///
/// # Errors
/// Where it cannot be read, or this user may not connect to its socket.
pub fn path_state(path: &Path) -> io::Result<SocketPathState> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(SocketPathState::Free),
        found => found?,
    };
    if !metadata.file_type().is_socket() {
        return Ok(SocketPathState::OtherFile);
    }
    // Unlike that of a stream, the connect of a datagram socket never waits, and it fails with another
    // error where a process has bound the socket, also before that process listens.
    let connected = UnixDatagram::unbound().and_then(|socket| socket.connect(path));
    match connected {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(SocketPathState::Stale),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error),
        _ => Ok(SocketPathState::InUse),
    }
}

/// Removes a socket that no process has bound.
fn remove_stale(path: &Path) -> Result<(), SocketFault> {
    let refused = |what: &str| Err(SocketFault::Refused(format!("{} {what}", path.display())));
    match path_state(path).map_err(|error| failed(path, &error))? {
        SocketPathState::Free => Ok(()),
        SocketPathState::Stale => fs::remove_file(path).map_err(|error| failed(path, &error)),
        SocketPathState::InUse => refused("is in use by another process"),
        SocketPathState::OtherFile => refused("is not a socket and is not replaced"),
    }
}

/// Removes the file of a socket when it is dropped, so that clients find no socket without a listener.
#[derive(Debug)]
pub struct SocketFile(Option<PathBuf>);

impl SocketFile {
    /// The file of a socket that this process has bound.
    pub fn of(path: &Path) -> Self {
        Self(Some(path.to_owned()))
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let Some(path) = &self.0 else { return };
        let is_socket = |found: fs::Metadata| found.file_type().is_socket();
        if fs::symlink_metadata(path).is_ok_and(is_socket) {
            // One that cannot be removed is replaced at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener as StdListener, UnixStream};

    use super::*;

    /// A folder, and the path of a socket in it.
    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        (folder, path)
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced() {
        let (_folder, path) = place();
        drop(StdListener::bind(&path).expect("bound"));
        assert!(path.exists(), "its process did not remove it");
        let _listener = bind(&path, 0o600).expect("bound");
        UnixStream::connect(&path).expect("connected");
    }

    #[tokio::test]
    async fn a_socket_in_use_is_refused_and_stays() {
        let (_folder, path) = place();
        let other = StdListener::bind(&path).expect("bound");
        let refused = bind(&path, 0o600).expect_err("in use").to_string();
        assert!(refused.contains("in use"), "{refused}");
        assert!(refused.contains(&path.display().to_string()), "{refused}");
        let _client = UnixStream::connect(&path).expect("connected");
        other.accept().expect("the first listener has it");
    }

    #[tokio::test]
    async fn a_socket_that_does_not_listen_yet_is_in_use() {
        let (_folder, path) = place();
        let _other = bound(&path, 0o600).expect("bound");
        let refused = bind(&path, 0o600).expect_err("in use").to_string();
        assert!(refused.contains("in use"), "{refused}");
    }

    #[tokio::test]
    async fn a_file_that_is_not_a_socket_stays() {
        let (folder, path) = place();
        fs::write(&path, "some text").expect("written");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        for path in [&path, &link, &folder.path().to_owned()] {
            let refused = bind(path, 0o600).expect_err("not a socket").to_string();
            assert!(refused.contains("is not a socket"), "{refused}");
        }
        let kept = fs::read_to_string(&link).expect("read through the link");
        assert_eq!(kept, "some text");
    }

    #[tokio::test]
    async fn permissions_are_set_before_anybody_can_connect() {
        for mode in [0o600, 0o666] {
            let (_folder, path) = place();
            let socket = bound(&path, mode).expect("bound");
            let metadata = fs::metadata(&path).expect("there");
            assert_eq!(metadata.permissions().mode() & 0o777, mode);
            let refused = UnixStream::connect(&path).expect_err("it does not listen");
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            let _listener = socket.listen(1).expect("listening");
            UnixStream::connect(&path).expect("connected");
        }
    }

    #[tokio::test]
    async fn a_socket_is_removed_at_the_end_and_no_other_file() {
        let (folder, path) = place();
        let listener = bind(&path, 0o600).expect("bound");
        drop((listener, SocketFile::of(&path)));
        assert!(!path.exists());
        let text = folder.path().join("text");
        fs::write(&text, "some text").expect("written");
        drop(SocketFile::of(&text));
        assert!(text.exists());
    }

    #[tokio::test]
    async fn a_path_that_cannot_be_bound_is_named() {
        let (folder, _) = place();
        for path in [
            folder.path().join("missing").join("socket"),
            folder.path().join("x".repeat(120)),
        ] {
            let refused = bind(&path, 0o600).expect_err("no such folder, or too long");
            let refused = refused.to_string();
            let named = format!("cannot listen on {}: ", path.display());
            assert!(refused.starts_with(&named), "{refused}");
        }
    }
}
